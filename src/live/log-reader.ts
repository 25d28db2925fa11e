/** Something that grows, and is read by number. */
export interface ReadableLog<T> {
  /** Undefined when it is not there yet, null behind the last. Throws what the log broke off with instead. */
  at(number: number): T | undefined | null;
  /** Somebody waits for more; once there is, the readers are told to look. */
  ask(): void;
}

/**
 * Reads a log from one place on; whoever waits gets the reason of `signal` as soon as that aborts. Not a generator, for what
 * ../streams/tap.ts says of them, and it listens to its signal once: it is asked for every piece of audio.
 */
export class LogReader<T> implements AsyncIterableIterator<T, undefined> {
  readonly #log: ReadableLog<T>;
  readonly #signal: AbortSignal;
  #place: number;
  #waiting: PromiseWithResolvers<IteratorResult<T, undefined>> | undefined;

  constructor(log: ReadableLog<T>, place: number, signal: AbortSignal) {
    this.#log = log;
    this.#place = place;
    this.#signal = signal;
    signal.addEventListener("abort", this.#stop, { once: true });
  }

  /** The number of the item that comes next. */
  get place(): number {
    return this.#place;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const waiting = Promise.withResolvers<IteratorResult<T, undefined>>();
    this.#waiting = waiting;
    this.look();
    if (this.#waiting && this.#signal.aborted) this.#stop();
    if (this.#waiting) this.#log.ask();
    return waiting.promise;
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return { done: true, value: undefined };
  }

  /** There may be what is waited for. */
  look(): void {
    if (!this.#waiting) return;
    try {
      const item = this.#log.at(this.#place);
      if (item === undefined) return;
      if (item !== null) this.#place++;
      this.#settle()?.resolve(item === null ? { done: true, value: undefined } : { done: false, value: item });
    } catch (error) {
      this.#settle()?.reject(error);
    }
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#stop);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  readonly #stop = (): void => this.#settle()?.reject(this.#signal.reason);

  #settle(): PromiseWithResolvers<IteratorResult<T, undefined>> | undefined {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }
}
