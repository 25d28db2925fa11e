import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { pipeline, type Readable } from "node:stream";
import { drained } from "../streams/drained.ts";
import { base64Decoder } from "./base64-stream.ts";
import type { HotExchange } from "./hot-exchange.ts";
import type { HotFace } from "./hot-face.ts";
import { headerOf, type NodeRequest, type NodeResponse, pathOf, remoteAddressOf } from "./node-http.ts";

const contentTypes = /^application\/grpc-web-text(?:\+proto)?$/i;

/**
 * gRPC-Web's text form: its frames in base64, for browsers' XMLHttpRequest, which hands on text alone before the end. Google's
 * grpc-web client streams in no other. Undefined for every other request.
 */
export function webTextExchange(request: NodeRequest, response: NodeResponse): HotExchange | undefined {
  const isText = request.method === "POST" && contentTypes.test(headerOf(request, "content-type") ?? "");
  return isText ? new WebTextExchange(request, response) : undefined;
}

/** On node's request and response, of either version of HTTP. */
class WebTextExchange implements HotExchange {
  readonly face: HotFace = {
    framing: "grpc-web",
    json: false,
    contentType: "application/grpc-web-text+proto",
  };
  readonly httpVersion = 1;
  readonly httpMethod = "POST";
  readonly source: Readable;
  readonly #request: NodeRequest;
  readonly #response: NodeResponse;

  constructor(request: NodeRequest, response: NodeResponse) {
    this.#request = request;
    this.#response = response;
    // Whoever reads it sees that it has closed without an end.
    this.source = pipeline(request, base64Decoder(), () => undefined).on("error", () => undefined);
  }

  get path(): string {
    return pathOf(this.#request);
  }

  get headers(): IncomingHttpHeaders {
    return this.#request.headers;
  }

  get remoteAddress(): string {
    return remoteAddressOf(this.#request);
  }

  get headSent(): boolean {
    return this.#response.headersSent;
  }

  get over(): boolean {
    return this.#response.destroyed || this.#response.writableEnded;
  }

  onClose(listener: () => void): void {
    this.#response.once("close", listener);
  }

  head({ ":status": status = 200, ...head }: OutgoingHttpHeaders): void {
    for (const [name, value] of Object.entries(head)) if (value !== undefined) this.#response.setHeader(name, value);
    this.#response.writeHead(Number(status));
  }

  write(bytes: Uint8Array): boolean {
    return this.#response.write(toBase64(bytes));
  }

  drained(): Promise<void> {
    return drained(this.#response, () => this.over);
  }

  /** What the caller still sends is read away: one that sends before it reads would wait for ever. */
  end(bytes?: Uint8Array): void {
    this.source.removeAllListeners("data").resume();
    if (bytes) this.#response.end(toBase64(bytes));
    else this.#response.end();
  }

  headBeforeTrailers(): void {
    throw new Error("gRPC-Web has its trailers in the body");
  }

  endWithTrailers(): void {
    throw new Error("gRPC-Web has its trailers in the body");
  }

  cut(): void {
    this.#response.destroy();
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
