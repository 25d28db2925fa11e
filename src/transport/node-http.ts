import type { connectNodeAdapter } from "@connectrpc/connect-node";

/** A handler for HTTP/1.1 and HTTP/2 alike. connect-node has these types and does not export them by name. */
export type NodeHandler = ReturnType<typeof connectNodeAdapter>;
export type NodeRequest = Parameters<NodeHandler>[0];
export type NodeResponse = Parameters<NodeHandler>[1];

/** The path of a request, without its query. */
export function pathOf(request: NodeRequest): string {
  const url = request.url ?? "";
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}

/** One request header; several with the same name are joined, as HTTP allows. */
export function headerOf(request: Pick<NodeRequest, "headers">, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/** The caller's address, IPv4 in its own notation; empty when the connection is already gone. */
export function remoteAddressOf(request: NodeRequest): string {
  try {
    return (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  } catch {
    // http2 throws when the session has been destroyed; the call ends by itself in a moment.
    return "";
  }
}
