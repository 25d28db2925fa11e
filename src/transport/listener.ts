import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { NodeHandler } from "./node-http.ts";
import { isHttp2 } from "./preface.ts";

export interface ListenOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
  readonly handler: NodeHandler;
  /** Takes over WebSocket upgrades. Without it they are answered as plain requests. */
  readonly onUpgrade?: (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** How long a new connection may take to show which protocol it speaks. 10 seconds when unset. */
  readonly firstByteTimeoutMs?: number;
  /** How many calls one HTTP/2 connection may have open. 1000 when unset. */
  readonly maxConcurrentStreams?: number;
}

export interface Listening {
  readonly port: number;
  readonly url: string;
  /**
   * Stops taking connections, tells HTTP/2 clients to go elsewhere (GOAWAY), lets calls in flight finish for `graceMs` at
   * most, then cuts what is left. Resolves when every connection is closed; may be called again to shorten the grace.
   */
  close(graceMs?: number): Promise<void>;
}

const maxHeaderBytes = 32 * 1024;
/** Audio and images come in large messages; the 64 KiB of the standard would wait for an acknowledgement after each. */
const windowBytes = 1024 * 1024;

/**
 * Serves HTTP/1.1 (fetch, curl, WebSocket) and HTTP/2 with prior knowledge (gRPC) on one TCP port; the first bytes of a
 * connection tell them apart. The HTTP/1 server owns the port, so its time limits stay in force. With TLS (the security
 * issue) ALPN will choose instead of `isHttp2`, and the rest stays as it is.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const connections = new Set<Socket>();
  const sessions = new Set<http2.Http2Session>();
  const h2 = createHttp2(options, sessions);
  const h1 = createHttp1(options);
  const serveHttp1 = h1.listeners("connection") as ((socket: Socket) => void)[];
  h1.removeAllListeners("connection");
  h1.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
    isHttp2(socket, options.firstByteTimeoutMs ?? 10_000, (found) => {
      if (found) serveHttp2(h2, socket);
      else for (const serve of serveHttp1) serve.call(h1, socket);
    });
  });
  await bind(h1, options);
  const { port } = h1.address() as AddressInfo;
  const authority = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    port,
    url: `http://${authority}:${port}`,
    close: createClose(h1, sessions, connections),
  };
}

function createHttp1(options: ListenOptions): http.Server {
  const server = http.createServer({
    maxHeaderSize: maxHeaderBytes,
    keepAliveTimeout: 75_000,
    // Finds peers that are gone without a word; HTTP/2 connections have no other time limit.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    headersTimeout: 30_000,
    // Only WebSocket upgrades are upgrades: `Upgrade: h2c` (plain `curl --http2`) is answered in HTTP/1.1.
    shouldUpgradeCallback: (request) =>
      options.onUpgrade !== undefined && request.headers.upgrade?.toLowerCase() === "websocket",
  });
  server.on("request", (request, response) => {
    // While closing, a connection that becomes idle has to be let go: node itself would keep it alive.
    response.once("close", () => server.listening || server.closeIdleConnections());
    options.handler(request, response);
  });
  if (options.onUpgrade) server.on("upgrade", options.onUpgrade);
  return server;
}

/** An HTTP/1 server takes sockets half open; an HTTP/2 client that dies without a reset would never be noticed so. */
function serveHttp2(h2: http2.Http2Server, socket: Socket): void {
  socket.allowHalfOpen = false;
  h2.emit("connection", socket);
}

function createHttp2(options: ListenOptions, sessions: Set<http2.Http2Session>): http2.Http2Server {
  const settings = {
    maxConcurrentStreams: options.maxConcurrentStreams ?? 1000,
    initialWindowSize: windowBytes,
    maxHeaderListSize: maxHeaderBytes,
  };
  const server = http2.createServer({ settings }, options.handler);
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.setLocalWindowSize(windowBytes);
  });
  return server;
}

function bind(server: http.Server, { port, host }: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function createClose(server: http.Server, sessions: Set<http2.Http2Session>, connections: Set<Socket>) {
  let closed: Promise<void> | undefined;
  return async (graceMs = 5_000): Promise<void> => {
    closed ??= new Promise((resolve) => {
      server.close(() => resolve());
      for (const session of sessions) session.close();
      for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
    });
    const force = setTimeout(() => {
      for (const socket of connections) socket.destroy();
    }, graceMs);
    await closed;
    clearTimeout(force);
  };
}
