import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Logger } from "pino";

/** A worker, as the one who takes connections. */
export interface Receiver {
  /** Whether it can be given a connection now. */
  readonly free: boolean;
  /** How many connections it has. */
  readonly connections: number;
  give(socket: Socket): void;
}

export interface AcceptorOptions {
  /** Connections beyond so many, of all workers together, are closed at once. */
  readonly maxConnections: number;
  readonly logger: Logger;
  /** How long a connection waits for a worker before it is closed. 5 seconds when unset. */
  readonly longestWaitMs?: number;
}

/**
 * Accepts the connections of one port and gives each to the worker that has the fewest, so that clients which keep a
 * connection for hours spread however few they are, and a new worker gets its share. A port that the kernel shares
 * (SO_REUSEPORT) spreads by a hash of the addresses: of four connections to two workers all go to one in an eighth of cases,
 * and those that wait for a worker die with it.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  /** Whoever was given a connection last is last. */
  readonly #receivers = new Set<Receiver>();
  readonly #waiting = new Map<Socket, NodeJS.Timeout | undefined>();
  // What a worker reads of a connection is what nobody has read before, and the options of a socket go with it.
  readonly #server = createServer({
    pauseOnConnect: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  });

  constructor(options: AcceptorOptions) {
    this.#options = options;
    this.#server.on("connection", (socket) => this.#accept(socket));
  }

  /** Begins to listen; 0 for any free port. Resolves with the port, rejects when it cannot be had. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        this.#server.off("error", reject);
        this.#server.on("error", ({ message }) => this.#options.logger.error({ reason: message }, "cannot accept"));
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  join(receiver: Receiver): void {
    this.#receivers.add(receiver);
    this.handOut();
  }

  leave(receiver: Receiver): void {
    this.#receivers.delete(receiver);
  }

  /** Gives away what waits, as far as there are workers for it; to be called when one has become free. */
  handOut(): void {
    for (const [socket, timer] of this.#waiting) {
      const receiver = this.#leastBusy();
      if (!receiver) return;
      clearTimeout(timer);
      this.#waiting.delete(socket);
      this.#receivers.delete(receiver);
      this.#receivers.add(receiver);
      receiver.give(socket);
    }
  }

  /** A worker has ended before it took a connection: another gets it. */
  takeBack(socket: Socket): void {
    if (this.#server.listening) this.#keep(socket);
    else socket.destroy();
  }

  /** Frees the port, and closes what no worker has taken yet. */
  close(): void {
    this.#server.close();
    for (const socket of this.#waiting.keys()) this.#drop(socket);
  }

  #accept(socket: Socket): void {
    if (this.#connections() >= this.#options.maxConnections) return void socket.destroy();
    socket.on("error", () => this.#drop(socket));
    this.#keep(socket);
  }

  #keep(socket: Socket): void {
    this.#waiting.set(socket, undefined);
    this.handOut();
    if (!this.#waiting.has(socket)) return;
    this.#waiting.set(
      socket,
      setTimeout(() => this.#drop(socket), this.#options.longestWaitMs ?? 5_000),
    );
  }

  #drop(socket: Socket): void {
    clearTimeout(this.#waiting.get(socket));
    this.#waiting.delete(socket);
    socket.destroy();
  }

  #connections(): number {
    return [...this.#receivers].reduce((sum, { connections }) => sum + connections, this.#waiting.size);
  }

  /** Of those with the fewest the one whose turn is longest ago. */
  #leastBusy(): Receiver | undefined {
    let least: Receiver | undefined;
    for (const receiver of this.#receivers) {
      if (receiver.free && (!least || receiver.connections < least.connections)) least = receiver;
    }
    return least;
  }
}
