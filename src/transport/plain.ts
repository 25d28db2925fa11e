import { type DescMethod, type Message, type Registry, toJsonString } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { cancelled, LivellmError } from "../core/error.ts";
import { inBatches } from "../streams/batches.ts";
import { drained } from "../streams/drained.ts";
import type { CallOrigin } from "./call-origin.ts";
import { timeoutMsOf } from "./call-timeout.ts";
import type { Call, CallableMethod, StreamAnswer, UnaryAnswer } from "./dispatch.ts";
import { Metadata } from "./metadata.ts";
import { headerOf, type NodeRequest, type NodeResponse } from "./node-http.ts";
import { inPieces } from "./pieces.ts";
import { type ExplainError, errorObject, sendError, sendJson } from "./refusal.ts";
import { BodyTooLarge, readBody } from "./request-body.ts";
import { chooseFraming, type StreamFraming } from "./stream-framing.ts";
import { decodeUtf8, parseStrictJson } from "./strict-json.ts";

export interface PlainOptions {
  /** The largest body that is read. */
  readonly maxMessageBytes: number;
  readonly explainError: ExplainError;
  readonly logger: Logger;
}

/** One request on the plain face. */
export interface PlainRequest {
  readonly method: CallableMethod;
  readonly request: NodeRequest;
  readonly response: NodeResponse;
  readonly origin: CallOrigin;
  /** Knows what an Any may hold. */
  readonly registry?: Registry | undefined;
}

/**
 * Plain HTTP: a JSON request on the path of an RPC; JSON, server-sent events or JSON lines back. See "The faces of a
 * stream" in the contract's README. Connect's clients meet their own unary JSON here: the two are the same but for
 * trailers, which Connect puts into headers, and GET.
 */
export async function servePlain(plain: PlainRequest, options: PlainOptions): Promise<void> {
  const { method, request, response, origin } = plain;
  let call: Call | undefined;
  const client = watchClient(response, () => call?.end(cancelled()));
  try {
    refuseClientStreams(method.desc);
    call = startCall(plain, timeoutMsOf(request));
    const message = await readMessage(plain, call, options.maxMessageBytes);
    await answer(plain, call, message, options.explainError);
  } catch (error) {
    if (client.gone() || response.headersSent) return;
    const status = options.explainError(error, origin.requestId);
    if (status !== error) logRefusal(plain, status, options.logger);
    if (call) setMetadata(response, metadataOf(call));
    sendError(response, status, error instanceof BodyTooLarge ? 413 : undefined);
  } finally {
    client.finished();
    call?.end();
  }
}

function startCall({ method, request, origin }: PlainRequest, timeoutMs: number | undefined): Call {
  return method.start({
    origin: { ...origin, face: faceOf(method.desc, request) },
    httpMethod: request.method ?? "POST",
    url: request.url ?? "",
    headers: new Metadata(request.headers),
    timeoutMs,
  });
}

function metadataOf({ context }: Call): Pick<UnaryAnswer, "header" | "trailer"> {
  return { header: context.responseHeader, trailer: context.responseTrailer };
}

/** A request that was refused before its call began, so that no interceptor has logged it. */
function logRefusal({ method, origin }: PlainRequest, { code }: ConnectError, logger: Logger): void {
  const rpc = `${method.desc.parent.typeName}/${method.desc.name}`;
  logger.warn({ rpc, code: codeToString(code), ...origin }, "rpc refused");
}

/**
 * Notices when the client goes away before the response is complete. It keeps its own flag: `writableFinished` was seen
 * true on streams that had not finished.
 */
function watchClient(response: NodeResponse, left: () => void) {
  let finished = false;
  let gone = false;
  response.once("close", () => {
    if (finished) return;
    gone = true;
    left();
  });
  return {
    gone: () => gone,
    finished: () => {
      finished = true;
    },
  };
}

function refuseClientStreams({ methodKind, name }: DescMethod): void {
  if (methodKind === "unary" || methodKind === "server_streaming") return;
  throw new LivellmError(
    "unimplemented",
    "unsupported",
    `${name} takes a stream of messages, which plain HTTP has no form for: call it with gRPC, with Connect over HTTP/2, or through a WebSocket on the same path`,
  );
}

function faceOf(method: DescMethod, request: NodeRequest): CallOrigin["face"] {
  return method.methodKind === "unary" ? "json" : chooseFraming(headerOf(request, "accept")).face;
}

async function readMessage(
  { method, request, registry }: PlainRequest,
  { onAbort }: Call,
  maxBytes: number,
): Promise<Message> {
  const bytes = request.method === "GET" ? messageInQuery(request) : await readBody(request, maxBytes, onAbort);
  return parseStrictJson(method.desc.input, decodeUtf8(bytes), registry);
}

/** Connect's GET: `?connect=v1&encoding=json&message={…}`, or `&base64=1&message=…`. No message is an empty one. */
function messageInQuery(request: NodeRequest): Uint8Array {
  const query = new URLSearchParams((request.url ?? "").split("?")[1]);
  const message = query.get("message") ?? "";
  if (message === "") return Buffer.from("{}");
  if (query.get("base64") !== "1") return Buffer.from(message);
  try {
    return base64Decode(message);
  } catch {
    throw new LivellmError(
      "invalid_argument",
      "invalid_request",
      "the query's message is not base64, as base64=1 says",
    );
  }
}

async function answer(plain: PlainRequest, call: Call, message: Message, explainError: ExplainError): Promise<void> {
  const oneMessage = plain.method.desc.methodKind === "unary";
  const answered = await call.respond(oneMessage ? message : one(message));
  if (answered.stream) return sendStream(plain, call, answered, explainError);
  sendUnary(plain, answered);
}

async function* one(message: Message): AsyncGenerator<Message> {
  yield message;
}

function sendUnary({ method, response, registry }: PlainRequest, answered: UnaryAnswer): void {
  setMetadata(response, answered);
  sendJson(response, 200, toJsonString(method.desc.output, answered.message, registry && { registry }));
}

/** What a handler has set of headers and trailers, which are headers with a prefix here. */
function setMetadata(response: NodeResponse, { header, trailer }: Pick<UnaryAnswer, "header" | "trailer">): void {
  for (const [name, value] of header) response.setHeader(name, value);
  for (const [name, value] of trailer) response.setHeader(`trailer-${name}`, value);
}

/** An error before the first message is thrown, and becomes the HTTP status; a later one is the record at the end. */
async function sendStream(
  plain: PlainRequest,
  call: Call,
  answered: StreamAnswer,
  explainError: ExplainError,
): Promise<void> {
  const { method, request, response, origin, registry } = plain;
  const framing = chooseFraming(headerOf(request, "accept"));
  const batches = inBatches(answered.message)[Symbol.asyncIterator]();
  const record = (message: Message) =>
    framing.message(toJsonString(method.desc.output, message, registry && { registry }));
  try {
    let next = await batches.next();
    sendHead(response, framing, answered.header);
    for (; !next.done; next = await batches.next()) {
      for (const records of inPieces(next.value, record)) {
        if (response.destroyed) return;
        if (!response.write(records.join(""))) await drained(response);
      }
    }
    response.end(framing.status());
  } catch (error) {
    if (!response.headersSent) throw error;
    if (response.destroyed) return;
    response.end(framing.status(errorObject(explainError(error, origin.requestId, call.context.signal))));
  } finally {
    // First the signal, then return(): a generator's return() waits for what it is waiting for.
    call.end();
    await batches.return?.().catch(() => undefined);
  }
}

function sendHead(response: NodeResponse, framing: StreamFraming, headers: Headers): void {
  for (const [name, value] of headers) response.setHeader(name, value);
  response.setHeader("content-type", framing.contentType);
  response.setHeader("cache-control", "no-cache, no-transform");
  // nginx would collect the events of a stream otherwise.
  response.setHeader("x-accel-buffering", "no");
  response.writeHead(200);
}
