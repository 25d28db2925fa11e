import type { Duplex } from "node:stream";
import type { UpgradeRequest } from "./http.ts";

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

/**
 * Accepts a WebSocket and has it served; a failure of `serve` closes it with 1011. It refuses, with an HTTP status, pages of
 * origins that may not connect. The transport hands it in: it is what opens and accepts connections.
 */
export type AcceptSocket = (
  handshake: { readonly request: UpgradeRequest; readonly socket: Duplex; readonly head: Buffer },
  serve: (client: MessageSocket) => Promise<void>,
) => void;
