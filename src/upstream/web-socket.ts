import { WebSocket } from "ws";
import { LivellmError } from "../core/error.ts";
import type { UpstreamSocket, UpstreamSocketRequest } from "../core/upstream.ts";
import { Channel } from "../streams/channel.ts";
import { type Guard, refusalOfGuard } from "./guard.ts";
import { connectionFailed } from "./network-error.ts";
import { refused } from "./refusal.ts";
import { SocketSender } from "./socket-sender.ts";

/** Messages that wait for the adapter before the vendor's socket is paused. */
const waitingMessages = 64;
/** ws hands over all messages of one read (64 KiB, two bytes for the smallest), whether the socket is paused or not. */
const messagesOfOneRead = 32 * 1024;
/** The largest message a vendor may send. */
const maxMessageBytes = 32 * 1024 * 1024;

export interface SocketOptions {
  readonly connectTimeoutMs: number;
  readonly redact: (text: string) => string;
  /** Where it may connect to. */
  readonly guard: Guard;
}

/**
 * Opens a vendor's WebSocket. Resolves when the vendor has accepted it; rejects with the vendor's status when it refuses.
 * Aborting `signal` cuts the socket in every phase.
 */
export async function openSocket(
  request: UpstreamSocketRequest,
  options: SocketOptions,
  signal: AbortSignal,
): Promise<UpstreamSocket> {
  if (signal.aborted) throw signal.reason;
  options.guard.check(new URL(request.url).hostname);
  const socket = new WebSocket(request.url, [...(request.protocols ?? [])], {
    headers: { ...request.headers },
    handshakeTimeout: options.connectTimeoutMs,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    followRedirects: false,
    lookup: options.guard.lookup,
  });
  const sender = new SocketSender(socket, signal);
  const resume = () => socket.resume();
  const channel = new Channel<string | Uint8Array>(waitingMessages, resume, waitingMessages + messagesOfOneRead);
  const closed = Promise.withResolvers<{ code: number; reason: string }>();
  const cut = () => {
    channel.fail(signal.reason);
    socket.terminate();
  };
  signal.addEventListener("abort", cut, { once: true });
  socket.on("message", (data: Buffer, isBinary) => {
    if (!channel.push(isBinary ? data : data.toString("utf8"))) socket.pause();
  });
  socket.on("close", (code, reason) => {
    signal.removeEventListener("abort", cut);
    closed.resolve({ code, reason: options.redact(reason.toString("utf8")) });
    channel.end();
  });
  try {
    await opened(socket, request, options.redact);
  } catch (error) {
    socket.terminate();
    if (signal.aborted) throw signal.reason;
    throw error;
  }
  socket.on("error", (error) => channel.fail(lost(request.url, error)));
  return {
    messages: channel,
    closed: closed.promise,
    send: (data) => sender.send(data),
    sendText: (message) => sender.sendText(message),
    close: (code = 1000) => socket.close(code),
  };
}

function opened(socket: WebSocket, request: UpstreamSocketRequest, redact: (text: string) => string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.removeAllListeners("error");
      resolve();
    });
    socket.on("error", (error) => reject(refusalOfGuard(error) ?? connectionFailed(request.url, error)));
    socket.once("unexpected-response", (_, response) => {
      const pieces: Buffer[] = [];
      const refuse = () => reject(refusal(request, response, Buffer.concat(pieces).toString("utf8"), redact));
      response.on("data", (piece: Buffer) => pieces.length < 16 && pieces.push(piece));
      response.on("end", refuse);
      response.on("error", refuse);
    });
  });
}

function refusal(
  request: UpstreamSocketRequest,
  response: { readonly statusCode?: number; readonly headers: NodeJS.Dict<string | string[]> },
  body: string,
  redact: (text: string) => string,
): LivellmError {
  return refused({
    url: request.url,
    verb: "refused the WebSocket with",
    httpStatus: response.statusCode ?? 0,
    header: (name) => response.headers[name]?.toString(),
    body,
    explain: request.explain,
    redact,
  });
}

function lost(url: string, cause: unknown): LivellmError {
  const { host } = new URL(url);
  return new LivellmError("unavailable", "stream_broken", `the WebSocket of ${host} broke off`, { cause });
}
