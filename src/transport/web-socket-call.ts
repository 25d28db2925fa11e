import { type DescMethod, type Message, toBinary, toJsonString } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import type { Logger } from "pino";
import { LivellmError } from "../core/error.ts";
import { timeoutMsOf } from "./call-timeout.ts";
import type { Call, CallableMethod } from "./dispatch.ts";
import { Metadata } from "./metadata.ts";
import { headerOf, type NodeRequest, remoteAddressOf } from "./node-http.ts";
import { type ExplainError, errorObject } from "./refusal.ts";
import { assignRequestId } from "./request-id.ts";
import type { Connection } from "./web-socket-connection.ts";
import type { CallHeaders, Frame } from "./web-socket-control.ts";

interface WebSocketCallOptions {
  readonly explainError: ExplainError;
  readonly logger: Logger;
  /** How long a client may take to its first frame. */
  readonly firstFrameTimeoutMs: number;
  /** Throws `unavailable` when no new calls are taken. */
  readonly assertOpen: () => void;
}

/** A call on its way in. The request is that of the handshake; the headers frame is added to its headers. */
interface WebSocketCall {
  readonly method: CallableMethod;
  readonly request: NodeRequest;
  readonly connection: Connection;
}

/**
 * Serves the one call of a WebSocket, through the same interceptors as every other face. See "The faces of a stream" in the
 * contract's README. Resolves when the call is over and its status sent, or the client gone.
 */
export async function serveWebSocketCall(incoming: WebSocketCall, options: WebSocketCallOptions): Promise<void> {
  const { connection } = incoming;
  try {
    await beginWithHeaders(incoming, options);
    await answer(incoming, startCall(incoming), options);
    connection.finish(statusFrame(), "ok");
  } catch (error) {
    const status = explain(incoming, error, connection.signal, options);
    connection.finish(statusFrame(status), codeToString(status.code));
  }
}

/** The last frame of a stream. */
export function statusFrame(error?: ConnectError): string {
  return JSON.stringify({ status: error ? errorObject(error) : { code: "ok" } });
}

async function beginWithHeaders({ connection, request }: WebSocketCall, options: WebSocketCallOptions): Promise<void> {
  const { input } = connection;
  const timer = setTimeout(() => input.fail(tooLate(options)), options.firstFrameTimeoutMs);
  try {
    addHeaders(request, await input.opened);
  } finally {
    clearTimeout(timer);
  }
  options.assertOpen();
}

function tooLate({ firstFrameTimeoutMs }: WebSocketCallOptions): LivellmError {
  const message = `no frame came within ${firstFrameTimeoutMs / 1000} seconds; connect when there is something to send`;
  return new LivellmError("deadline_exceeded", "timeout", message);
}

/** The frame's headers win; an `x-request-id` that cannot be one leaves that of the handshake. */
function addHeaders(request: NodeRequest, headers: CallHeaders): void {
  const before = requestIdOf(request);
  Object.assign(request.headers, headers);
  const id = headers["x-request-id"];
  if (id !== undefined && assignRequestId(request) !== id) request.headers["x-request-id"] = before;
}

/** The handshake has assigned one. */
export function requestIdOf(request: NodeRequest): string {
  return headerOf(request, "x-request-id") ?? "";
}

function startCall({ method, request, connection }: WebSocketCall): Call {
  const timeoutMs = timeoutMsOf(request);
  return method.start({
    origin: { requestId: requestIdOf(request), remoteAddress: remoteAddressOf(request), face: "websocket" },
    httpMethod: request.method ?? "GET",
    url: request.url ?? "",
    headers: new Metadata(request.headers),
    signal: connection.signal,
    timeoutMs,
  });
}

async function answer(incoming: WebSocketCall, call: Call, options: WebSocketCallOptions): Promise<void> {
  const { method, connection } = incoming;
  const { input } = connection;
  const { signal } = call.context;
  const stop = () => input.fail(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  const answers = call.answers(input.messages());
  try {
    for (let next = await answers.next(); !next.done; next = await answers.next()) {
      await connection.send(encode(method.desc, next.value, input.kind), signal);
    }
  } catch (error) {
    // Before the call ends: its signal knows whether it was the deadline.
    throw explain(incoming, error, signal, options);
  } finally {
    signal.removeEventListener("abort", stop);
    // First the signal, then return(): a generator's return() waits for what it is waiting for.
    call.end();
    await answers.return(undefined).catch(() => undefined);
  }
}

function encode({ output }: DescMethod, message: Message, kind: Frame["kind"]): string | Uint8Array {
  return kind === "text" ? toJsonString(output, message) : toBinary(output, message);
}

/** The status for an error; those that did not come through the interceptors, which log, are logged here. */
function explain(
  { method, request }: WebSocketCall,
  error: unknown,
  signal: AbortSignal,
  { explainError, logger }: WebSocketCallOptions,
): ConnectError {
  const requestId = requestIdOf(request);
  const status = explainError(error, requestId, signal);
  if (status === error) return status;
  const rpc = `${method.desc.parent.typeName}/${method.desc.name}`;
  const remoteAddress = remoteAddressOf(request);
  logger.warn({ rpc, code: codeToString(status.code), requestId, remoteAddress, face: "websocket" }, "rpc refused");
  return status;
}
