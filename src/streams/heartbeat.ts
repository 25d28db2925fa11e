const silence = Symbol("silence");

/**
 * Yields what `source` yields, and `beat()` whenever it has been silent for so long. The pending `next()` is kept, so nothing
 * is lost and nothing is asked for twice.
 */
export async function* withHeartbeat<T>(
  source: AsyncIterable<T>,
  intervalMs: number,
  beat: () => T,
): AsyncGenerator<T, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let timer: NodeJS.Timeout | undefined;
  let wake: (value: typeof silence) => void = () => {};
  const arm = () =>
    new Promise<typeof silence>((resolve) => {
      wake = resolve;
      if (timer) timer.refresh();
      else timer = setTimeout(() => wake(silence), intervalMs);
    });
  try {
    for (;;) {
      const pending = iterator.next();
      let result = await Promise.race([pending, arm()]);
      while (result === silence) {
        yield beat();
        result = await Promise.race([pending, arm()]);
      }
      if (result.done) return;
      yield result.value;
    }
  } finally {
    clearTimeout(timer);
    await iterator.return?.();
  }
}
