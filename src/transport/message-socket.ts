import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { cancelled } from "../core/error.ts";
import { Channel } from "../streams/channel.ts";
import { headerOf } from "./node-http.ts";
import { startHeartbeat } from "./web-socket-heartbeat.ts";
import { framesOfOneRead } from "./web-socket-input.ts";

/** An open WebSocket whose messages are read one by one; while nobody reads, the client has to wait. */
export interface MessageSocket {
  /** Texts as strings, binary messages as bytes. Ends when the client closes. */
  readonly messages: AsyncIterable<string | Uint8Array>;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Resolves when there is room for more. Nothing is sent to a client that is gone. */
  send(text: string): Promise<void>;
  /** A reason of more than 123 bytes is cut, at a whole character. */
  close(code: number, reason: string): void;
}

export interface MessageSocketsOptions {
  /** Origins whose pages may connect: exact, or `*`. Pages of this server, and programs, which send none, always may. */
  readonly allowedOrigins: readonly string[];
  /** The largest message, put together from its fragments. */
  readonly maxMessageBytes: number;
}

interface Handshake {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Accepts WebSockets for faces that have a protocol of their own on them. */
export function createMessageSockets({ allowedOrigins, maxMessageBytes }: MessageSocketsOptions) {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
  });
  server.on("headers", (headers, request) => headers.push(`x-request-id: ${headerOf(request, "x-request-id") ?? ""}`));
  return ({ request, socket, head }: Handshake, serve: (client: MessageSocket) => Promise<void>): void => {
    // A client that goes away is no fault of this server, and must not become an uncaught error.
    socket.on("error", ignore);
    if (!isAllowed(request, allowedOrigins)) {
      socket.end("HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    server.handleUpgrade(request, socket, head, (client) => {
      const messages = openMessages(client, request);
      serve(messages).then(ignore, () => messages.close(1011, "internal error"));
    });
  };
}

function ignore(): void {}

/** The server's own pages are told by the host they were loaded from; a scheme may be a proxy's. */
function isAllowed(request: IncomingMessage, allowed: readonly string[]): boolean {
  const origin = headerOf(request, "origin");
  if (origin === undefined || allowed.includes("*") || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === request.headers.host?.toLowerCase();
}

/** How many messages may wait to be read. */
const waiting = 32;
/** What may wait in the socket before `send` waits too. */
const highWaterBytes = 256 * 1024;

function openMessages(socket: WebSocket, request: IncomingMessage): MessageSocket {
  const controller = new AbortController();
  const heartbeat = startHeartbeat(socket, request.socket, { intervalMs: 20_000, pausedIntervalMs: 1_000 });
  const goOn = () => {
    socket.resume();
    heartbeat.paused(false);
  };
  const messages = new Channel<string | Uint8Array>(waiting, goOn, waiting + framesOfOneRead);
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (messages.push(isBinary ? (data as Buffer) : (data as Buffer).toString("utf8"))) return;
    socket.pause();
    heartbeat.paused(true);
  });
  socket.on("error", ignore);
  socket.on("close", () => {
    heartbeat.stop();
    messages.end();
    controller.abort(cancelled());
  });
  return {
    messages,
    signal: controller.signal,
    send: (text) => send(socket, text, controller.signal),
    close(code, reason) {
      // The close frame of a client that has been paused has to be read, too.
      socket.resume();
      socket.close(code, fitReason(reason));
    },
  };
}

async function send(socket: WebSocket, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || socket.readyState !== WebSocket.OPEN) return;
  const { promise: flushed, resolve } = Promise.withResolvers<void>();
  // Called with an error, too, when the client goes.
  socket.send(text, () => resolve());
  if (socket.bufferedAmount > highWaterBytes) await flushed;
}

/** RFC 6455, section 5.5: the payload of a control frame has at most 125 bytes, two of which are the code. */
function fitReason(reason: string): string {
  let fitting = reason.slice(0, 123);
  while (Buffer.byteLength(fitting) > 123) fitting = fitting.slice(0, -1);
  return fitting.toWellFormed();
}
