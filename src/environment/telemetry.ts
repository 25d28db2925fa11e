import {
  day,
  httpUrl,
  keyValues,
  oneOf,
  optional,
  orEmpty,
  secretKeyValues,
  sentryDsn,
  share,
  text,
  whole,
} from "./readers.ts";
import type { Variables } from "./variable.ts";

/** What is seen of it from outside: logs, traces, metrics. */
export const telemetryVariables = {
  LOG_LEVEL: {
    description: "`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.",
    default: "info",
    read: oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  },
  LIVELLM_LOG_FOLDER: {
    description: "Keeps the log in rotated files of this folder, and not on stdout. See `docs/observability.md`.",
    default: "",
    read: text,
  },
  LIVELLM_LOG_MAX_MEBIBYTES: {
    description: "A log file that has become so large is followed by another, as it is each day.",
    default: "100",
    read: whole(1, 10_000),
  },
  LIVELLM_LOG_KEPT_FILES: {
    description: "How many files of each log there are, with the one that is written; older ones are deleted.",
    default: "14",
    read: whole(1, 10_000),
  },
  LIVELLM_CONVERSATION_LOG: {
    description:
      "A folder where all that callers and models say is written down; nowhere when not set. See `docs/observability.md`.",
    default: "",
    read: text,
  },
  LIVELLM_CONVERSATION_LOG_DAYS: {
    description: "How many days it is kept.",
    default: "30",
    read: whole(1, 3650),
  },
  LIVELLM_CONVERSATION_LOG_MAX_MEBIBYTES: {
    description: "Files beyond that, all of them together, are deleted, the oldest first.",
    default: "1024",
    read: whole(1, 1_000_000),
  },
  SENTRY_DSN: {
    description:
      "Where faults of this server are reported, as Sentry gives it: `https://KEY@HOST/PROJECT`. See `docs/observability.md`.",
    default: "",
    read: optional(sentryDsn),
  },
  SENTRY_ENVIRONMENT: { description: "The environment that they are reported for.", default: "production", read: text },
  SENTRY_RELEASE: { description: "The release; this package and its version when not set.", default: "", read: text },
  SENTRY_TRACES_SAMPLE_RATE: {
    description: "The share of calls that are reported there too, without what they are made of.",
    default: "0",
    read: share,
  },
  OTEL_SDK_DISABLED: {
    description: "`true` exports nothing to OpenTelemetry, whatever the others say. See `docs/observability.md`.",
    default: "false",
    read: oneOf("true", "false"),
  },
  OTEL_SERVICE_NAME: { description: "What this server is called in traces and metrics.", default: "", read: text },
  OTEL_RESOURCE_ATTRIBUTES: {
    description: "What else is told of it: `deployment.environment.name=production,service.namespace=voice`.",
    default: "",
    read: keyValues,
  },
  OTEL_TRACES_EXPORTER: {
    description: "Where spans go: `otlp`, `console` or `none`. When not set, `otlp` where an endpoint is.",
    default: "",
    read: orEmpty(oneOf("otlp", "console", "none")),
  },
  OTEL_METRICS_EXPORTER: {
    description: "Where metrics are pushed: `otlp`, `console`, `none` or `prometheus`, which is `/metrics` alone.",
    default: "",
    read: orEmpty(oneOf("otlp", "console", "prometheus", "none")),
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    description: "Address of an OTLP collector, such as `http://localhost:4318`.",
    default: "",
    read: httpUrl,
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: { description: "The same for spans, with its path.", default: "", read: httpUrl },
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: { description: "For metrics.", default: "", read: httpUrl },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    description: "`http/protobuf` or `grpc`.",
    default: "http/protobuf",
    read: oneOf("http/protobuf", "grpc"),
  },
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: {
    description: "The same for spans.",
    default: "",
    read: orEmpty(oneOf("http/protobuf", "grpc")),
  },
  OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: {
    description: "For metrics.",
    default: "",
    read: orEmpty(oneOf("http/protobuf", "grpc")),
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    description: "Headers for the collector: `authorization=Bearer%20…,x-team=voice`, values percent-encoded.",
    default: "",
    read: secretKeyValues,
  },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { description: "More of them for spans.", default: "", read: secretKeyValues },
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: { description: "For metrics.", default: "", read: secretKeyValues },
  OTEL_METRIC_EXPORT_INTERVAL: {
    description: "How often metrics are pushed, in milliseconds.",
    default: "60000",
    read: whole(100, day),
  },
  OTEL_TRACES_SAMPLER: {
    description:
      "Which calls are traced: `always_on`, `always_off`, `traceidratio`, or these with `parentbased_` before them, which go by the caller's `traceparent` first.",
    default: "parentbased_always_on",
    read: oneOf(
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
    ),
  },
  OTEL_TRACES_SAMPLER_ARG: { description: "The share of calls that `traceidratio` traces.", default: "1", read: share },
  OTEL_BSP_SCHEDULE_DELAY: {
    description: "How long spans wait to be sent together, in milliseconds.",
    default: "5000",
    read: whole(1, day),
  },
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: {
    description: "Longer values of attributes of spans are cut.",
    default: "65536",
    read: whole(1, 1_073_741_824),
  },
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: {
    description: "`true` writes what is said to models, and what they say, into spans.",
    default: "false",
    read: oneOf("true", "false"),
  },
} as const satisfies Variables;
