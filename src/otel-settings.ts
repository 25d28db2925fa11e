import type { ExportSettings, SamplerSettings, TelemetrySettings } from "./core/telemetry-settings.ts";
import type { Environment } from "./environment.ts";

type Signal = "TRACES" | "METRICS";

/**
 * What OpenTelemetry's own variables ask for. Nothing is exported unless an exporter or an endpoint is named (OpenTelemetry
 * specification, "Environment variable specification" and "OTLP exporter").
 */
export function otelSettings(env: Environment): TelemetrySettings {
  const traces = exportSettings("TRACES", env);
  const metrics = exportSettings("METRICS", env);
  return {
    resource: resourceOf(env),
    ...(traces && {
      traces: {
        export: traces,
        sampler: samplerOf(env),
        delayMs: env.OTEL_BSP_SCHEDULE_DELAY,
        maxValueLength: env.OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT,
        captureContent: env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT === "true",
      },
    }),
    ...(metrics && { metrics: { export: metrics, intervalMs: env.OTEL_METRIC_EXPORT_INTERVAL } }),
  };
}

function resourceOf({ OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: name }: Environment) {
  return { ...attributes, "service.name": name || attributes["service.name"] || "livellm" };
}

function exportSettings(signal: Signal, env: Environment): ExportSettings | undefined {
  const asked = env[`OTEL_${signal}_EXPORTER`];
  const endpoint = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] ?? env.OTEL_EXPORTER_OTLP_ENDPOINT;
  const exporter = asked === "" && endpoint !== undefined ? "otlp" : asked;
  if (env.OTEL_SDK_DISABLED === "true") return undefined;
  if (exporter === "console") return { protocol: "console", url: "", headers: {} };
  if (exporter !== "otlp") return undefined;
  const protocol = env[`OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`] || env.OTEL_EXPORTER_OTLP_PROTOCOL;
  const headers = { ...env.OTEL_EXPORTER_OTLP_HEADERS, ...env[`OTEL_EXPORTER_OTLP_${signal}_HEADERS`] };
  return { protocol, url: urlOf(signal, protocol, env), headers };
}

/** The common endpoint gets the signal's path over HTTP; the signal's own is the whole address. */
function urlOf(signal: Signal, protocol: ExportSettings["protocol"], env: Environment): string {
  const own = env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`];
  if (own !== undefined) return own;
  if (protocol === "grpc") return env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "http://localhost:4317";
  return `${env.OTEL_EXPORTER_OTLP_ENDPOINT ?? "http://localhost:4318"}/v1/${signal.toLowerCase()}`;
}

function samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio }: Environment): SamplerSettings {
  const kind = name.replace("parentbased_", "");
  const shares = { always_on: 1, always_off: 0, traceidratio: ratio };
  return { parentBased: name !== kind, ratio: shares[kind as keyof typeof shares] };
}
