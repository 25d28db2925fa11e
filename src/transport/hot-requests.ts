import type { Readable } from "node:stream";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { cancelled } from "../core/error.ts";
import { type EnvelopeRules, EnvelopeSplitter, tooLarge } from "./hot-envelopes.ts";

type Read = (bytes: Uint8Array) => Message;

/** Where the bytes of a call come from, and who says that it will not wait for them. */
interface Source {
  readonly stream: Readable;
  readonly onAbort: (listener: (reason: unknown) => void) => void;
}

/**
 * The whole body as one message: Connect's unary form. Rejects when it is too large, before it comes where `announced`, its
 * length by the request's head, says so; when the caller goes away; and when the call is aborted.
 */
export function readWhole(
  { stream, onAbort }: Source,
  maxBytes: number,
  announced: string | undefined,
): Promise<Uint8Array> {
  if (Number(announced) > maxBytes) return Promise.reject(tooLarge(maxBytes, Number(announced)));
  return new Promise((resolve, reject) => {
    onAbort(reject);
    const chunks: Buffer[] = [];
    let length = 0;
    stream.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else reject(tooLarge(maxBytes));
    });
    stream.once("end", () => resolve(new Uint8Array(Buffer.concat(chunks))));
    stream.once("close", () => stream.readableEnded || reject(cancelled()));
  });
}

/** How a message is taken out of what a caller sends. */
export interface OnlyRules extends EnvelopeRules {
  readonly method: DescMethod;
  readonly read: Read;
}

/** The only message of a call, in an envelope. Rejects as soon as something is wrong with it. */
export function readOnly({ stream, onAbort }: Source, rules: OnlyRules): Promise<Message> {
  return new Promise((resolve, reject) => {
    onAbort(reject);
    const splitter = new EnvelopeSplitter(rules);
    const { method, read } = rules;
    let only: Message | undefined;
    const attempt = (step: () => void) => {
      try {
        step();
      } catch (error) {
        reject(error);
      }
    };
    const take = (chunk: Buffer) => {
      for (const bytes of splitter.push(chunk)) {
        const message = read(bytes);
        if (only !== undefined) throw notOne("received extra", method);
        only = message;
      }
    };
    stream.on("data", (chunk: Buffer) => attempt(() => take(chunk)));
    stream.once("end", () =>
      attempt(() => {
        splitter.end();
        if (only === undefined) throw notOne("missing", method);
        resolve(only);
      }),
    );
    stream.once("close", () => stream.readableEnded || reject(cancelled()));
  });
}

/** With connect-node's code and words. */
function notOne(what: string, { methodKind }: DescMethod): ConnectError {
  const kind = methodKind.replace("_", "-");
  return new ConnectError(`protocol error: ${what} input message for ${kind} method`, Code.Unimplemented);
}

/** So much is read ahead of a handler; then the caller's window closes. */
const readAheadBytes = 64 * 1024;

/** The messages of a caller's stream, pulled by the handler: what it does not ask for stays with the caller. */
export class RequestStream implements AsyncIterableIterator<Message, undefined> {
  readonly #stream: Readable;
  readonly #splitter: EnvelopeSplitter;
  readonly #read: Read;
  #ready: Uint8Array[] = [];
  #readyBytes = 0;
  #over = false;
  #error: unknown;
  #waiting: PromiseWithResolvers<IteratorResult<Message, undefined>> | undefined;

  constructor({ stream, onAbort }: Source, rules: EnvelopeRules, read: Read) {
    this.#stream = stream;
    this.#read = read;
    this.#splitter = new EnvelopeSplitter(rules);
    stream.on("data", (chunk: Buffer) => this.#attempt(() => this.#take(chunk)));
    stream.once("end", () => this.#attempt(() => this.#end()));
    stream.once("close", () => this.#over || this.#fail(cancelled()));
    onAbort((reason) => this.#fail(reason));
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    const waiting = Promise.withResolvers<IteratorResult<Message, undefined>>();
    this.#waiting = waiting;
    this.#wake();
    return waiting.promise;
  }

  /** The handler has heard enough; what still comes is dropped, so that the connection's window stays open. */
  async return(): Promise<IteratorResult<Message, undefined>> {
    this.#over = true;
    this.#ready = [];
    this.#stream.removeAllListeners("data");
    this.#stream.resume();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #hand(bytes: Uint8Array): Message {
    this.#readyBytes -= bytes.length;
    if (this.#readyBytes <= readAheadBytes && this.#stream.isPaused()) this.#stream.resume();
    return this.#read(bytes);
  }

  #take(chunk: Buffer): void {
    for (const bytes of this.#splitter.push(chunk)) {
      this.#ready.push(bytes);
      this.#readyBytes += bytes.length;
    }
    if (this.#readyBytes > readAheadBytes) this.#stream.pause();
    this.#wake();
  }

  #end(): void {
    this.#splitter.end();
    this.#over = true;
    this.#wake();
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#error ??= error;
    this.#over = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    if (!waiting || (this.#ready.length === 0 && !this.#over)) return;
    this.#waiting = undefined;
    const bytes = this.#ready.shift();
    try {
      if (bytes !== undefined) waiting.resolve({ done: false, value: this.#hand(bytes) });
      else if (this.#error !== undefined) waiting.reject(this.#error);
      else waiting.resolve({ done: true, value: undefined });
    } catch (error) {
      waiting.reject(error);
    }
  }
}
