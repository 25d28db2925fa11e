import type { Socket } from "node:net";
import type { DescMethod } from "@bufbuild/protobuf";
import { type RawData, WebSocket } from "ws";
import { cancelled, LivellmError } from "../core/error.ts";
import { type HeartbeatOptions, startHeartbeat } from "./web-socket-heartbeat.ts";
import { WebSocketInput } from "./web-socket-input.ts";

/** What may wait in the socket before `send` waits too. */
const highWaterBytes = 256 * 1024;

/**
 * ws answers the client's close frame, and a frame that breaks the protocol, by closing on its own; this tells before it
 * does. Only then can a status still be sent, and a cancel is not held up by a client that is slow to hang up.
 */
export class CallSocket extends WebSocket {
  beforeClose: ((code: number | undefined) => void) | undefined;

  override close(code?: number, data?: string | Buffer): void {
    this.beforeClose?.(code);
    super.close(code, data);
  }
}

interface ConnectionOptions {
  readonly method: DescMethod;
  readonly heartbeat: HeartbeatOptions;
  /** The last frame for a client that broke the protocol. */
  readonly statusOf: (error: LivellmError) => string;
}

/** One open WebSocket: the client's frames in, ours out. */
export interface Connection {
  readonly input: WebSocketInput;
  /** Aborted, with the reason, when the client is gone or has broken a rule of the stream. */
  readonly signal: AbortSignal;
  /** Sends a frame; waits while the client is slow. Rejects with the signal's reason when that aborts. */
  send(frame: string | Uint8Array, signal: AbortSignal): Promise<void>;
  /** Sends the last frame and closes with 1000. `reason` is at most 123 bytes. */
  finish(status: string, reason: string): void;
}

/** Takes a socket over; everything it started ends when the socket closes. */
export function connectSocket(socket: CallSocket, connection: Socket, options: ConnectionOptions): Connection {
  const controller = new AbortController();
  const heartbeat = startHeartbeat(socket, connection, options.heartbeat);
  const input = new WebSocketInput(options.method, {
    pause() {
      socket.pause();
      heartbeat.paused(true);
    },
    resume() {
      socket.resume();
      heartbeat.paused(false);
    },
  });
  let finished = false;
  const leave = (reason: unknown) => {
    controller.abort(reason);
    input.fail(reason);
  };
  const take = (data: RawData, isBinary: boolean) => {
    if (finished || controller.signal.aborted) return;
    try {
      input.take({ data: data as Buffer, kind: isBinary ? "binary" : "text" });
    } catch (error) {
      leave(error);
    }
  };
  socket.beforeClose = (code) => {
    if (finished) return;
    const broken = code === undefined ? undefined : protocolError(code);
    leave(broken ?? cancelled());
    if (!broken) return;
    finished = true;
    socket.send(options.statusOf(broken));
  };
  socket.on("message", take);
  socket.on("error", ignore);
  socket.on("close", () => {
    heartbeat.stop();
    if (!finished) leave(cancelled());
  });
  return {
    input,
    signal: controller.signal,
    send: (frame, signal) => send(socket, frame, signal),
    finish(status, reason) {
      if (finished) return;
      finished = true;
      // The close frame of a client that has been paused has to be read, too.
      socket.resume();
      // ws gives a closing client little time: not before a slow reader has taken what came before.
      socket.send(status, () => socket.close(1000, reason));
    },
  };
}

/** Its `close` event follows. */
function ignore(): void {}

/** Why ws closes with this code when it closes by itself; undefined for a client that leaves (RFC 6455, section 7.4.1). */
function protocolError(code: number): LivellmError | undefined {
  switch (code) {
    case 1002:
      return new LivellmError("invalid_argument", "invalid_request", "the bytes that came are no WebSocket frame");
    case 1008:
      return new LivellmError("resource_exhausted", "invalid_request", "a message came in too many pieces");
    case 1009:
      return new LivellmError("resource_exhausted", "invalid_request", "a message is larger than this server takes");
    default:
      return undefined;
  }
}

async function send(socket: CallSocket, frame: string | Uint8Array, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw signal.reason;
  // Its close is on the way, and aborts the signal. To go on would be to spin: a closing socket takes whatever comes.
  if (socket.readyState !== CallSocket.OPEN) return unlessAborted(new Promise(() => undefined), signal);
  const { promise: flushed, resolve } = Promise.withResolvers<void>();
  socket.send(frame, () => resolve());
  if (socket.bufferedAmount > highWaterBytes) await unlessAborted(flushed, signal);
}

async function unlessAborted(wait: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([wait, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
