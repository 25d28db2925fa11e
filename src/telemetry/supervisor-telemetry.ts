import type { TelemetrySettings } from "../core/telemetry-settings.ts";
import { exportMetrics, withinGrace } from "./export-metrics.ts";
import { MetricRegistry } from "./metric-registry.ts";
import type { MetricSnapshot } from "./metric-snapshot.ts";
import { createWorkerMeters, type WorkerMeters } from "./worker-meters.ts";

/** What the process tells that keeps the others, and serves nothing itself. */
export interface SupervisorTelemetry extends WorkerMeters {
  snapshot(): readonly MetricSnapshot[];
  /** Sends what waits, for as long as `graceMs` at most. */
  close(graceMs?: number): Promise<void>;
}

export interface SupervisorTelemetryOptions {
  readonly settings: TelemetrySettings;
  /** How many there are. */
  readonly workers: number;
  /** Told when nothing can be exported, with why. */
  readonly warn: (message: string) => void;
}

/** Counts what becomes of the workers. They show it on their pages; what is pushed to a collector is pushed from here. */
export async function createSupervisorTelemetry({
  settings,
  workers,
  warn,
}: SupervisorTelemetryOptions): Promise<SupervisorTelemetry> {
  const registry = new MetricRegistry();
  const meters = createWorkerMeters(registry, workers);
  const exporting = await exportMetrics(registry, settings);
  if (exporting) (await import("./export-failures.ts")).tellExportFailures(warn);
  return {
    ...meters,
    snapshot: () => registry.snapshot(),
    close: (graceMs = 2_000) => withinGrace([exporting?.close()], graceMs),
  };
}
