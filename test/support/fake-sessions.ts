import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { type RawData, type WebSocket, WebSocketServer } from "ws";

/** A JSON message, in either direction. */
export type Message = Readonly<Record<string, unknown>>;

/** One WebSocket that a gateway has opened. */
export interface FakeSession {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  /** Everything that the gateway has sent so far. */
  readonly received: readonly Message[];
  /** Resolves with the first message, received or still to come, that fits. */
  seen(fits: (message: Message) => boolean): Promise<Message>;
  send(message: Message | string): void;
  close(code: number, reason?: string): void;
  /** Breaks the connection off. */
  cut(): void;
  /** Stops reading what the gateway sends. */
  pause(): void;
  /** Bytes that wait for the gateway to read. */
  waitingBytes(): number;
  readonly closed: Promise<{ readonly code: number }>;
}

export interface FakeServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`, without a trailing slash. */
  readonly url: string;
  readonly sessions: readonly FakeSession[];
  /** Resolves with the next session that no one has taken yet. */
  nextSession(): Promise<FakeSession>;
}

export interface FakeServerOptions {
  /** A status and a body to refuse a handshake with; undefined to take it. */
  readonly refuse?: (url: URL, headers: IncomingHttpHeaders) => { status: number; body: string } | undefined;
  /** Takes a session; what it returns is called with each message. */
  readonly serve: (session: FakeSession) => (message: Message) => void;
  /** What a test does instead: true for a message that it has dealt with. */
  readonly intercept?: (message: Message, session: FakeSession) => boolean;
  /** Keeps neither sessions nor what they receive: for hours of them. */
  readonly forgets?: boolean;
}

/** Sends one message after the other. */
export function sendAll(session: FakeSession, ...messages: readonly Message[]): void {
  for (const message of messages) session.send(message);
}

/** A vendor of WebSocket sessions: a real server on a port of its own. */
export async function startFakeServer(options: FakeServerOptions): Promise<FakeServer> {
  const sessions: FakeSession[] = [];
  const untaken: FakeSession[] = [];
  const waiting: ((session: FakeSession) => void)[] = [];
  const http = createServer((_, response) => response.writeHead(404).end("{}"));
  const sockets = new WebSocketServer({ noServer: true });
  http.on("upgrade", (request, socket, head) => {
    const url = new URL(request.url ?? "", "http://vendor");
    const refusal = options.refuse?.(url, request.headers);
    if (refusal) {
      socket.on("error", () => undefined); // a gateway may hang up on a refusal before it is read
      const { status, body } = refusal;
      const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close`;
      socket.end(`HTTP/1.1 ${status} Refused\r\n${headers}\r\n\r\n${body}`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const session = newSession(webSocket, url, request.headers, options);
      if (options.forgets) return;
      sessions.push(session);
      const next = waiting.shift();
      if (next) next(session);
      else untaken.push(session);
    });
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    sessions,
    nextSession: () => {
      const session = untaken.shift();
      return session ? Promise.resolve(session) : new Promise((resolve) => waiting.push(resolve));
    },
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

function newSession(
  socket: WebSocket,
  url: URL,
  headers: IncomingHttpHeaders,
  { serve, intercept, forgets }: FakeServerOptions,
): FakeSession {
  const received: Message[] = [];
  const watchers = new Set<(message: Message) => void>();
  const session: FakeSession = {
    url,
    headers,
    received,
    seen: (fits) => {
      const known = received.find(fits);
      if (known) return Promise.resolve(known);
      return new Promise((resolve) => {
        const watch = (message: Message) => {
          if (!fits(message)) return;
          watchers.delete(watch);
          resolve(message);
        };
        watchers.add(watch);
      });
    },
    send: (message) => socket.send(typeof message === "string" ? message : JSON.stringify(message)),
    close: (code, reason) => socket.close(code, reason),
    cut: () => socket.terminate(),
    pause: () => socket.pause(),
    waitingBytes: () => socket.bufferedAmount,
    closed: new Promise((resolve) => socket.once("close", (code) => resolve({ code }))),
  };
  const handle = serve(session);
  socket.on("message", (data: RawData, isBinary: boolean) => {
    if (isBinary) return socket.close(1003, "messages of JSON are text");
    const message = JSON.parse(data.toString()) as Message;
    if (!forgets) received.push(message);
    for (const watch of [...watchers]) watch(message);
    if (!intercept?.(message, session)) handle(message);
  });
  return session;
}

/** Base64 as its standard has it (RFC 4648): no other letters, no missing padding. Undefined for anything else. */
export function decodeBase64(value: unknown): Buffer | undefined {
  if (typeof value !== "string" || value.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value)) return undefined;
  return Buffer.from(value, "base64");
}

/** Bytes as 16-bit little-endian samples. */
export function toSamples(bytes: Uint8Array): Int16Array {
  const samples = new Int16Array(bytes.length >> 1);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(i * 2, true);
  return samples;
}

/** And back. */
export function toBytes(samples: Int16Array): Buffer {
  const bytes = Buffer.alloc(samples.length * 2);
  for (const [i, sample] of samples.entries()) bytes.writeInt16LE(sample, i * 2);
  return bytes;
}

/** How loud it is, from 0 to 1. */
export function loudness(samples: Int16Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length) / 32768;
}
