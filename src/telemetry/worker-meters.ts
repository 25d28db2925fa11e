import { attribute, ownAttribute } from "./attributes.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** How a process ended. */
interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What is counted of the processes that serve one port, by the one that keeps them. */
export interface WorkerMeters {
  /** A worker has ended, and another takes its place. */
  replaced(worker: number, end: ProcessEnd): void;
}

/** By what became of it; a worker that has ended well has no error. */
const errorTypes = ["", "exited", "killed"] as const;

/** Every series is there from the start: an increase from nothing to one is none to Prometheus. */
export function createWorkerMeters(registry: MetricRegistry, workers: number): WorkerMeters {
  const restarts = registry.counter({
    name: "livellm.worker.restarts",
    unit: "{restart}",
    description:
      "Workers that have taken the place of one that ended: by a signal (killed), with a code that is not 0 (exited), or as it was told; absent where there are none.",
    attributes: [ownAttribute.worker, attribute.errorType],
  });
  for (let worker = 1; worker <= workers; worker++) for (const type of errorTypes) restarts.with(String(worker), type);
  return { replaced: (worker, end) => restarts.with(String(worker), errorTypeOf(end)).add() };
}

function errorTypeOf({ code, signal }: ProcessEnd): (typeof errorTypes)[number] {
  if (signal !== null) return "killed";
  return code === 0 ? "" : "exited";
}
