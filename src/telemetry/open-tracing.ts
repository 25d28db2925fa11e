import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  ParentBasedSampler,
  type Sampler,
  SimpleSpanProcessor,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { SamplerSettings, TelemetrySettings } from "../core/telemetry-settings.ts";
import { collectorOptions, grpcCollectorOptions } from "./collector.ts";
import type { BeginningCall, ObservedCall } from "./observed-call.ts";
import { resourceOf } from "./resource.ts";
import { TracedCall } from "./traced-call.ts";
import { createSpanSource } from "./tracer.ts";

type TraceSettings = NonNullable<TelemetrySettings["traces"]>;

/** Traces of this process. */
export interface Tracing {
  /** A call with spans, beside what is counted of it. */
  begin(counted: ObservedCall, call: BeginningCall): ObservedCall;
  /** The headers that tell others which span their request belongs to. */
  outgoingHeaders(): Readonly<Record<string, string>>;
  /** Sends what waits. */
  close(): Promise<void>;
}

/** Loads OpenTelemetry's SDK: this module is imported only where traces are wanted. */
export async function openTracing(
  settings: TraceSettings,
  attributes: TelemetrySettings["resource"],
  providerNames: ReadonlyMap<string, string>,
): Promise<Tracing> {
  const provider = new TracerProvider({
    resource: resourceOf(attributes),
    sampler: samplerOf(settings.sampler),
    spanLimits: { attributeValueLengthLimit: settings.maxValueLength },
    spanProcessors: [await processorOf(settings)],
  });
  const spans = createSpanSource(provider.getTracer("livellm"));
  const { captureContent } = settings;
  return {
    begin: (counted, call) => new TracedCall(counted, call, { spans, captureContent, providerNames }),
    outgoingHeaders: spans.outgoingHeaders,
    close: () => provider.shutdown(),
  };
}

function samplerOf({ parentBased, ratio }: SamplerSettings): Sampler {
  const root = rootSampler(ratio);
  return parentBased ? new ParentBasedSampler({ root }) : root;
}

function rootSampler(ratio: number): Sampler {
  if (ratio === 1) return new AlwaysOnSampler();
  return ratio === 0 ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio);
}

async function processorOf({ export: target, delayMs }: TraceSettings): Promise<SpanProcessor> {
  if (target.protocol === "console") return new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() });
  const batch = { scheduledDelayMillis: delayMs };
  if (target.protocol === "grpc") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-grpc");
    return new BatchSpanProcessor({ ...batch, exporter: new OTLPTraceExporter(await grpcCollectorOptions(target)) });
  }
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
  return new BatchSpanProcessor({ ...batch, exporter: new OTLPTraceExporter(collectorOptions(target)) });
}
