import { LivellmError } from "../core/error.ts";
import { sleep } from "../streams/signals.ts";

/** A session that is made of many calls makes one of them again after so long, in milliseconds, and then again. */
const waitsMs = [250, 1_000];

/** A provider that asks for more patience has failed: somebody is listening. */
const longestWaitMs = 2_000;

/**
 * Waits, where a call that has failed so often may go well in a moment; false at once where it is to be given up. Rejects when the
 * signal aborts.
 */
export async function worthAnotherTry(error: unknown, failures: number, signal: AbortSignal): Promise<boolean> {
  const waitMs = waitsMs[failures - 1];
  if (waitMs === undefined || !isPassing(error)) return false;
  const askedMs = error.facts.retryAfterMs ?? 0;
  if (askedMs > longestWaitMs) return false;
  await sleep(Math.max(waitMs, askedMs), signal);
  return true;
}

/** What is over in a moment: the network, an overloaded provider. One that was silent has had its time. */
export function isPassing(error: unknown): error is LivellmError {
  return error instanceof LivellmError && passing.includes(error.reason);
}

const passing = ["network", "provider_unavailable", "rate_limited", "stream_broken"];
