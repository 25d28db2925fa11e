import { performance } from "node:perf_hooks";

/**
 * How much of the time that something took the event loop was busy, from 0 to 1: nearly 1 when the work was done on it.
 */
export async function loopShare(work: () => Promise<unknown>): Promise<number> {
  const before = performance.eventLoopUtilization();
  await work();
  return performance.eventLoopUtilization(before).utilization;
}
