import type { TelemetrySettings } from "../core/telemetry-settings.ts";
import { createAttemptMeters } from "./attempt-meters.ts";
import { type CallEnd, createCallMeters } from "./call-meters.ts";
import { createCallerMeters } from "./caller-meters.ts";
import { exportMetrics, withinGrace } from "./export-metrics.ts";
import { MeteredObservation } from "./metered-observation.ts";
import { MetricRegistry } from "./metric-registry.ts";
import type { BeginningCall, ObservedCall } from "./observed-call.ts";
import type { Tracing } from "./open-tracing.ts";
import { observeProcess } from "./process-meters.ts";
import { createToolMeter } from "./tool-meters.ts";

/** What the process tells of itself. */
export interface Telemetry {
  readonly metrics: MetricRegistry;
  begin(call: BeginningCall): ObservedCall;
  /** A call that was refused before it began. */
  refused(rpc: string, end: CallEnd): void;
  /** An error that a caller was told, whether or not its request became a call. */
  told(end: CallEnd): void;
  /** The headers that tell others which span a request of ours belongs to; absent when nothing is traced. */
  readonly outgoingHeaders?: () => Readonly<Record<string, string>>;
  /** Sends what waits, for as long as `graceMs` at most. */
  close(graceMs?: number): Promise<void>;
}

export interface TelemetryOptions {
  readonly settings: TelemetrySettings;
  /** What OpenTelemetry calls a kind of provider, where that is something else. */
  readonly providerNames: ReadonlyMap<string, string>;
  /** Told when nothing can be exported, with why. */
  readonly warn: (message: string) => void;
}

/** Counts what happens, and traces and exports it where the settings say so: OpenTelemetry's SDK is loaded only then. */
export async function createTelemetry({ settings, providerNames, warn }: TelemetryOptions): Promise<Telemetry> {
  const metrics = new MetricRegistry();
  const meters = {
    calls: createCallMeters(metrics),
    attempts: createAttemptMeters(metrics, providerNames),
    callers: createCallerMeters(metrics),
    tool: createToolMeter(metrics),
  };
  const tracing = await tracingOf(settings, providerNames);
  const exporting = await exportMetrics(metrics, settings);
  if (tracing || exporting) (await import("./export-failures.ts")).tellExportFailures(warn);
  const processMeters = observeProcess(metrics);
  const count = (call: BeginningCall) => new MeteredObservation(call, meters);
  return {
    metrics,
    begin: tracing ? (call) => tracing.begin(count(call), call) : count,
    refused: meters.calls.refused,
    told: meters.calls.told,
    ...(tracing && { outgoingHeaders: tracing.outgoingHeaders }),
    async close(graceMs = 2_000) {
      processMeters[Symbol.dispose]();
      await withinGrace([tracing?.close(), exporting?.close()], graceMs);
    },
  };
}

async function tracingOf(
  { traces, resource }: TelemetrySettings,
  providerNames: ReadonlyMap<string, string>,
): Promise<Tracing | undefined> {
  if (!traces) return undefined;
  const { openTracing } = await import("./open-tracing.ts");
  return openTracing(traces, resource, providerNames);
}
