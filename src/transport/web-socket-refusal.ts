import http from "node:http";
import { LivellmError } from "../core/error.ts";
import { headerOf } from "./node-http.ts";
import { type ExplainError, sendError } from "./refusal.ts";
import { requestIdOf } from "./web-socket-call.ts";

/** Why a handshake is refused, as HTTP says it. */
export interface HandshakeRefusal {
  readonly error: unknown;
  /** Connect's for the error's code when unset. */
  readonly httpStatus?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers a handshake with an HTTP status and the error object as JSON, and hangs up. */
export function refuseHandshake(
  request: http.IncomingMessage,
  { error, httpStatus, headers = {} }: HandshakeRefusal,
  explainError: ExplainError,
): void {
  const { socket } = request;
  const response = new http.ServerResponse(request);
  response.assignSocket(socket);
  response.once("finish", () => socket.destroySoon());
  const requestId = requestIdOf(request);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader("x-request-id", requestId);
  response.setHeader("connection", "close");
  sendError(response, explainError(error, requestId), httpStatus);
}

/** What keeps a request from being a WebSocket handshake (RFC 6455, section 4.2.1); undefined when nothing does. */
export function malformedHandshake(request: http.IncomingMessage): HandshakeRefusal | undefined {
  if (request.method !== "GET") return malformed(405, "a WebSocket is opened with GET", { allow: "GET" });
  if (headerOf(request, "sec-websocket-version") !== "13") {
    return malformed(426, "this server speaks version 13 of WebSocket", { "sec-websocket-version": "13" });
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headerOf(request, "sec-websocket-key") ?? "")) {
    return malformed(400, "the header sec-websocket-key must be 16 bytes in base64");
  }
  return undefined;
}

function malformed(httpStatus: number, message: string, headers: Readonly<Record<string, string>> = {}) {
  return { httpStatus, headers, error: new LivellmError("invalid_argument", "invalid_request", message) };
}

/** No RPC at the path. */
export function nothingToConnectTo(path: string): HandshakeRefusal {
  const message = `there is nothing to connect to at ${JSON.stringify(path.slice(0, 200))}; RPCs are at paths such as /livellm.v1.AgentService/RunStream`;
  return { httpStatus: 404, error: new LivellmError("not_found", "not_found", message) };
}

/** A page whose origin is not on the list. Browsers do not ask before they open a WebSocket: this is the only check. */
export function foreignOrigin(origin: string): HandshakeRefusal {
  const message = `pages of ${JSON.stringify(origin.slice(0, 200))} may not call this server: its origin is not in the allow-list`;
  return { error: new LivellmError("permission_denied", "permission_denied", message) };
}
