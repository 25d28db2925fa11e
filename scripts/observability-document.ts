// Writes the table of metrics in docs/observability.md from the metrics that a server has: `node scripts/observability-document.ts`.
// A test compares the two.
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pino } from "pino";
import { createApp } from "../src/app.ts";
import { readConfig } from "../src/config.ts";
import { MetricRegistry } from "../src/telemetry/metric-registry.ts";
import type { MetricSnapshot } from "../src/telemetry/metric-snapshot.ts";
import { prometheusName } from "../src/telemetry/prometheus-text.ts";
import { createWorkerMeters } from "../src/telemetry/worker-meters.ts";

const file = path.join(import.meta.dirname, "../docs/observability.md");
const [begin, end] = ["<!-- metrics: scripts/observability-document.ts -->\n", "<!-- /metrics -->\n"];

/** Every metric of a server that has just been built, and of what keeps the workers of one. */
export async function allMetrics(): Promise<readonly MetricSnapshot[]> {
  const app = await createApp(readConfig({ DATABASE_URL: "sqlite::memory:" }), pino({ level: "silent" }));
  const metrics = app.metrics();
  await app.close();
  const workers = new MetricRegistry();
  createWorkerMeters(workers, 1);
  return [...metrics, ...workers.snapshot()];
}

/** The document as it is, and as it should be. */
export async function observabilityDocument(): Promise<{ readonly is: string; readonly shouldBe: string }> {
  const is = readFileSync(file, "utf8");
  const before = is.slice(0, is.indexOf(begin) + begin.length);
  return { is, shouldBe: before + metricsTable(await allMetrics()) + is.slice(is.indexOf(end)) };
}

function metricsTable(metrics: readonly MetricSnapshot[]): string {
  const rows = metrics.map((metric) => {
    const labels = metric.attributeNames.map((name) => `\`${name.replaceAll(/[^A-Za-z0-9_]/g, "_")}\``).join(", ");
    return `| \`${prometheusName(metric)}\` | ${metric.type} | ${metric.description} | ${labels || "–"} |`;
  });
  return `\n| metric | type | what | labels |\n|---|---|---|---|\n${rows.join("\n")}\n\n`;
}

if (import.meta.main) writeFileSync(file, (await observabilityDocument()).shouldBe);
