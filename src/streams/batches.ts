import { thrownInto } from "./thrown-into.ts";

const batches: unique symbol = Symbol("batches");

/**
 * A stream whose items come several at a time: one read of a socket holds many events. It can be read like any other; who
 * reads it with {@link inBatches} waits once for all that is there, at every step of the way.
 */
export interface Batched<T> extends AsyncIterable<T> {
  readonly [batches]: AsyncIterable<readonly T[]>;
}

/** Makes a stream of batches one that can be read item by item too. To be read once, in the one way or the other. */
export function batched<T>(source: AsyncIterable<readonly T[]>): Batched<T> {
  return new BatchedStream(source);
}

/** The batches of a stream as they come; of one that has none, each item by itself. */
export function inBatches<T>(stream: AsyncIterable<T> | Iterable<T>): AsyncIterable<readonly T[]> {
  return isBatched(stream) ? stream[batches] : oneByOne(stream);
}

/** A stream that is opened when it is first read. From then on it is the one that was opened: no step of its own. */
export function opened<T>(open: () => Promise<AsyncIterable<T>>): Batched<T> {
  return batched({ [Symbol.asyncIterator]: () => new Opening(async () => inBatches(await open())) });
}

class Opening<T> implements AsyncIterator<T, undefined> {
  readonly #open: () => Promise<AsyncIterable<T>>;
  #opening: Promise<AsyncIterator<T>> | undefined;
  #source: AsyncIterator<T> | undefined;

  constructor(open: () => Promise<AsyncIterable<T>>) {
    this.#open = open;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return (this.#source?.next() ?? this.#first()) as Promise<IteratorResult<T, undefined>>;
  }

  /** One that is being opened is waited for, and closed. */
  async return(): Promise<IteratorResult<T, undefined>> {
    const source = await this.#opening?.catch(() => undefined);
    await source?.return?.();
    return { done: true, value: undefined };
  }

  async #first(): Promise<IteratorResult<T>> {
    this.#opening ??= this.#open().then((stream) => stream[Symbol.asyncIterator]());
    this.#source = await this.#opening;
    return this.#source.next();
  }
}

class BatchedStream<T> implements Batched<T> {
  readonly [batches]: AsyncIterable<readonly T[]>;

  constructor(source: AsyncIterable<readonly T[]>) {
    this[batches] = source;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return new Items(this[batches][Symbol.asyncIterator]());
  }
}

/** Whether a stream comes in batches, which whoever passes it on should keep. */
export function isBatched<T>(stream: AsyncIterable<T> | Iterable<T>): stream is Batched<T> {
  return batches in stream;
}

/** The items of batches. Not a generator, for what tap.ts says of them. */
class Items<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: AsyncIterator<readonly T[]>;
  #batch: readonly T[] = [];
  #at = 0;

  constructor(source: AsyncIterator<readonly T[]>) {
    this.#source = source;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#at >= this.#batch.length) {
      if (!this.#take(await this.#source.next())) return { done: true, value: undefined };
    }
    return { done: false, value: this.#batch[this.#at++] as T };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#batch = [];
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    this.#batch = [];
    return this.#take(await thrownInto(this.#source, error)) ? this.next() : { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take({ done, value }: IteratorResult<readonly T[]>): boolean {
    this.#batch = done ? [] : value;
    this.#at = 0;
    return !done;
  }
}

async function* oneByOne<T>(stream: AsyncIterable<T> | Iterable<T>): AsyncGenerator<readonly T[], void, undefined> {
  for await (const item of stream) yield [item];
}
