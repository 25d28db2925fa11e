import { once } from "node:events";
import net from "node:net";
import { pino } from "pino";
import { WebSocket } from "ws";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createDispatcher } from "../../src/transport/dispatch.ts";
import { cutByShutdown } from "../../src/transport/gate.ts";
import { createHealth } from "../../src/transport/health.ts";
import { createWebSocketFace, type WebSocketTimes } from "../../src/transport/web-socket.ts";
import { echoRoutes } from "./echo-services.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "./test-server.ts";

export interface WebSocketServerOptions extends TestServerOptions {
  readonly times?: Partial<WebSocketTimes>;
}

/** The test server, with the WebSocket face. `log` is what its calls have logged. */
export async function startWebSocketServer(options: WebSocketServerOptions = {}): Promise<TestServer> {
  const log: Record<string, unknown>[] = [];
  const logger = pino({ level: "debug" }, { write: (line: string) => log.push(JSON.parse(line)) });
  const explainError = createErrorExplainer(logger);
  const routes = echoRoutes(options.agent, options.transcription);
  const health = createHealth(routes.map(({ service }) => service.typeName));
  const interceptors = createInterceptors({
    logger,
    explainError,
    originKey: callOriginKey,
    limits: { maxMediaBytes: 1024 * 1024 },
  });
  const dispatcher = createDispatcher([...routes, health.route], interceptors);
  const face = createWebSocketFace({
    dispatcher,
    explainError,
    allowedOrigins: options.allowedOrigins ?? [],
    limits: { maxMessageBytes: options.maxMessageBytes ?? 4 * 1024 * 1024 },
    logger,
    times: options.times,
  });
  const endCalls = () => dispatcher.endCalls(cutByShutdown());
  const listen = { ...options.listen, onUpgrade: face.onUpgrade, endCalls };
  const server = await startTestServer({ ...options, listen });
  return {
    ...server,
    log,
    drain() {
      server.drain();
      face.drain();
    },
  };
}

export const transcribePath = "/livellm.v1.TranscriptionService/TranscribeStream";

/** A client that keeps what it is sent: text frames parsed, binary ones as they are. */
export interface Client {
  readonly socket: WebSocket;
  readonly frames: readonly unknown[];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** An object as text; a text or bytes as they are. */
  send(frame: object | string | Uint8Array): void;
  /** The last frame, once the socket is closed. */
  status(): Promise<Status>;
  leave(): void;
}

export interface Status {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly { readonly debug: { readonly reason: string } & Record<string, unknown> }[];
}

export interface ClientOptions {
  readonly headers?: Record<string, string>;
  readonly protocols?: readonly string[];
}

/** Opens a WebSocket on the path of an RPC. */
export async function open(server: TestServer, path: string, options: ClientOptions = {}): Promise<Client> {
  const socket = new WebSocket(server.url.replace("http", "ws") + path, [...(options.protocols ?? [])], {
    headers: options.headers ?? {},
  });
  const frames: unknown[] = [];
  socket.on("message", (data: Buffer, isBinary) => frames.push(isBinary ? data : JSON.parse(data.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  await once(socket, "open");
  socket.on("error", () => undefined); // a server that cuts it off
  return {
    socket,
    frames,
    closed,
    send: (frame) =>
      socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame)),
    async status() {
      await closed;
      return (frames.at(-1) as { readonly status: Status }).status;
    },
    leave: () => socket.terminate(),
  };
}

/** A refused handshake: the HTTP status, its headers, the error object. */
export interface Refusal {
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly code: string; readonly message: string; readonly details: readonly unknown[] };
}

/** A connection on which bytes are written by hand. */
export async function dial(server: TestServer): Promise<net.Socket> {
  const socket = net.connect(server.port, "127.0.0.1");
  socket.setNoDelay(true).on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

const handshakeHeaders: Readonly<Record<string, string>> = {
  host: "127.0.0.1",
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};

/** The request that opens a WebSocket; a header that is undefined is left out. */
export function handshake(
  path: string,
  headers: Readonly<Record<string, string | undefined>> = {},
  verb = "GET",
): string {
  const all = Object.entries({ ...handshakeHeaders, ...headers }).filter(([, value]) => value !== undefined);
  return `${verb} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** Sends a handshake that is refused, and reads the refusal. */
export async function refusal(server: TestServer, request: string): Promise<Refusal> {
  const socket = await dial(server);
  socket.write(request);
  const answer = Buffer.concat(await socket.toArray()).toString();
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line) => line.split(": ")).map(([name = "", value = ""]) => [name.toLowerCase(), value]);
  return {
    httpStatus: Number(statusLine.split(" ")[1]),
    headers: Object.fromEntries(headers),
    body: JSON.parse(body),
  };
}

/** Opens a WebSocket by hand; what the server sends after the handshake is collected. */
export async function openRaw(server: TestServer, path: string) {
  const socket = await dial(server);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.write(handshake(path));
  const received = () => Buffer.concat(chunks).toString("latin1");
  await new Promise<void>((resolve) => {
    socket.on("data", () => received().includes("\r\n\r\n") && resolve());
  });
  return { socket, received };
}

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

/** A masked frame (RFC 6455, section 5.2), with zeros as its mask. */
export function rawFrame(kind: keyof typeof opcodes, payload: string | Uint8Array, final = true): Buffer {
  const data = Buffer.from(payload as string);
  const first = (final ? 0x80 : 0) | opcodes[kind];
  const mask = Buffer.alloc(4);
  if (data.length < 126) return Buffer.concat([Buffer.from([first, 0x80 | data.length]), mask, data]);
  const head = Buffer.from([first, 0x80 | 126, 0, 0]);
  head.writeUInt16BE(data.length, 2);
  return Buffer.concat([head, mask, data]);
}
