import type { Secret } from "./secret.ts";

/** Where spans, or metrics, are sent. */
export interface ExportSettings {
  readonly protocol: "grpc" | "http/protobuf" | "console";
  /** With `http/protobuf` the whole address, path included. */
  readonly url: string;
  /** They may hold credentials. */
  readonly headers: Readonly<Record<string, Secret>>;
}

/** Which calls are traced; a sampler that is based on the parent goes by what the caller's `traceparent` says first. */
export interface SamplerSettings {
  readonly parentBased: boolean;
  /** The share of the others: 0 for none, 1 for all. */
  readonly ratio: number;
}

/** What is told to OpenTelemetry. What is absent is not. */
export interface TelemetrySettings {
  /** Attributes of the resource, `service.name` among them. */
  readonly resource: Readonly<Record<string, string>>;
  readonly traces?: {
    readonly export: ExportSettings;
    readonly sampler: SamplerSettings;
    /** How long spans wait to be sent together. */
    readonly delayMs: number;
    readonly maxValueLength: number;
    /** Whether spans hold what is said. */
    readonly captureContent: boolean;
  };
  readonly metrics?: { readonly export: ExportSettings; readonly intervalMs: number };
}
