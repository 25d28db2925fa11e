import { attribute } from "./attributes.ts";
import { buckets } from "./buckets.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** Tells how long a tool took, and whether it failed. */
export type MeterTool = (durationMs: number, failed: boolean) => void;

/** Tools bear names that callers and their MCP servers make up, so they are counted together. */
export function createToolMeter(registry: MetricRegistry): MeterTool {
  const family = registry.histogram(
    {
      name: "livellm.tool.duration",
      unit: "s",
      description: "How long tools took that this server ran.",
      attributes: [attribute.errorType],
    },
    buckets.operation,
  );
  return (durationMs, failed) => family.with(failed ? "tool_failed" : "").record(durationMs / 1000);
}
