import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type ServerHttp2Stream } from "node:http2";
import type { ArrivingBody } from "./body-pace.ts";

/** The body of a request over HTTP/1. The bytes are those of its connection, heads and all. */
export function http1Body(request: IncomingMessage, response: ServerResponse): ArrivingBody {
  const { socket } = request;
  const bytesBefore = socket.bytesRead;
  return {
    isOver: () => request.complete || socket.destroyed,
    isUnread: () => request.isPaused() || request.readableLength > 0,
    bytesRead: () => socket.bytesRead - bytesBefore,
    hangUp() {
      // As node does when a request takes too long: for whoever reads the body the caller has gone.
      if (response.headersSent) socket.destroy();
      else socket.end(inHttp1(refusalOf(request.headers["content-type"])), () => socket.destroy());
    },
  };
}

/** The body of a request over HTTP/2, whose connection and its other calls go on. */
export class Http2Body implements ArrivingBody {
  readonly #stream: ServerHttp2Stream;
  readonly #contentType: string | undefined;
  #bytesRead = 0;

  constructor(stream: ServerHttp2Stream, contentType: string | undefined) {
    this.#stream = stream;
    this.#contentType = contentType;
    // Not `on`, which would set the stream flowing before its reader is there.
    stream.prependListener("data", (chunk: Buffer) => {
      this.#bytesRead += chunk.length;
    });
  }

  isOver(): boolean {
    return this.#stream.readableEnded || this.#stream.destroyed || this.#stream.closed;
  }

  isUnread(): boolean {
    return this.#stream.isPaused() || this.#stream.readableLength > 0;
  }

  bytesRead(): number {
    return this.#bytesRead;
  }

  hangUp(): void {
    const stream = this.#stream;
    if (stream.headersSent) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    const { status, headers, body } = refusalOf(this.#contentType);
    stream.respond({ ":status": status, ...headers });
    stream.end(body, () => stream.close(constants.NGHTTP2_NO_ERROR));
  }
}

interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const message = "the body of the request comes too slowly; send it at once, or check the connection";

/** In the form that the client of such a request reads. */
function refusalOf(contentType = ""): Refusal {
  if (contentType.startsWith("application/grpc")) {
    return {
      status: 200,
      headers: { "content-type": contentType, "grpc-status": "4", "grpc-message": message },
      body: "",
    };
  }
  const body = JSON.stringify({ code: "deadline_exceeded", message });
  return { status: 408, headers: { "content-type": "application/json" }, body };
}

function inHttp1({ status, headers, body }: Refusal): string {
  const lines = Object.entries({ ...headers, "content-length": body.length, connection: "close" });
  const reason = status === 200 ? "OK" : "Request Timeout";
  return [`HTTP/1.1 ${status} ${reason}`, ...lines.map((line) => line.join(": ")), "", body].join("\r\n");
}
