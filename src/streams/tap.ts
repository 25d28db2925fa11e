import { batched, inBatches, isBatched } from "./batches.ts";
import { thrownInto } from "./thrown-into.ts";

/** What is told of a stream, each of it once at most. */
export interface Tap {
  /** Its first item is here, and leaves now. */
  first?(): void;
  /** It has come to its end. What is thrown here becomes its error, and is not told again. */
  ended?(): void;
  /** It has failed; what is returned is thrown instead. */
  failed?(error: unknown): unknown;
  /** Its reader has left before the end. */
  left?(): void;
}

/**
 * Passes a stream on as it is, in batches where it comes in batches, and tells how it begins and ends. Not a generator: each one in the way of a message costs it three turns
 * of the microtask queue and as many promises, this one costs it one.
 */
export function tapped<T>(source: AsyncIterable<T>, tap: Tap): AsyncIterable<T> {
  if (isBatched(source)) return batched(new Tapped(inBatches(source)[Symbol.asyncIterator](), tap));
  return new Tapped(source[Symbol.asyncIterator](), tap);
}

class Tapped<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: AsyncIterator<T>;
  readonly #tap: Tap;
  #begun = false;
  #over = false;
  #pending: Promise<IteratorResult<T, undefined>> | undefined;

  constructor(source: AsyncIterator<T>, tap: Tap) {
    this.#source = source;
    this.#tap = tap;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    this.#pending = this.#source.next().then(this.#pass, this.#fail);
    return this.#pending;
  }

  /** As a generator's does, it waits for what is asked for already. */
  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#pending?.catch(() => undefined);
    const leaves = !this.#over;
    this.#over = true;
    try {
      await this.#source.return?.();
    } finally {
      if (leaves) this.#tap.left?.();
    }
    return { done: true, value: undefined };
  }

  /** connect-node tells a stream so that its caller has left. */
  async throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    await this.#pending?.catch(() => undefined);
    if (this.#over) throw error;
    return thrownInto(this.#source, error).then(this.#pass, this.#fail);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #pass = (result: IteratorResult<T>): IteratorResult<T, undefined> => {
    this.#pending = undefined;
    if (!this.#begun && !result.done) this.#tap.first?.();
    this.#begun = true;
    if (!result.done) return result;
    this.#over = true;
    this.#tap.ended?.();
    return { done: true, value: undefined };
  };

  readonly #fail = (error: unknown): never => {
    this.#pending = undefined;
    this.#over = true;
    throw this.#tap.failed ? this.#tap.failed(error) : error;
  };
}
