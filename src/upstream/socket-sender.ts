import type { Socket } from "node:net";
import { WebSocket } from "ws";
import type { TextMessage } from "../core/upstream.ts";
import { TextFrames } from "./text-frames.ts";

/** What may wait in the socket before a message waits too. */
const highWaterBytes = 256 * 1024;

/** What goes out through a vendor's WebSocket. Each promise resolves when there is room for more: a slow vendor slows the caller. */
export class SocketSender {
  readonly #socket: WebSocket;
  readonly #signal: AbortSignal;
  readonly #frames = new TextFrames();
  #connection: Socket | undefined;

  /** `socket` is being opened; once `signal` aborts, nothing is sent any more. */
  constructor(socket: WebSocket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.once("upgrade", (response) => {
      this.#connection = response.socket;
    });
  }

  send(data: string | Uint8Array): Promise<void> {
    return this.#send((done) => this.#socket.send(data, done));
  }

  /** Between frames of `ws`, which writes each of its own whole. */
  sendText(message: TextMessage): Promise<void> {
    const connection = this.#connection;
    if (!connection || !this.#frames.takes(message)) return this.send(textOf(message));
    return this.#send((done) => connection.write(this.#frames.frame(message), done));
  }

  #send(write: (done?: () => void) => void): Promise<void> {
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason);
    if (this.#socket.readyState !== WebSocket.OPEN) return sent; // the reader of `messages` learns why
    if (this.#socket.bufferedAmount > highWaterBytes) return new Promise((resolve) => write(() => resolve()));
    write();
    return sent;
  }
}

const sent = Promise.resolve();

function textOf(message: TextMessage): string {
  const text = Buffer.allocUnsafe(message.byteLength);
  message.write(text, 0);
  return text.toString("utf8");
}
