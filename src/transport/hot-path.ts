import type { Message, Registry } from "@bufbuild/protobuf";
import { cancelled } from "../core/error.ts";
import { inBatches } from "../streams/batches.ts";
import type { Admit } from "./admit.ts";
import type { CallOrigin } from "./call-origin.ts";
import type { Call, CallableMethod, Dispatcher } from "./dispatch.ts";
import { createHotCodec, type HotCodec } from "./hot-codec.ts";
import type { HotExchange } from "./hot-exchange.ts";
import { type HotFace, hotFaceOf, hotTimeoutMs } from "./hot-face.ts";
import { RequestStream, readOnly, readWhole } from "./hot-requests.ts";
import { type HotAnswer, hotWriters } from "./hot-response.ts";
import { Metadata } from "./metadata.ts";
import { inPieces } from "./pieces.ts";
import type { ExplainError } from "./refusal.ts";
import { assignRequestId } from "./request-id.ts";

export interface HotPathOptions {
  readonly dispatcher: Dispatcher;
  /** Throws when no new calls of the service are taken. */
  readonly assertOpen: (serviceName: string) => void;
  /** Who may call; everybody when unset. */
  readonly admit?: Admit;
  readonly explainError: ExplainError;
  /** The largest message that is read. */
  readonly maxMessageBytes: number;
  /** Knows what an Any may hold, in JSON. */
  readonly registry?: Registry;
}

/** Answers a request, or returns false and has not touched it. */
export type ServeExchange = (exchange: HotExchange) => boolean;

/** A call on the hot path. */
interface HotCall extends HotAnswer {
  readonly codec: HotCodec;
  readonly call: Call;
  readonly method: CallableMethod;
}

/**
 * gRPC, gRPC-Web and Connect without compression, which is nearly every call, answered on node's own streams: the same
 * services through the same interceptors as connect-node, which has everything else and can have it all
 * (`LIVELLM_HOT_PATH=off`). A constant unary gRPC answer takes a third of the CPU that connect-node takes; see
 * bench/results.md.
 */
export function createHotPath(options: HotPathOptions): ServeExchange {
  const codecs = createCodecs(options.registry);
  return (exchange) => {
    const method = options.dispatcher.find(exchange.path);
    const face = method && (exchange.face ?? hotFaceOf(exchange, method.desc));
    if (!method || !face) return false;
    const requestId = assignRequestId(exchange);
    const call = startCall(exchange, { method, face, requestId });
    const hot = { exchange, face, codec: codecs(method, face.json), call, method, requestId };
    // What arrives here is an answer that could not be written: statuses are sent by `serve`.
    serve(hot, options).catch(() => exchange.cut());
    return true;
  };
}

/** Made at the first call of a method, once for each form. */
function createCodecs(registry: Registry | undefined): (method: CallableMethod, json: boolean) => HotCodec {
  const [binary, text] = [new Map<CallableMethod, HotCodec>(), new Map<CallableMethod, HotCodec>()];
  return (method, json) => {
    const made = json ? text : binary;
    const known = made.get(method);
    if (known) return known;
    const codec = createHotCodec(method.desc, json, registry);
    made.set(method, codec);
    return codec;
  };
}

interface Found {
  readonly method: CallableMethod;
  readonly face: HotFace;
  readonly requestId: string;
}

function startCall(exchange: HotExchange, { method, face, requestId }: Found): Call {
  const { headers, remoteAddress } = exchange;
  return method.start({
    origin: { requestId, remoteAddress, face: originFaces[face.framing] },
    httpMethod: "POST",
    url: `http://${headers[":authority"] ?? headers.host ?? "localhost"}${exchange.path}`,
    headers: new Metadata(headers),
    timeoutMs: hotTimeoutMs(headers, face),
  });
}

const originFaces: Readonly<Record<HotFace["framing"], CallOrigin["face"]>> = {
  grpc: "grpc",
  "grpc-web": "grpc-web",
  "connect-unary": "connect",
  "connect-stream": "connect",
};

async function serve(hot: HotCall, options: HotPathOptions): Promise<void> {
  const { exchange, call } = hot;
  // An own flag: a stream that has not finished was seen with `writableFinished` true.
  let finished = false;
  exchange.onClose(() => finished || call.end(cancelled()));
  try {
    options.assertOpen(hot.method.desc.parent.typeName);
    const authorization = call.context.requestHeader.get("authorization") ?? undefined;
    options.admit?.({
      method: hot.method.desc,
      authorization,
      requestId: hot.requestId,
      remoteAddress: exchange.remoteAddress,
    });
    await answer(hot, options.maxMessageBytes);
  } catch (error) {
    refuse(hot, error, options);
  } finally {
    finished = true;
    call.end();
  }
}

async function answer(hot: HotCall, maxBytes: number): Promise<void> {
  const { call, codec, exchange } = hot;
  const writer = hotWriters[hot.face.framing];
  const answered = await call.respond(await request(hot, maxBytes));
  const { header, trailer } = answered;
  if (!answered.stream) {
    const message = codec.write(answered.message);
    if (!exchange.over) writer.end(hot, { header, trailer, message });
    return;
  }
  for await (const messages of inBatches(answered.message)) {
    for (const piece of inPieces(messages, codec.write)) {
      if (exchange.over) return;
      // Waiting for each to be written would be a turn of the event loop for each.
      if (!writer.messages(hot, header, piece)) await exchange.drained();
    }
  }
  if (!exchange.over) writer.end(hot, { header, trailer });
}

async function request(hot: HotCall, maxBytes: number): Promise<Message | AsyncIterable<Message>> {
  const { exchange, face, codec, method, call } = hot;
  const { onAbort } = call;
  const source = { stream: exchange.source, onAbort };
  const { desc } = method;
  if (face.framing === "connect-unary") {
    return codec.read(await readWhole(source, maxBytes, exchange.headers["content-length"]));
  }
  const rules = { maxBytes, skipFlag: skipFlags[face.framing] };
  if (desc.methodKind === "unary") return readOnly(source, { ...rules, method: desc, read: codec.read });
  return new RequestStream(source, rules, codec.read);
}

/** What is no message: the end of a stream in Connect, trailers in gRPC-Web. */
const skipFlags: Readonly<Record<HotFace["framing"], number>> = {
  grpc: 0,
  "grpc-web": 0b10000000,
  "connect-unary": 0,
  "connect-stream": 0b10,
};

function refuse(hot: HotCall, error: unknown, { explainError }: HotPathOptions): void {
  const { call, exchange, requestId, face } = hot;
  if (exchange.over) return;
  const { responseHeader, responseTrailer, signal } = call.context;
  const status = explainError(error, requestId, signal);
  hotWriters[face.framing].end(hot, { header: responseHeader, trailer: responseTrailer, error: status });
}
