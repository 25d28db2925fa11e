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
