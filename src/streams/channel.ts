/**
 * Makes an iterable of a source that calls back. Bounded: `push` says when the source should pause, `onRoom` when it may go
 * on, and a source that goes on all the same overflows the channel, which is an error, not memory. One reader.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #capacity: number;
  readonly #onRoom: () => void;
  readonly #most: number;
  #items: (T | undefined)[] = [];
  /** Where the first item is that has not been read: to shift a long array is to copy it. */
  #first = 0;
  #waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #ended = false;
  #error: unknown;
  #paused = false;

  /** `most`: how many items a source may bring that has not stopped yet. */
  constructor(capacity: number, onRoom: () => void = () => undefined, most = capacity * 4) {
    this.#capacity = capacity;
    this.#onRoom = onRoom;
    this.#most = most;
  }

  /** False when the source should pause. More than `most` overflow. After the end nothing is kept. */
  push(item: T): boolean {
    if (this.#ended) return true;
    if (this.#waiting) {
      const { resolve } = this.#waiting;
      this.#waiting = undefined;
      resolve({ done: false, value: item });
      return true;
    }
    this.#items.push(item);
    const held = this.#items.length - this.#first;
    if (held > this.#most) this.fail(new RangeError("the source did not stop when it was told to"));
    this.#paused = held >= this.#capacity;
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
        this.#first = 0;
        this.end();
        return { done: true, value: undefined };
      },
    };
  }

  #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#first < this.#items.length) {
      const item = this.#shift();
      if (this.#paused && (this.#items.length - this.#first) * 2 <= this.#capacity) {
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

  /** There has to be one. */
  #shift(): T {
    const item = this.#items[this.#first] as T;
    this.#items[this.#first++] = undefined;
    if (this.#first === this.#items.length) this.#items.length = 0;
    else if (this.#first < 64 || this.#first * 2 < this.#items.length) return item;
    else this.#items = this.#items.slice(this.#first);
    this.#first = 0;
    return item;
  }
}
