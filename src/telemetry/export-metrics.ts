import type { TelemetrySettings } from "../core/telemetry-settings.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** Pushes metrics where the settings say so; otherwise undefined, and nothing of OpenTelemetry is loaded. */
export async function exportMetrics(
  registry: MetricRegistry,
  { metrics, resource }: TelemetrySettings,
): Promise<{ close(): Promise<void> } | undefined> {
  if (!metrics) return undefined;
  const { openMetricsExport } = await import("./open-metrics-export.ts");
  return openMetricsExport(registry, metrics, resource);
}

/** A collector that does not answer must not hold up the end. What it answers is told where all failures are. */
export async function withinGrace(closing: readonly (Promise<void> | undefined)[], graceMs: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([Promise.allSettled(closing), late]);
  clearTimeout(timer);
}
