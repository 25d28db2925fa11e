import { once } from "node:events";
import { WebSocket } from "ws";

/** A client of a WebSocket whose messages are JSON. */
export class SocketClient<T> {
  readonly replies: T[] = [];
  readonly socket: WebSocket;
  #waiting: (() => void)[] = [];

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data) => {
      this.replies.push(JSON.parse(String(data)) as T);
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  send(message: object | string): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  /** Resolves when a reply has come that is wanted, with all that came so far. */
  async until(wanted: (reply: T) => boolean): Promise<readonly T[]> {
    while (!this.replies.some(wanted)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.replies;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, "close");
    this.socket.terminate();
    await closed;
  }
}

/** Connects; rejects when the handshake is refused. */
export async function connectSocket<T>(httpUrl: string): Promise<SocketClient<T>> {
  const socket = new WebSocket(httpUrl.replace(/^http/, "ws"));
  const client = new SocketClient<T>(socket);
  await once(socket, "open");
  return client;
}
