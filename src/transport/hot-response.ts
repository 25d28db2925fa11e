import type { OutgoingHttpHeaders } from "node:http2";
import type { ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, endStreamFlag, endStreamToJson, errorToJson } from "@connectrpc/connect/protocol-connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { encodeGrpcMessage } from "./connect.ts";
import { envelope, envelopes } from "./hot-envelopes.ts";
import type { HotExchange } from "./hot-exchange.ts";
import type { HotFace, HotFraming } from "./hot-face.ts";

/** Where an answer goes, and how. */
export interface HotAnswer {
  readonly exchange: HotExchange;
  readonly face: HotFace;
  /** In the head, unless the handler's own header says otherwise. */
  readonly requestId: string;
}

/** How an answer ends. */
export interface HotEnding {
  readonly header: Headers;
  readonly trailer: Headers;
  /** Its status, when it is an error. */
  readonly error?: ConnectError;
  /** The only message of a unary call. */
  readonly message?: Uint8Array;
}

/** Writes the answer to one call. The head goes out with the first message of a stream, or with the end. */
interface HotWriter {
  /** Some of a stream's messages, in one write. False when the caller should read first. */
  messages(answer: HotAnswer, header: Headers, all: readonly Uint8Array[]): boolean;
  end(answer: HotAnswer, ending: HotEnding): void;
}

/** How each framing is written. */
export const hotWriters: Readonly<Record<HotFraming, HotWriter>> = {
  grpc: {
    messages({ exchange, face, requestId }, header, all) {
      if (!exchange.headSent) exchange.headBeforeTrailers(headOf(face, requestId, header));
      return exchange.write(envelopes(all));
    },
    end({ exchange, face, requestId }, { header, trailer, error, message }) {
      if (!exchange.headSent) exchange.headBeforeTrailers(headOf(face, requestId, header));
      exchange.endWithTrailers(message && envelope(0, message), () => grpcTrailers(trailer, error));
    },
  },
  "grpc-web": {
    messages: streamMessages,
    end(answer, { header, trailer, error, message }) {
      if (message) streamMessages(answer, header, [message]);
      sendHead(answer, header);
      if (error) setTrailerStatus(trailer, error);
      else trailer.set("grpc-status", "0");
      answer.exchange.end(envelope(trailerFlag, trailerSerialize(trailer)));
    },
  },
  "connect-stream": {
    messages: streamMessages,
    end(answer, { header, trailer, error }) {
      sendHead(answer, header);
      const status = JSON.stringify(endStreamToJson(trailer, error, undefined));
      answer.exchange.end(envelope(endStreamFlag, Buffer.from(status)));
    },
  },
  "connect-unary": {
    messages() {
      throw new Error("a unary answer is sent whole");
    },
    end: endConnectUnary,
  },
};

function headOf({ contentType }: HotFace, requestId: string, header: Headers): OutgoingHttpHeaders {
  const head: OutgoingHttpHeaders = { ":status": 200, "content-type": contentType, "x-request-id": requestId };
  for (const [name, value] of header) head[name] = value;
  return head;
}

function sendHead({ exchange, face, requestId }: HotAnswer, header: Headers): void {
  if (!exchange.headSent) exchange.head(headOf(face, requestId, header));
}

function streamMessages(answer: HotAnswer, header: Headers, all: readonly Uint8Array[]): boolean {
  sendHead(answer, header);
  return answer.exchange.write(envelopes(all));
}

function grpcTrailers(trailer: Headers, error: ConnectError | undefined): OutgoingHttpHeaders {
  const all: OutgoingHttpHeaders = { "grpc-status": "0" };
  if (error) {
    setTrailerStatus(trailer, error);
    trailer.set("grpc-message", encodeGrpcMessage(error.rawMessage));
  }
  for (const [name, value] of trailer) all[name] = value;
  return all;
}

/** Trailers are headers here, with a prefix, so everything is sent at the end. */
function endConnectUnary({ exchange, face, requestId }: HotAnswer, ending: HotEnding): void {
  const { header, trailer, error, message } = ending;
  const head = headOf(face, requestId, header);
  for (const [name, value] of trailer) head[`trailer-${name}`] = value;
  if (error) {
    head[":status"] = codeToHttpStatus(error.code);
    head["content-type"] = "application/json";
    for (const [name, value] of error.metadata) head[name] = value;
  }
  const body = error ? Buffer.from(JSON.stringify(errorToJson(error, undefined))) : (message ?? Buffer.alloc(0));
  head["content-length"] = body.length;
  exchange.head(head);
  exchange.end(body);
}
