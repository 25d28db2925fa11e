import type { OutgoingHttpHeaders } from "node:http2";
import { pipeline, type Readable } from "node:stream";
import { base64Decoder } from "./base64-stream.ts";
import { type HotExchange, ResponseExchange } from "./hot-exchange.ts";
import type { HotFace } from "./hot-face.ts";
import { headerOf, type NodeRequest, type NodeResponse, pathOf } from "./node-http.ts";

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
class WebTextExchange extends ResponseExchange<NodeResponse> {
  readonly face: HotFace = {
    framing: "grpc-web",
    json: false,
    contentType: "application/grpc-web-text+proto",
  };
  readonly source: Readable;

  constructor(request: NodeRequest, response: NodeResponse) {
    super(request, response);
    // Whoever reads it sees that it has closed without an end.
    this.source = pipeline(request, base64Decoder(), () => undefined).on("error", () => undefined);
  }

  get path(): string {
    return pathOf(this.request);
  }

  head({ ":status": status = 200, ...head }: OutgoingHttpHeaders): void {
    for (const [name, value] of Object.entries(head)) if (value !== undefined) this.response.setHeader(name, value);
    this.response.writeHead(Number(status));
  }

  protected override encode(bytes: Uint8Array): string {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  }
}
