import type { StoreFaultResult } from "./store-fault-result.ts";
import type { Finding } from "./verdict.ts";

/** A call that took longer while the store was away was held up by it. */
const promptMs = 1_000;

/** What a fault of the store has shown, against the goals. */
export function findingsOfStore(result: StoreFaultResult): readonly Finding[] {
  const { fault, calls, changes, wrong } = result;
  return [
    {
      what: `the store: ${fault}`,
      goal: "calls go on, 0 failed",
      measured: `${calls.count} calls, ${calls.failed} failed, the slowest took ${calls.slowestMs.toFixed(0)} ms`,
      isMet: calls.count > 0 && calls.failed === 0 && calls.slowestMs < promptMs,
    },
    {
      what: `the store: ${fault}; changes meanwhile and afterwards`,
      goal: "`unavailable`, nothing half done; afterwards as ever",
      measured: wrong.length === 0 ? `${changes} changes, as they have to be` : wrong.join("; "),
      isMet: wrong.length === 0 && changes > 0,
    },
  ];
}
