import { batched, inBatches, isBatched } from "./batches.ts";
import { thrownInto } from "./thrown-into.ts";

/**
 * What `change` makes of each item, in batches where they come in batches; the source is left when it throws. Not a generator,
 * for what tap.ts says of them.
 */
export function mapped<T, U>(source: AsyncIterable<T>, change: (item: T) => U): AsyncIterable<U> {
  if (isBatched(source)) {
    const changeAll = (items: readonly T[]): readonly U[] => items.map(change);
    return batched(new Mapped(inBatches(source)[Symbol.asyncIterator](), changeAll));
  }
  return new Mapped(source[Symbol.asyncIterator](), change);
}

class Mapped<T, U> implements AsyncIterableIterator<U, undefined> {
  readonly #source: AsyncIterator<T>;
  readonly #change: (item: T) => U;

  constructor(source: AsyncIterator<T>, change: (item: T) => U) {
    this.#source = source;
    this.#change = change;
  }

  next(): Promise<IteratorResult<U, undefined>> {
    return this.#source.next().then(this.#pass);
  }

  async return(): Promise<IteratorResult<U, undefined>> {
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  throw(error: unknown): Promise<IteratorResult<U, undefined>> {
    return thrownInto(this.#source, error).then(this.#pass);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #pass = (result: IteratorResult<T>): IteratorResult<U, undefined> | Promise<never> => {
    if (result.done) return { done: true, value: undefined };
    try {
      return { done: false, value: this.#change(result.value) };
    } catch (error) {
      return this.#leave(error);
    }
  };

  async #leave(error: unknown): Promise<never> {
    await this.#source.return?.();
    throw error;
  }
}
