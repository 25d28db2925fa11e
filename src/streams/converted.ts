import { type Batched, batched, inBatches } from "./batches.ts";

/** What makes one stream of another: items go in as they come, and what there is to tell of them is taken out. */
export interface Conversion<I, O> {
  /** Takes in what has come together. True when it was the end, whatever else the source might say. */
  read(items: readonly I[]): boolean;
  /** The source has ended, or broken off with `failure`. Throws where what it said is not whole. */
  end(failure: { readonly error: unknown } | undefined): void;
  /** What there is to tell since this was last asked. */
  take(): readonly O[];
}

/**
 * Converts a stream, in batches. What was read before an error is told before it. A batch that has nothing to tell is an empty
 * one: whoever waits learns that the source is at work. Not a generator, for what tap.ts says of them; to be read once.
 */
export function converted<I, O>(source: AsyncIterable<I>, conversion: Conversion<I, O>): Batched<O> {
  return batched({
    [Symbol.asyncIterator]: () => new Converted(inBatches(source)[Symbol.asyncIterator](), conversion),
  });
}

class Converted<I, O> implements AsyncIterator<readonly O[], undefined> {
  readonly #source: AsyncIterator<readonly I[]>;
  readonly #conversion: Conversion<I, O>;
  #over = false;
  /** Waits until what came before it has been read. */
  #failure: { readonly error: unknown } | undefined;

  constructor(source: AsyncIterator<readonly I[]>, conversion: Conversion<I, O>) {
    this.#source = source;
    this.#conversion = conversion;
  }

  next(): Promise<IteratorResult<readonly O[], undefined>> {
    if (this.#failure) return this.#fail(this.#failure.error);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    return this.#source.next().then(this.#read, this.#broken);
  }

  async return(): Promise<IteratorResult<readonly O[], undefined>> {
    this.#failure = undefined;
    await this.#leave();
    return { done: true, value: undefined };
  }

  readonly #read = ({ done, value }: IteratorResult<readonly I[]>) => {
    if (done) return this.#step(() => this.#end(undefined));
    return this.#step(() => this.#conversion.read(value));
  };

  readonly #broken = (error: unknown) => this.#step(() => this.#end({ error }));

  #end(failure: { readonly error: unknown } | undefined): true {
    this.#over = true;
    this.#conversion.end(failure);
    return true;
  }

  /** What a step of the conversion has to tell. */
  #step(
    convert: () => boolean,
  ): IteratorResult<readonly O[], undefined> | Promise<IteratorResult<readonly O[], undefined>> {
    let isLast = false;
    try {
      isLast = convert();
    } catch (error) {
      this.#failure = { error };
    }
    const told = this.#conversion.take();
    if (isLast || this.#failure) return this.#leaveWith(told);
    return { done: false, value: told };
  }

  async #leaveWith(told: readonly O[]): Promise<IteratorResult<readonly O[], undefined>> {
    await this.#leave();
    return told.length > 0 ? { done: false, value: told } : this.next();
  }

  async #leave(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#source.return?.();
  }

  #fail(error: unknown): Promise<never> {
    this.#failure = undefined;
    return Promise.reject(error);
  }
}
