import type { Duplex } from "node:stream";
import type { buildConnector } from "undici";

/**
 * Connections that are being made. undici goes on connecting when the only request that waits for it is aborted; here the
 * last one that abandons an address takes the connections under way with it. Addresses are those of {@link addressOf}.
 */
export class Connecting {
  readonly #sockets = new Map<string, Set<Duplex>>();
  readonly #waiting = new Map<string, number>();

  /** A connector that knows what it has under way. */
  track(connect: buildConnector.connector): buildConnector.connector {
    return (options, callback) => {
      const address = addressOf(options);
      let socket: Duplex | undefined;
      let settled = false;
      socket = connect(options, (...result) => {
        settled = true;
        if (socket) this.#forget(address, socket);
        callback(...result);
      }) as Duplex | undefined;
      if (socket && !settled) this.#remember(address, socket);
      return socket;
    };
  }

  /** A request is sent that may have to wait for a connection. */
  enter(address: string): void {
    this.#waiting.set(address, (this.#waiting.get(address) ?? 0) + 1);
  }

  /** It waits no longer; `abandoned` when nobody wants its answer any more. */
  leave(address: string, abandoned: boolean): void {
    const left = (this.#waiting.get(address) ?? 1) - 1;
    if (left > 0) return void this.#waiting.set(address, left);
    this.#waiting.delete(address);
    if (!abandoned) return;
    // With an error: a connector that heard only of the end would wait for the connection for ever.
    for (const socket of this.#sockets.get(address) ?? []) socket.destroy(new Error("nobody waits for it any more"));
  }

  #remember(address: string, socket: Duplex): void {
    const sockets = this.#sockets.get(address) ?? new Set();
    this.#sockets.set(address, sockets.add(socket));
  }

  #forget(address: string, socket: Duplex): void {
    const sockets = this.#sockets.get(address);
    sockets?.delete(socket);
    if (sockets?.size === 0) this.#sockets.delete(address);
  }
}

/** What connections are made to. */
export function addressOf(place: {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: string | null;
}): string {
  return `${place.protocol}//${place.hostname}:${place.port || (place.protocol === "https:" ? "443" : "80")}`;
}
