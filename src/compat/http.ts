import type { connectNodeAdapter } from "@connectrpc/connect-node";
import { LivellmError } from "../core/error.ts";

type NodeHandler = ReturnType<typeof connectNodeAdapter>;

/** A request over HTTP/1.1 or HTTP/2. connect-node has the type and does not export it by name. */
export type HttpRequest = Parameters<NodeHandler>[0];
/** A request that asks for a WebSocket: over HTTP/1.1. */
export type UpgradeRequest = Exclude<HttpRequest, { readonly authority: string }>;
export type HttpResponse = Parameters<NodeHandler>[1];

/** One request header; several with the same name are joined, as HTTP allows. */
export function headerOf(request: HttpRequest, name: string): string {
  const value = request.headers[name];
  return (Array.isArray(value) ? value.join(", ") : value) ?? "";
}

/** The request's headers for the web API; HTTP/2's pseudo headers are left out. */
export function webHeadersOf(request: HttpRequest): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, String(one));
  }
  return headers;
}

/** The address of the peer, IPv4 in its own notation; empty when the connection is already gone. */
export function remoteAddressOf(request: HttpRequest): string {
  try {
    return (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  } catch {
    // http2 throws when the session has been destroyed; the call ends by itself in a moment.
    return "";
  }
}

/** The longest a timer runs; node fires a longer one at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The caller's deadline from `x-timeout-ms`, as on every other plain face. Throws `invalid_argument`. */
export function timeoutMsOf(request: HttpRequest): number | undefined {
  const value = headerOf(request, "x-timeout-ms");
  if (value === "") return undefined;
  if (/^\d{1,10}$/.test(value)) return Number(value) > longestTimerMs ? undefined : Number(value);
  const message = "the header x-timeout-ms must be whole milliseconds, at most 10 digits, such as 30000";
  throw new LivellmError("invalid_argument", "invalid_request", message);
}
