import { type DescMethod, type Message, type Registry, toJsonString } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { cancelled, LivellmError } from "../core/error.ts";
import type { CallOrigin } from "./call-origin.ts";
import { timeoutMsOf } from "./call-timeout.ts";
import type { Call, CallableMethod } from "./dispatch.ts";
import { headerOf, type NodeRequest, type NodeResponse, webHeadersOf } from "./node-http.ts";
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
  const client = watchClient(response);
  let call: Call | undefined;
  try {
    refuseClientStreams(method.desc);
    const timeoutMs = timeoutMsOf(request);
    const message = await readMessage(plain, options.maxMessageBytes);
    call = method.start({
      origin: { ...origin, face: faceOf(method.desc, request) },
      httpMethod: request.method ?? "POST",
      url: request.url ?? "",
      headers: webHeadersOf(request),
      signal: client.signal,
      ...(timeoutMs !== undefined && { timeoutMs }),
    });
    await answer(plain, call, message, options.explainError);
  } catch (error) {
    if (client.gone() || response.headersSent) return;
    const status = options.explainError(error, origin.requestId, client.signal);
    if (status !== error) logRefusal(plain, status, options.logger);
    if (call) setMetadata(response, call);
    sendError(response, status, error instanceof BodyTooLarge ? 413 : undefined);
  } finally {
    client.finished();
  }
}

/** A request that was refused before its call began, so that no interceptor has logged it. */
function logRefusal({ method, origin }: PlainRequest, { code }: ConnectError, logger: Logger): void {
  const rpc = `${method.desc.parent.typeName}/${method.desc.name}`;
  logger.warn({ rpc, code: codeToString(code), requestId: origin.requestId, face: origin.face }, "rpc refused");
}

/**
 * Notices when the client goes away before the response is complete. It keeps its own flag: `writableFinished` was seen
 * true on streams that had not finished.
 */
function watchClient(response: NodeResponse) {
  const controller = new AbortController();
  let finished = false;
  response.once("close", () => {
    if (!finished) controller.abort(cancelled());
  });
  return {
    signal: controller.signal,
    gone: () => controller.signal.aborted,
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

async function readMessage({ method, request, registry }: PlainRequest, maxBytes: number): Promise<Message> {
  const bytes = request.method === "GET" ? messageInQuery(request) : await readBody(request, maxBytes);
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
  const answers = call.answers(one(message));
  try {
    if (plain.method.desc.methodKind === "unary") await sendUnary(plain, call, answers);
    else await sendStream(plain, call, answers, explainError);
  } finally {
    // First the signal, then return(): a generator's return() waits for what it is waiting for.
    call.end();
    await answers.return(undefined).catch(() => undefined);
  }
}

async function* one(message: Message): AsyncGenerator<Message> {
  yield message;
}

async function sendUnary(
  { method, response, registry }: PlainRequest,
  call: Call,
  answers: AsyncGenerator<Message>,
): Promise<void> {
  const { value } = await answers.next();
  // One more, so that the call runs to its end and its trailers are known.
  await answers.next();
  setMetadata(response, call);
  sendJson(response, 200, toJsonString(method.desc.output, value, registry && { registry }));
}

/** What a handler has set of headers and trailers, which are headers with a prefix here. */
function setMetadata(response: NodeResponse, { context }: Call): void {
  for (const [name, header] of context.responseHeader) response.setHeader(name, header);
  for (const [name, trailer] of context.responseTrailer) response.setHeader(`trailer-${name}`, trailer);
}

/** An error before the first message is thrown, and becomes the HTTP status; a later one is the record at the end. */
async function sendStream(
  plain: PlainRequest,
  call: Call,
  answers: AsyncGenerator<Message>,
  explainError: ExplainError,
): Promise<void> {
  const { method, request, response, origin, registry } = plain;
  const framing = chooseFraming(headerOf(request, "accept"));
  let next = await answers.next();
  sendHead(response, framing, call.context.responseHeader);
  try {
    for (; !next.done; next = await answers.next()) {
      if (response.destroyed) return;
      const text = toJsonString(method.desc.output, next.value, registry && { registry });
      const room = response.write(framing.message(text));
      if (!room) await drained(response);
    }
    response.end(framing.status());
  } catch (error) {
    if (response.destroyed) return;
    response.end(framing.status(errorObject(explainError(error, origin.requestId, call.context.signal))));
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

/** Waits until the client has read enough, or is gone. */
function drained(response: NodeResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
    if (response.destroyed) done();
  });
}
