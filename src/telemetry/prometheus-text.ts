import type { HistogramPoint, MetricSnapshot, NumberPoint } from "./metric-snapshot.ts";

/** The media type of the text. */
export const prometheusMediaType = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Metrics in Prometheus's text format, named by OpenTelemetry's rules: `rpc.server.call.duration` in
 * seconds is `rpc_server_call_duration_seconds` (OpenTelemetry specification, "Prometheus and OpenMetrics compatibility").
 */
export function prometheusText(metrics: readonly MetricSnapshot[]): string {
  return metrics
    .filter(({ points }) => points.length > 0)
    .map((metric) => `${headOf(metric)}${linesOf(metric)}`)
    .join("");
}

/** What Prometheus calls a metric; those of a histogram end in `_bucket`, `_sum` and `_count` besides. */
export function prometheusName({ name, unit, type }: Pick<MetricSnapshot, "name" | "unit" | "type">): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_:]/g, "_");
  const suffix = unit === "1" && type === "gauge" ? "ratio" : units.get(unit);
  const withUnit = suffix === undefined || plain.endsWith(`_${suffix}`) ? plain : `${plain}_${suffix}`;
  return type === "counter" ? `${withUnit}_total` : withUnit;
}

/** Units in braces are for people, and are left out. */
const units = new Map([
  ["s", "seconds"],
  ["By", "bytes"],
]);

function headOf(metric: MetricSnapshot): string {
  const name = prometheusName(metric);
  return `# HELP ${name} ${metric.description.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${metric.type}\n`;
}

function linesOf(metric: MetricSnapshot): string {
  const name = prometheusName(metric);
  if (metric.type !== "histogram") return metric.points.map((point) => numberLine(name, point)).join("");
  return metric.points.map((point) => histogramLines(name, point, metric.boundaries)).join("");
}

function numberLine(name: string, { attributes, value }: NumberPoint): string {
  return `${name}${labelsOf(attributes)} ${value}\n`;
}

function histogramLines(name: string, point: HistogramPoint, boundaries: readonly number[]): string {
  const { attributes, count, sum, buckets } = point;
  let below = 0;
  const lines = boundaries.map((boundary, i) => {
    below += buckets[i] ?? 0;
    return `${name}_bucket${labelsOf({ ...attributes, le: String(boundary) })} ${below}\n`;
  });
  lines.push(`${name}_bucket${labelsOf({ ...attributes, le: "+Inf" })} ${count}\n`);
  lines.push(`${name}_sum${labelsOf(attributes)} ${sum}\n`, `${name}_count${labelsOf(attributes)} ${count}\n`);
  return lines.join("");
}

function labelsOf(attributes: Readonly<Record<string, string>>): string {
  const labels = Object.entries(attributes).map(([name, value]) => `${labelName(name)}="${escaped(value)}"`);
  return labels.length === 0 ? "" : `{${labels.join(",")}}`;
}

function labelName(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9_]/g, "_");
}

function escaped(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
