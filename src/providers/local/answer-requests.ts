import { parentPort, workerData } from "node:worker_threads";
import { endWorker, type WorkerAnswer, type WorkerRequest, type WorkerStart } from "./worker-pool.ts";

/** Throws when the request is not wanted any more; to be called between steps. */
export type StopIfCancelled = () => void;

/**
 * The worker's side of a pool: answers each request with what `answer` makes of it. `prepare` gets the pool's setup,
 * once, and again with the next request when it fails. Settings and requests come from this folder's own pools, and are
 * taken as they are.
 */
export function answerRequests<Setup, Request, Answer>(
  prepare: (setup: Setup) => Promise<(request: Request, stopIfCancelled: StopIfCancelled) => Promise<Answer>>,
): void {
  const { setup, cancelled } = workerData as WorkerStart;
  const cancelledId = new Int32Array(cancelled);
  let answer: ReturnType<typeof prepare> | undefined;
  parentPort?.on("message", async (message: WorkerRequest | typeof endWorker) => {
    if (message === endWorker) return parentPort?.close(); // the thread ends when nothing is under way
    const { id, request } = message;
    const stopIfCancelled = () => {
      if (Atomics.load(cancelledId, 0) === id) throw new Error("cancelled");
    };
    try {
      answer ??= prepare(setup as Setup).catch((error) => {
        answer = undefined; // what was missing may be there the next time
        throw error;
      });
      send({ id, answer: await (await answer)(request as Request, stopIfCancelled) });
    } catch (error) {
      send({ id, error: error instanceof Error ? error.message : String(error) });
    }
  });
}

function send(answer: WorkerAnswer): void {
  parentPort?.postMessage(answer);
}
