import { orAborted } from "../streams/abortable.ts";

/** A caller's input as one target gets it. */
export interface InputReader<T> {
  readonly items: AsyncGenerator<T, void, undefined>;
  close(): void;
}

/** So much may be kept while no target is accepted; then the caller waits. */
export interface KeptInput<T> {
  readonly most: number;
  /** How much of it an item is. */
  readonly sizeOf: (item: T) => number;
}

const items: KeptInput<unknown> = { most: 1024, sizeOf: () => 1 };

/**
 * What the caller of a session sends, for each target from the start, until one is accepted; from then on nothing that was
 * read is kept. It is asked for only when a reader wants more.
 */
export class ReplayedInput<T> {
  readonly #iterator: AsyncIterator<T>;
  readonly #onFailure: (error: unknown) => void;
  readonly #kept: KeptInput<T>;
  readonly #readers = new Set<{ next: number }>();
  #items: T[] = [];
  #size = 0;
  #first = 0;
  #settled = Promise.withResolvers<void>();
  #isSettled = false;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #pulling: Promise<void> | undefined;

  /** `onFailure`: the caller's stream broke. */
  constructor(source: AsyncIterable<T>, onFailure: (error: unknown) => void, kept: KeptInput<T> = items) {
    this.#kept = kept;
    this.#iterator = source[Symbol.asyncIterator]();
    this.#onFailure = onFailure;
  }

  /** How the caller's stream broke, if it did. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  open(signal: AbortSignal): InputReader<T> {
    const place = { next: this.#first };
    this.#readers.add(place);
    return { items: this.#read(place, signal), close: () => void this.#readers.delete(place) };
  }

  /** A target is accepted: nobody will read from the start again. */
  settle(): void {
    this.#isSettled = true;
    this.#settled.resolve();
    this.#trim();
  }

  async *#read(place: { next: number }, signal: AbortSignal): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const index = place.next - this.#first;
      if (index < this.#items.length) {
        place.next++;
        yield this.#items[index] as T;
      } else if (this.#failure) throw this.#failure.error;
      else if (this.#ended) return;
      else await orAborted(this.#more(), signal);
    }
  }

  /** One question to the caller at a time, whoever asks; it goes on when that one leaves. */
  #more(): Promise<void> {
    this.#pulling ??= this.#pull().finally(() => {
      this.#pulling = undefined;
    });
    return this.#pulling;
  }

  async #pull(): Promise<void> {
    this.#trim();
    if (!this.#isSettled && this.#size >= this.#kept.most) return await this.#settled.promise;
    try {
      const { done, value } = await this.#iterator.next();
      if (done) this.#ended = true;
      else this.#keep(value);
    } catch (error) {
      this.#failure = { error };
      this.#onFailure(error);
    }
  }

  /** What is kept is measured until a target is accepted; then it goes as it is read. */
  #keep(item: T): void {
    this.#items.push(item);
    if (!this.#isSettled) this.#size += this.#kept.sizeOf(item);
  }

  #trim(): void {
    if (!this.#isSettled) return;
    const read = Math.min(...[...this.#readers].map(({ next }) => next), this.#first + this.#items.length);
    this.#items.splice(0, read - this.#first);
    this.#first = read;
  }
}
