/**
 * A caller's input that outlives whoever reads it: what was asked for, and not taken, is given to the next reader. A reader
 * that leaves does not end it.
 */
export class HeldInput<T> implements AsyncIterable<T> {
  readonly #iterator: AsyncIterator<T>;
  #pending: Promise<IteratorResult<T>> | undefined;

  constructor(source: AsyncIterable<T>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** What was given last will not be given again. */
  take(): void {
    this.#pending = undefined;
  }

  close(): void {
    this.#iterator.return?.().catch(() => undefined); // it fails for nobody: who reads has gone, or has an error of his own
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => {
        this.#pending ??= this.#iterator.next();
        return this.#pending;
      },
    };
  }
}
