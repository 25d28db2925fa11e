import { Watchdog } from "../streams/watchdog.ts";

/**
 * Knows when a target of a session owes something, because only then is its silence a stall: a speaker, or a writer, may be
 * silent for as long as they like.
 */
export class Debts implements Disposable {
  readonly #watchdog: Watchdog;
  readonly #stallTimeoutMs: number;
  readonly #owed = new Set<string>();
  #waiting = false;

  constructor(stallTimeoutMs: number, stalled: () => void) {
    this.#stallTimeoutMs = Math.min(stallTimeoutMs, longestTimeoutMs);
    this.#watchdog = new Watchdog(stalled);
  }

  owe(what: string): void {
    this.#owed.add(what);
    this.#watch();
  }

  pay(what: string): void {
    this.#owed.delete(what);
    if (this.#owed.size === 0) this.#watchdog.rest();
  }

  /** The target is asked for what comes next. */
  wait(): void {
    this.#waiting = true;
    this.#watch();
  }

  /** Something came. */
  rest(): void {
    this.#waiting = false;
    this.#watchdog.rest();
  }

  [Symbol.dispose](): void {
    this.#watchdog[Symbol.dispose]();
  }

  #watch(): void {
    if (this.#waiting && this.#owed.size > 0) this.#watchdog.wait(this.#stallTimeoutMs);
  }
}

/** Node's longest timer. */
export const longestTimeoutMs = 2 ** 31 - 1;

/** Yields what a target says. Once `signal` aborts, as when what it owes takes too long, throws its reason. */
export async function* whileOwing<T>(
  events: AsyncIterable<T>,
  debts: Debts,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const iterator = events[Symbol.asyncIterator]();
  try {
    for (;;) {
      debts.wait();
      const { done, value } = await iterator.next();
      debts.rest();
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    debts.rest();
    await iterator.return?.();
  }
}

/**
 * Passes on what the caller says. Whoever took some of it owes the question for more: a target that no longer asks has stalled,
 * however it came to that. Not a generator, for what ../streams/tap.ts says of them.
 */
export function owingRoom<T>(input: AsyncIterable<T>, debts: Debts): AsyncIterable<T> {
  const source = input[Symbol.asyncIterator]();
  const owe = (result: IteratorResult<T>): IteratorResult<T> => {
    if (!result.done) debts.owe("room");
    return result;
  };
  const next = (): Promise<IteratorResult<T>> => {
    debts.pay("room");
    return source.next().then(owe);
  };
  const leave = async (): Promise<IteratorResult<T>> => (await source.return?.()) ?? { done: true, value: undefined };
  return { [Symbol.asyncIterator]: () => ({ next, return: leave }) };
}
