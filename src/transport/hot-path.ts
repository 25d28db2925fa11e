import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { Message, Registry } from "@bufbuild/protobuf";
import { cancelled } from "../core/error.ts";
import type { Admit } from "./admit.ts";
import type { Call, CallableMethod, Dispatcher } from "./dispatch.ts";
import { createHotCodec, type HotCodec } from "./hot-codec.ts";
import { type HotFace, hotFaceOf, hotTimeoutMs } from "./hot-face.ts";
import { RequestStream, readOnly, readWhole } from "./hot-requests.ts";
import { createHotResponse, type HotEnding, type HotResponse } from "./hot-response.ts";
import { Metadata } from "./metadata.ts";
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

/** Answers a request that came over HTTP/2, or returns false and has not touched it. */
export type ServeStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;

/** A call on the hot path. */
interface HotCall {
  readonly stream: ServerHttp2Stream;
  readonly face: HotFace;
  readonly codec: HotCodec;
  readonly call: Call;
  readonly method: CallableMethod;
  readonly requestId: string;
  readonly response: HotResponse;
}

/**
 * gRPC and Connect over HTTP/2 without compression, which is nearly every call, answered on node's own streams: the same
 * services through the same interceptors as connect-node, which has everything else and can have it all
 * (`LIVELLM_HOT_PATH=off`). A constant unary gRPC answer takes a third of the CPU that connect-node takes; see
 * bench/results.md.
 */
export function createHotPath(options: HotPathOptions): ServeStream {
  const codecs = createCodecs(options.registry);
  return (stream, headers) => {
    const method = options.dispatcher.find(headers[":path"] ?? "");
    const face = method && hotFaceOf(headers, method.desc);
    if (!method || !face) return false;
    const requestId = assignRequestId({ headers });
    const call = method.start({
      origin: { requestId, remoteAddress: remoteAddressOf(stream), face: face.framing === "grpc" ? "grpc" : "connect" },
      httpMethod: "POST",
      url: urlOf(headers),
      headers: new Metadata(headers),
      ...timeoutOf(headers, face),
    });
    const response = createHotResponse(stream, face, requestId);
    const hot = { stream, face, codec: codecs(method, face.json), call, method, requestId, response };
    // What arrives here is an answer that could not be written: statuses are sent by `serve`.
    serve(hot, options).catch(() => stream.close(constants.NGHTTP2_INTERNAL_ERROR));
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

function urlOf(headers: IncomingHttpHeaders): string {
  return `http://${headers[":authority"] ?? headers.host ?? "localhost"}${headers[":path"]}`;
}

function timeoutOf(headers: IncomingHttpHeaders, face: HotFace): { readonly timeoutMs?: number } {
  const timeoutMs = hotTimeoutMs(headers, face);
  return timeoutMs === undefined ? {} : { timeoutMs };
}

/** Asked once for a connection: every use of a session's socket goes through a proxy. */
const addresses = new WeakMap<ServerHttp2Session, string>();

function remoteAddressOf({ session }: ServerHttp2Stream): string {
  if (session === undefined || session.destroyed) return "";
  const known = addresses.get(session as ServerHttp2Session);
  if (known !== undefined) return known;
  const address = (session.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  addresses.set(session as ServerHttp2Session, address);
  return address;
}

async function serve(hot: HotCall, options: HotPathOptions): Promise<void> {
  const { stream, call } = hot;
  // An own flag: a stream that has not finished was seen with `writableFinished` true.
  let finished = false;
  stream.on("error", ignore);
  stream.once("close", () => finished || call.end(cancelled()));
  try {
    options.assertOpen(hot.method.desc.parent.typeName);
    const authorization = call.context.requestHeader.get("authorization") ?? undefined;
    options.admit?.({ method: hot.method.desc, authorization, requestId: hot.requestId });
    await answer(hot, options.maxMessageBytes);
  } catch (error) {
    refuse(hot, error, options);
  } finally {
    finished = true;
    call.end();
  }
}

function ignore(): void {}

/** A stream that the caller has reset is closed before it is destroyed, and throws at whoever writes to it. */
function isGone({ destroyed, closed }: ServerHttp2Stream): boolean {
  return destroyed || closed;
}

async function answer(hot: HotCall, maxBytes: number): Promise<void> {
  const { call, codec, response, stream } = hot;
  const answered = await call.respond(await request(hot, maxBytes));
  if (!answered.stream) {
    if (!isGone(stream)) response.message(answered.header, codec.write(answered.message));
  } else {
    for await (const message of answered.message) {
      if (isGone(stream)) return;
      // Waiting for each message to be written would be a turn of the event loop for each.
      if (!response.message(answered.header, codec.write(message))) await drained(stream);
    }
  }
  if (!isGone(stream)) end(hot, answered);
}

async function request(hot: HotCall, maxBytes: number): Promise<Message | AsyncIterable<Message>> {
  const { stream, face, codec, method } = hot;
  const { desc } = method;
  if (face.framing === "connect-unary") return codec.read(await readWhole(stream, maxBytes));
  const rules = { maxBytes, skipFlag: face.framing === "grpc" ? 0 : 0b10 };
  if (desc.methodKind === "unary") return readOnly(stream, { ...rules, method: desc, read: codec.read });
  return new RequestStream(stream, rules, codec.read);
}

function refuse(hot: HotCall, error: unknown, { explainError }: HotPathOptions): void {
  const { call, stream, requestId } = hot;
  if (isGone(stream) || stream.writableEnded) return;
  const { responseHeader, responseTrailer, signal } = call.context;
  const status = explainError(error, requestId, signal);
  end(hot, { header: responseHeader, trailer: responseTrailer, error: status });
}

/** What the caller still sends is dropped, and its stream closed once the answer is out: it has no use any more. */
function end({ stream, response }: HotCall, ending: HotEnding): void {
  if (stream.readableEnded) {
    response.end(ending, ignore);
    return;
  }
  stream.removeAllListeners("data");
  stream.resume();
  response.end(ending, () => setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR)));
}

/** Waits until the caller has read enough, or is gone. */
function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off("drain", done).off("close", done);
      resolve();
    };
    stream.on("drain", done).on("close", done);
    if (isGone(stream)) done();
  });
}
