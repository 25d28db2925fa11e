import { createAttemptMeters } from "./attempt-meters.ts";
import { type CallEnd, createCallMeters } from "./call-meters.ts";
import { createCallerMeters } from "./caller-meters.ts";
import { MeteredObservation } from "./metered-observation.ts";
import { MetricRegistry } from "./metric-registry.ts";
import type { BeginningCall, ObservedCall } from "./observed-call.ts";
import { observeProcess } from "./process-meters.ts";
import { createToolMeter } from "./tool-meters.ts";

/** What the process tells of itself. */
export interface Telemetry {
  readonly metrics: MetricRegistry;
  begin(call: BeginningCall): ObservedCall;
  /** A call that was refused before it began. */
  refused(rpc: string, end: CallEnd): void;
  close(): void;
}

export interface TelemetryOptions {
  /** What OpenTelemetry calls a kind of provider, where that is something else. */
  readonly providerNames: ReadonlyMap<string, string>;
}

/** Counts what happens. */
export function createTelemetry({ providerNames }: TelemetryOptions): Telemetry {
  const metrics = new MetricRegistry();
  const meters = {
    calls: createCallMeters(metrics),
    attempts: createAttemptMeters(metrics, providerNames),
    callers: createCallerMeters(metrics),
    tool: createToolMeter(metrics),
  };
  const processMeters = observeProcess(metrics);
  return {
    metrics,
    begin: (call) => new MeteredObservation(call, meters),
    refused: meters.calls.refused,
    close: () => processMeters[Symbol.dispose](),
  };
}
