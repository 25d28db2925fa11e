/**
 * Makes an iterable of a source that calls back. Bounded: `push` says when the source should pause, `onRoom` when it may go
 * on, and a source that goes on all the same overflows the channel, which is an error, not memory. One reader.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #onRoom: () => void;
  #items: T[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #ended = false;
  #error: unknown;
  #paused = false;

  constructor(capacity: number, onRoom: () => void = () => undefined) {
    this.#capacity = capacity;
    this.#onRoom = onRoom;
  }

  /** False when the source should pause. Four times the capacity overflows. After the end nothing is kept. */
  push(item: T): boolean {
    if (this.#ended) return true;
    if (this.#waiting) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ done: false, value: item });
      return true;
    }
    this.#items.push(item);
    if (this.#items.length > this.#capacity * 4)
      this.fail(new RangeError("the source did not stop when it was told to"));
    this.#paused = this.#items.length >= this.#capacity;
    return !this.#paused;
  }

  /** No more items; those that are there are still read. */
  end(): void {
    this.#ended = true;
    this.#waiting?.resolve({ done: true, value: undefined });
    this.#waiting = undefined;
  }

  /** The reader gets the items that are there, then the error. The first end or error counts. */
  fail(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#waiting) this.#waiting.reject(error);
    else this.#error = error ?? new Error("failed");
    this.#waiting = undefined;
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.#items = [];
        this.end();
        return { done: true, value: undefined };
      },
    };
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      if (this.#paused && this.#items.length * 2 <= this.#capacity) {
        this.#paused = false;
        this.#onRoom();
      }
      return Promise.resolve({ done: false, value: item });
    }
    if (this.#error !== undefined) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    this.#waiting ??= Promise.withResolvers<IteratorResult<T>>();
    return this.#waiting.promise as Promise<IteratorResult<T, undefined>>;
  }
}
