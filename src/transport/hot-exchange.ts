import type { IncomingMessage, ServerResponse } from "node:http";
import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Readable } from "node:stream";
import { drained } from "../streams/drained.ts";
import type { HotFace } from "./hot-face.ts";
import { type NodeRequest, type NodeResponse, remoteAddressOf } from "./node-http.ts";

/** One request and its answer on the hot path, over either version of HTTP. */
export interface HotExchange {
  readonly httpVersion: 1 | 2;
  /** How it is spoken, where its content type alone does not say. */
  readonly face?: HotFace;
  readonly path: string;
  readonly httpMethod: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly remoteAddress: string;
  /** What the caller sends. */
  readonly source: Readable;
  /** Whether the head of the answer has been sent. */
  readonly headSent: boolean;
  /** Whether there is nobody to answer any more, or the answer has ended. */
  readonly over: boolean;
  /** The caller has gone, or all of it is over. */
  onClose(listener: () => void): void;
  head(head: OutgoingHttpHeaders): void;
  /** False when the caller should read first; `drained` waits for that. */
  write(bytes: Uint8Array): boolean;
  drained(): Promise<void>;
  end(bytes?: Uint8Array): void;
  /** Sends the head, the rest of the body, and the trailers, which are asked for at the end of it. HTTP/2 alone. */
  endWithTrailers(bytes: Uint8Array | undefined, trailers: () => OutgoingHttpHeaders): void;
  /** Sends the head of an answer that `endWithTrailers` will end. HTTP/2 alone. */
  headBeforeTrailers(head: OutgoingHttpHeaders): void;
  /** Cuts it: the answer could not be written. */
  cut(): void;
}

/** On node's own stream. */
export class Http2Exchange implements HotExchange {
  readonly httpVersion = 2;
  readonly headers: IncomingHttpHeaders;
  readonly source: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders) {
    this.source = stream;
    this.headers = headers;
  }

  get path(): string {
    return this.headers[":path"] ?? "";
  }

  get httpMethod(): string | undefined {
    return this.headers[":method"];
  }

  get remoteAddress(): string {
    return addressOf(this.source.session as ServerHttp2Session | undefined);
  }

  get headSent(): boolean {
    return this.source.headersSent;
  }

  /** A stream that the caller has reset is closed before it is destroyed, and throws at whoever writes to it. */
  get over(): boolean {
    const { destroyed, closed, writableEnded } = this.source;
    return destroyed || closed || writableEnded;
  }

  onClose(listener: () => void): void {
    this.source.on("error", ignore);
    this.source.once("close", listener);
  }

  head(head: OutgoingHttpHeaders): void {
    this.source.respond(head);
  }

  headBeforeTrailers(head: OutgoingHttpHeaders): void {
    this.source.respond(head, { waitForTrailers: true });
  }

  write(bytes: Uint8Array): boolean {
    return this.source.write(bytes);
  }

  drained(): Promise<void> {
    return drained(this.source, () => this.over);
  }

  end(bytes?: Uint8Array): void {
    const close = this.#closer();
    if (bytes) this.source.end(bytes, close);
    else this.source.end(close);
  }

  endWithTrailers(bytes: Uint8Array | undefined, trailers: () => OutgoingHttpHeaders): void {
    const close = this.#closer();
    this.source.once("wantTrailers", () => {
      if (!this.source.closed) this.source.sendTrailers(trailers());
      close();
    });
    if (bytes) this.source.end(bytes);
    else this.source.end();
  }

  cut(): void {
    this.source.close(constants.NGHTTP2_INTERNAL_ERROR);
  }

  /** What the caller still sends is dropped, and its stream closed once the answer is out: it has no use any more. */
  #closer(): () => void {
    if (this.source.readableEnded) return ignore;
    this.source.removeAllListeners("data");
    this.source.resume();
    return () => setImmediate(() => this.source.close(constants.NGHTTP2_NO_ERROR));
  }
}

/** On node's request and response, where trailers are part of the body, or headers. */
export abstract class ResponseExchange<Response extends NodeResponse> implements HotExchange {
  readonly httpVersion = 1;
  abstract readonly source: Readable;
  protected readonly request: NodeRequest;
  protected readonly response: Response;

  constructor(request: NodeRequest, response: Response) {
    this.request = request;
    this.response = response;
  }

  abstract get path(): string;
  abstract head(head: OutgoingHttpHeaders): void;

  get httpMethod(): string | undefined {
    return this.request.method;
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers;
  }

  get remoteAddress(): string {
    return remoteAddressOf(this.request);
  }

  get headSent(): boolean {
    return this.response.headersSent;
  }

  get over(): boolean {
    return this.response.destroyed || this.response.writableEnded;
  }

  onClose(listener: () => void): void {
    this.response.once("close", listener);
  }

  headBeforeTrailers(): void {
    throw new Error("there are no trailers here");
  }

  write(bytes: Uint8Array): boolean {
    return this.response.write(this.encode(bytes));
  }

  drained(): Promise<void> {
    return drained(this.response, () => this.over);
  }

  /** What the caller still sends is read away: one that sends before it reads would wait for ever. */
  end(bytes?: Uint8Array): void {
    if (!this.source.readableEnded) this.source.removeAllListeners("data").resume();
    if (bytes) this.response.end(this.encode(bytes));
    else this.response.end();
  }

  endWithTrailers(): void {
    throw new Error("there are no trailers here");
  }

  cut(): void {
    this.response.destroy();
  }

  /** The body's bytes as they are sent. */
  protected encode(bytes: Uint8Array): Uint8Array | string {
    return bytes;
  }
}

/** On those of HTTP/1.1. */
export class Http1Exchange extends ResponseExchange<ServerResponse> {
  readonly source: IncomingMessage;

  constructor(request: IncomingMessage, response: ServerResponse) {
    super(request, response);
    this.source = request;
  }

  get path(): string {
    return this.source.url ?? "";
  }

  head({ ":status": status = 200, ...head }: OutgoingHttpHeaders): void {
    this.response.writeHead(Number(status), head);
  }
}

/** Asked once for a connection: every use of a session's socket goes through a proxy. */
const addresses = new WeakMap<ServerHttp2Session, string>();

function addressOf(session: ServerHttp2Session | undefined): string {
  if (session === undefined || session.destroyed) return "";
  const known = addresses.get(session);
  if (known !== undefined) return known;
  const address = (session.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  addresses.set(session, address);
  return address;
}

function ignore(): void {}
