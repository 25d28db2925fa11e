import type { Dispatcher } from "undici";
import type { UpstreamHead } from "../core/upstream.ts";

/** So much is kept for a reader that is slower than the vendor; then the socket rests. */
const keptBytes = 64 * 1024;

/** What may come after the reader has had enough, and how long it may take. */
const afterglow = { bytes: 64 * 1024, milliseconds: 1_000 };

/** Whoever stops an answer knows why; undici only has to stop, and building an Error for each costs a stack trace. */
const stopped = new Error("nobody waits for this answer any more");

export interface AnswerTerms {
  /** Closes the socket in every phase, until the reader has left. */
  readonly signal: AbortSignal;
  /** Told once, when the request no longer waits for its head: it has come, or never will. */
  readonly headSettled: (abandoned: boolean) => void;
  /** What an error of undici's means, before the head and after it. */
  readonly explain: (error: Error, begun: boolean) => unknown;
}

/**
 * The answer to one request: undici pushes its bytes in, one reader pulls them out, each time all that is there, and
 * back-pressure is the pull. A reader that leaves before the end has seen the vendor's terminal event: the little that follows
 * is read away, so that the connection can be used again; a body that goes on is cut.
 *
 * A handler of undici's `dispatch`: its `request` makes a Readable for each answer, which every chunk then passes through.
 */
export class Answer implements Dispatcher.DispatchHandler, AsyncIterableIterator<Uint8Array, undefined> {
  readonly #terms: AnswerTerms;
  readonly #head = Promise.withResolvers<UpstreamHead>();
  #controller: Dispatcher.DispatchController | undefined;
  #begun = false;
  #over = false;
  #left = false;
  #failure: { readonly error: unknown } | undefined;
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  #cutTimer: NodeJS.Timeout | undefined;

  constructor(terms: AnswerTerms) {
    this.#terms = terms;
    terms.signal.addEventListener("abort", this.#stop, { once: true });
  }

  /** Rejects with what `explain` makes of an error that comes first. */
  get head(): Promise<UpstreamHead> {
    return this.#head.promise;
  }

  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#bytes > 0) return Promise.resolve({ done: false, value: this.#take() });
    if (this.#failure) return Promise.reject(this.#failure.error);
    if (this.#over) return Promise.resolve({ done: true, value: undefined });
    // By the time this goes on, all that one read of the socket held has been pushed in.
    const more = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    return more.then(this.#woken);
  }

  /** At once what there is: one promise less for each read of the socket. */
  readonly #woken = (): IteratorResult<Uint8Array, undefined> | Promise<IteratorResult<Uint8Array, undefined>> =>
    this.#bytes > 0 ? { done: false, value: this.#take() } : this.next();

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (!this.#over) this.#leave();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(stopped);
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: UpstreamHead["headers"]): void {
    if (status < 200 || this.#over) return;
    this.#begun = true;
    this.#terms.headSettled(false);
    this.#head.resolve({ status, headers });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#over) return;
    this.#bytes += chunk.length;
    if (this.#left) {
      if (this.#bytes > afterglow.bytes) controller.abort(stopped);
      return;
    }
    this.#chunks.push(chunk);
    if (this.#bytes >= keptBytes) controller.pause();
    this.#awaken();
  }

  onResponseEnd(): void {
    this.#finish();
  }

  onResponseError(_: unknown, error: Error): void {
    this.#fail(() => this.#terms.explain(error, this.#begun));
  }

  #take(): Uint8Array {
    const chunks = this.#chunks;
    const length = this.#bytes;
    this.#chunks = [];
    this.#bytes = 0;
    this.#controller?.resume();
    return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length);
  }

  /** The signal: what has come and was not read is dropped with the rest. */
  readonly #stop = (): void => {
    this.#chunks = [];
    this.#bytes = 0;
    this.#fail(() => this.#terms.signal.reason, true);
    this.#controller?.abort(stopped);
  };

  #leave(): void {
    this.#left = true;
    this.#chunks = [];
    this.#bytes = 0;
    this.#terms.signal.removeEventListener("abort", this.#stop);
    this.#cutTimer = setTimeout(() => this.#controller?.abort(stopped), afterglow.milliseconds).unref();
    this.#controller?.resume();
  }

  #fail(reason: () => unknown, abandoned = false): void {
    if (this.#over) return;
    const error = reason();
    this.#failure = { error };
    if (!this.#begun) {
      this.#terms.headSettled(abandoned);
      this.#head.reject(error);
    }
    this.#finish();
  }

  #finish(): void {
    this.#over = true;
    clearTimeout(this.#cutTimer);
    this.#terms.signal.removeEventListener("abort", this.#stop);
    this.#awaken();
  }

  #awaken(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
