import type { OutgoingHttpHeaders, ServerHttp2Stream } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, endStreamFlag, endStreamToJson, errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { encodeGrpcMessage } from "./connect.ts";
import { envelope } from "./hot-envelopes.ts";
import type { HotFace } from "./hot-face.ts";

/** Writes the answer to one call. The head goes out with the first message, or with the end. */
export interface HotResponse {
  /** False when the caller should read first. */
  message(header: Headers, bytes: Uint8Array): boolean;
  /** Ends it; an error is its status. Calls back when all of it is with node. */
  end(ending: HotEnding, done: () => void): void;
}

/** How an answer ends. */
export interface HotEnding {
  readonly header: Headers;
  readonly trailer: Headers;
  readonly error?: ConnectError;
}

/** `requestId` is in the head unless the handler's own header says otherwise. */
export function createHotResponse(stream: ServerHttp2Stream, face: HotFace, requestId: string): HotResponse {
  switch (face.framing) {
    case "grpc":
      return grpcResponse(stream, (header) => headOf(face, requestId, header));
    case "connect-stream":
      return connectStream(stream, (header) => headOf(face, requestId, header));
    case "connect-unary":
      return connectUnary(stream, (header) => headOf(face, requestId, header));
    default:
      return face.framing satisfies never;
  }
}

type Head = (header: Headers) => OutgoingHttpHeaders;

function headOf({ contentType }: HotFace, requestId: string, header: Headers): OutgoingHttpHeaders {
  const head: OutgoingHttpHeaders = { ":status": 200, "content-type": contentType, "x-request-id": requestId };
  for (const [name, value] of header) head[name] = value;
  return head;
}

const statusOk: OutgoingHttpHeaders = { "grpc-status": "0" };

function grpcResponse(stream: ServerHttp2Stream, headOfAnswer: Head): HotResponse {
  const open = (header: Headers) => {
    if (!stream.headersSent) stream.respond(headOfAnswer(header), { waitForTrailers: true });
  };
  return {
    message(header, bytes) {
      open(header);
      return stream.write(envelope(0, bytes));
    },
    end({ header, trailer, error }, done) {
      open(header);
      stream.once("wantTrailers", () => {
        if (!stream.closed) stream.sendTrailers(grpcTrailers(trailer, error));
        done();
      });
      stream.end();
    },
  };
}

function grpcTrailers(trailer: Headers, error: ConnectError | undefined): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = { ...statusOk };
  if (error) {
    setTrailerStatus(trailer, error);
    trailer.set("grpc-message", encodeGrpcMessage(error.rawMessage));
  }
  for (const [name, value] of trailer) all[name] = value;
  return all;
}

function connectStream(stream: ServerHttp2Stream, headOfAnswer: Head): HotResponse {
  const open = (header: Headers) => {
    if (!stream.headersSent) stream.respond(headOfAnswer(header));
  };
  return {
    message(header, bytes) {
      open(header);
      return stream.write(envelope(0, bytes));
    },
    end({ header, trailer, error }, done) {
      open(header);
      const status = JSON.stringify(endStreamToJson(trailer, error, undefined));
      stream.end(envelope(endStreamFlag, Buffer.from(status)), done);
    },
  };
}

/** Trailers are headers here, with a prefix, so everything is sent at the end. */
function connectUnary(stream: ServerHttp2Stream, headOfAnswer: Head): HotResponse {
  let body: Uint8Array = Buffer.alloc(0);
  return {
    message(_, bytes) {
      body = bytes;
      return true;
    },
    end({ header, trailer, error }, done) {
      const head = headOfAnswer(header);
      for (const [name, value] of trailer) head[`trailer-${name}`] = value;
      if (error) {
        head[":status"] = codeToHttpStatus(error.code);
        head["content-type"] = "application/json";
        for (const [name, value] of error.metadata) head[name] = value;
        body = Buffer.from(JSON.stringify(errorToJson(error, undefined)));
      }
      head["content-length"] = body.length;
      stream.respond(head);
      stream.end(body, done);
    },
  };
}
