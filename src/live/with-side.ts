import type { Channel } from "../streams/channel.ts";

/**
 * Yields what `main` yields, and in between what comes on `side`; it is over when `main` is, after what `side` has by then.
 * Each source is asked once per item and listened to once: racing a promise that stays open would keep every racer.
 */
export async function* withSide<T>(main: AsyncIterable<T>, side: Channel<T>): AsyncGenerator<T, void, undefined> {
  const ofMain = main[Symbol.asyncIterator]();
  const ofSide = side[Symbol.asyncIterator]();
  const arrivals = new Arrivals<T>();
  arrivals.ask(ofMain);
  arrivals.ask(ofSide);
  try {
    for (;;) {
      const { source, outcome } = await arrivals.next();
      const { done, value } = await outcome;
      if (done && source === ofMain) side.end();
      else if (done) return;
      else {
        yield value;
        arrivals.ask(source);
      }
    }
  } finally {
    side.end();
    await ofMain.return?.();
  }
}

interface Arrival<T> {
  readonly source: AsyncIterator<T>;
  readonly outcome: Promise<IteratorResult<T>>;
}

/** What has been asked for and has come. */
class Arrivals<T> {
  readonly #come: Arrival<T>[] = [];
  #wake: (() => void) | undefined;

  ask(source: AsyncIterator<T>): void {
    const outcome = source.next();
    const arrive = () => {
      this.#come.push({ source, outcome });
      this.#wake?.();
    };
    outcome.then(arrive, arrive);
  }

  async next(): Promise<Arrival<T>> {
    for (;;) {
      const first = this.#come.shift();
      if (first) return first;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
