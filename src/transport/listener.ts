import http from "node:http";
import http2 from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { serverUrl } from "../core/server-url.ts";
import { Http2Body, http1Body } from "./arriving-body.ts";
import { BodyPace, type Pace } from "./body-pace.ts";
import { limitConnectionAge } from "./connection-age.ts";
import type { NodeHandler } from "./node-http.ts";
import { isHttp2 } from "./preface.ts";
import type { TlsAcceptor } from "./tls.ts";

/** Connections that another process has accepted: `serve` gets each, until the function that comes back is called. */
export type AcceptedConnections = (serve: (socket: Socket) => void) => () => void;

export interface ListenOptions {
  /** 0 for any free port. */
  readonly port: number;
  readonly host: string;
  readonly handler: NodeHandler;
  /** Asked first for every HTTP/2 stream; what it does not take (false) goes to `handler`. */
  readonly onStream?: (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => boolean;
  /** Takes over WebSocket upgrades. Without it they are answered as plain requests. */
  readonly onUpgrade?: (request: http.IncomingMessage, socket: Duplex, head: Buffer) => void;
  /** How fast the bodies of requests have to come; the usual pace when unset. */
  readonly bodyPace?: Pace;
  /** Whether requests on a path are streams of messages, which over HTTP/2 may be silent; none are, when unset. */
  readonly maySendStream?: (path: string) => boolean;
  /** How long a new connection may take to show which protocol it speaks. 10 seconds when unset. */
  readonly firstByteTimeoutMs?: number;
  /** How many calls one HTTP/2 connection may have open. 1000 when unset. */
  readonly maxConcurrentStreams?: number;
  /** The largest head of a request, in bytes. 32 KiB when unset. */
  readonly maxHeaderBytes?: number;
  /** Connections beyond so many are closed at once; no limit when unset. */
  readonly maxConnections?: number;
  /** HTTP/2 connections so old are told to go elsewhere, and their calls finish; never when unset or 0. */
  readonly maxConnectionAgeMs?: number;
  /** Ends the calls under way, each with its status, once the grace period of a shutdown is over. */
  readonly endCalls?: () => void;
  /** With it no port is opened: these connections are served. */
  readonly accepted?: AcceptedConnections;
  /** With it the port speaks TLS, and nothing else. */
  readonly tls?: TlsAcceptor;
}

export interface Listening {
  readonly port: number;
  readonly url: string;
  /**
   * Stops taking connections, tells HTTP/2 clients to go elsewhere (GOAWAY), lets calls in flight finish for `graceMs` at
   * most, then ends them, and a second later cuts what is left. Resolves when every connection is closed; may be called again to shorten the grace.
   */
  close(graceMs?: number): Promise<void>;
}

const usualMaxHeaderBytes = 32 * 1024;
/** Audio and images come in large messages; the 64 KiB of the standard would wait for an acknowledgement after each. */
const windowBytes = 1024 * 1024;

/**
 * Serves HTTP/1.1 (fetch, curl, WebSocket) and HTTP/2 with prior knowledge (gRPC) on one TCP port; the first bytes of a
 * connection tell them apart, with TLS its ALPN does. The HTTP/1 server owns the port, so its time limits stay in force.
 */
export async function listen(options: ListenOptions): Promise<Listening> {
  const connections = new Connections();
  const sessions = new Set<http2.Http2Session>();
  const pace = new BodyPace(options.bodyPace);
  const h2 = createHttp2(options, sessions, pace);
  const h1 = createHttp1(options, connections, pace);
  const serveHttp1 = h1.listeners("connection") as ((socket: Socket) => void)[];
  h1.removeAllListeners("connection");
  const serve = (socket: Socket, isHttp2Socket: boolean) => {
    if (isHttp2Socket) serveHttp2(h2, socket);
    else for (const serveSocket of serveHttp1) serveSocket.call(h1, socket);
  };
  const serveSecure = (socket: TLSSocket) => {
    connections.track(socket); // beside the connection below it: what it has read is what was in the encryption
    serve(socket, socket.alpnProtocol === "h2");
  };
  const accept =
    options.tls?.accepting(serveSecure) ??
    ((socket) => isHttp2(socket, options.firstByteTimeoutMs ?? 10_000, (found) => serve(socket, found)));
  h1.on("connection", (socket: Socket) => {
    connections.track(socket);
    accept(socket);
  });
  const { port, stop } = options.accepted ? follow(h1, options.accepted, options.port) : await bind(h1, options);
  return {
    port,
    url: serverUrl({ host: options.host, port, secure: options.tls !== undefined }),
    close: createClose(stop, { sessions, connections, endCalls: options.endCalls }),
  };
}

/** The connections that are open. */
class Connections {
  readonly open = new Set<Socket>();
  readonly #empty = Promise.withResolvers<void>();
  #closing = false;

  get closing(): boolean {
    return this.#closing;
  }

  track(socket: Socket): void {
    this.open.add(socket);
    socket.once("close", () => {
      this.open.delete(socket);
      if (this.#closing && this.open.size === 0) this.#empty.resolve();
    });
  }

  /** Closes those that have never said anything; resolves when the others are closed too. */
  close(): Promise<void> {
    this.#closing = true;
    for (const socket of this.open) if (socket.bytesRead === 0) socket.destroy();
    if (this.open.size === 0) this.#empty.resolve();
    return this.#empty.promise;
  }
}

function createHttp1(options: ListenOptions, connections: Connections, pace: BodyPace): http.Server {
  const server = http.createServer({
    maxHeaderSize: options.maxHeaderBytes ?? usualMaxHeaderBytes,
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
    if (request.method !== "GET" && !request.complete) pace.watch(request.socket, http1Body(request, response));
    // While closing, a connection that becomes idle has to be let go: node itself would keep it alive.
    response.once("close", () => connections.closing && server.closeIdleConnections());
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

function createHttp2(options: ListenOptions, sessions: Set<http2.Http2Session>, pace: BodyPace): http2.Http2Server {
  const settings = {
    maxConcurrentStreams: options.maxConcurrentStreams ?? 1000,
    initialWindowSize: windowBytes,
    maxHeaderListSize: options.maxHeaderBytes ?? usualMaxHeaderBytes,
  };
  const server = http2.createServer({ settings }, options.handler);
  takeStreams(server, options, pace);
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.setLocalWindowSize(windowBytes);
    if (options.maxConnectionAgeMs) limitConnectionAge(session, options.maxConnectionAgeMs);
  });
  return server;
}

/** node's compatibility API is itself a listener of this event: it is put behind ours. */
function takeStreams(server: http2.Http2Server, { onStream, maySendStream }: ListenOptions, pace: BodyPace): void {
  const serveCompatible = server.listeners("stream") as ((...all: unknown[]) => void)[];
  server.removeAllListeners("stream");
  server.on("stream", (stream, headers, ...rest) => {
    if (!stream.endAfterHeaders && !maySendStream?.(headers[":path"] ?? "")) watchStream(stream, headers, pace);
    if (onStream?.(stream, headers)) return;
    for (const serve of serveCompatible) serve.call(server, stream, headers, ...rest);
  });
}

/** It is forgotten at its end: of a busy server's calls none may stay until the next look. */
function watchStream(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, pace: BodyPace): void {
  pace.watch(stream, new Http2Body(stream, headers["content-type"]));
  stream.once("close", () => pace.forget(stream));
}

/** What brings the connections. */
interface Source {
  readonly port: number;
  /** No more of them, and the idle ones go. */
  stop(): void;
}

function bind(server: http.Server, { port, host, maxConnections }: ListenOptions): Promise<Source> {
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve({ port: (server.address() as AddressInfo).port, stop: () => void server.close() });
    });
  });
}

function follow(server: http.Server, accepted: AcceptedConnections, port: number): Source {
  // It sets up the clocks that its time limits are kept by when it begins to listen, which it never does.
  server.emit("listening");
  const unfollow = accepted((socket) => server.emit("connection", socket));
  return {
    port,
    stop() {
      unfollow();
      server.close();
    },
  };
}

/** What a shutdown ends. */
interface Open {
  readonly sessions: ReadonlySet<http2.Http2Session>;
  readonly connections: Connections;
  readonly endCalls: (() => void) | undefined;
}

/** For the statuses of calls that were ended to reach their callers. */
const lastWordsMs = 1_000;

function createClose(stop: () => void, { sessions, connections, endCalls }: Open) {
  let closed: Promise<void> | undefined;
  const begin = () => {
    stop();
    for (const session of sessions) session.close();
    return connections.close();
  };
  const cut = () => {
    for (const socket of connections.open) socket.destroy();
  };
  return async (graceMs = 5_000): Promise<void> => {
    closed ??= begin();
    const timers = [
      ...(endCalls ? [setTimeout(endCalls, graceMs)] : []),
      setTimeout(cut, endCalls ? graceMs + lastWordsMs : graceMs),
    ];
    await closed;
    for (const timer of timers) clearTimeout(timer);
  };
}
