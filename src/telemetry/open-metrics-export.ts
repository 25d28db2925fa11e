import { type HrTime, ValueType } from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import type { Resource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  ConsoleMetricExporter,
  DataPointType,
  MeterProvider,
  type MetricData,
  type MetricProducer,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import type { ExportSettings, TelemetrySettings } from "../core/telemetry-settings.ts";
import { collectorOptions, grpcCollectorOptions } from "./collector.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import type { MetricSnapshot } from "./metric-snapshot.ts";
import { resourceOf } from "./resource.ts";

type MetricSettings = NonNullable<TelemetrySettings["metrics"]>;

/** Pushes the process's metrics to a collector from time to time. Loads OpenTelemetry's SDK, which counts nothing itself. */
export async function openMetricsExport(
  registry: MetricRegistry,
  settings: MetricSettings,
  attributes: TelemetrySettings["resource"],
): Promise<{ close(): Promise<void> }> {
  const resource = resourceOf(attributes);
  const reader = new PeriodicExportingMetricReader({
    exporter: await exporterOf(settings.export),
    exportIntervalMillis: settings.intervalMs,
    metricProducers: [producerOf(registry, resource)],
  });
  const provider = new MeterProvider({ resource, readers: [reader] });
  return { close: () => provider.shutdown() };
}

async function exporterOf(target: ExportSettings): Promise<PushMetricExporter> {
  if (target.protocol === "console") return new ConsoleMetricExporter();
  if (target.protocol === "grpc") {
    const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-grpc");
    return new OTLPMetricExporter(await grpcCollectorOptions(target));
  }
  const { OTLPMetricExporter } = await import("@opentelemetry/exporter-metrics-otlp-proto");
  return new OTLPMetricExporter(collectorOptions(target));
}

/** The registry's snapshots as the SDK passes metrics around. */
export function producerOf(registry: MetricRegistry, resource: Resource): MetricProducer {
  const startTime = millisToHrTime(registry.startTimeMs);
  return {
    async collect() {
      const times = { startTime, endTime: millisToHrTime(Date.now()) };
      const metrics = registry.snapshot().map((snapshot) => metricData(snapshot, times));
      return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: "livellm" }, metrics }] }, errors: [] };
    },
  };
}

interface Times {
  readonly startTime: HrTime;
  readonly endTime: HrTime;
}

function metricData(snapshot: MetricSnapshot, times: Times): MetricData {
  const { name, unit, description } = snapshot;
  const head = {
    descriptor: { name, unit, description, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  switch (snapshot.type) {
    case "counter":
      return {
        ...head,
        dataPointType: DataPointType.SUM,
        isMonotonic: true,
        dataPoints: numberPoints(snapshot, times),
      };
    case "gauge":
      return { ...head, dataPointType: DataPointType.GAUGE, dataPoints: numberPoints(snapshot, times) };
    case "histogram":
      return { ...head, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramPoints(snapshot, times) };
    default:
      return snapshot satisfies never;
  }
}

function numberPoints({ points }: MetricSnapshot & { readonly type: "counter" | "gauge" }, times: Times) {
  return points.map(({ attributes, value }) => ({ ...times, attributes, value }));
}

function histogramPoints({ points, boundaries }: MetricSnapshot & { readonly type: "histogram" }, times: Times) {
  return points.map(({ attributes, count, sum, buckets }) => {
    const value = { count, sum, buckets: { boundaries: [...boundaries], counts: [...buckets] } };
    return { ...times, attributes, value };
  });
}
