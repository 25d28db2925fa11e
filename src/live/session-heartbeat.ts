import { withHeartbeat } from "../streams/heartbeat.ts";

/** A caller who waits for response headers gets them with the first message: it comes after so long at the latest. */
const firstBeatMs = 1000;

/** Yields what `source` yields, and `beat()` where it is silent: soon in the beginning, and then at each interval. */
export async function* withSessionHeartbeat<T>(
  source: AsyncIterable<T>,
  intervalMs: number,
  beat: () => T,
): AsyncGenerator<T, void, undefined> {
  yield* withHeartbeat(withFirstBeat(source, Math.min(firstBeatMs, intervalMs), beat), intervalMs, beat);
}

async function* withFirstBeat<T>(
  source: AsyncIterable<T>,
  afterMs: number,
  beat: () => T,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => resolve("late"), afterMs);
  try {
    let pending = iterator.next();
    if ((await Promise.race([pending, late])) === "late") yield beat();
    for (let result = await pending; !result.done; result = await pending) {
      yield result.value;
      pending = iterator.next();
    }
  } finally {
    clearTimeout(timer);
    await iterator.return?.();
  }
}
