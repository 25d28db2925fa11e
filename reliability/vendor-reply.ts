import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { drained } from "../src/streams/drained.ts";

/** How a broken vendor answers one request. */
export interface VendorReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** False: not even the head is sent. */
  readonly head?: boolean;
  readonly chunks?: readonly (string | Uint8Array)[];
  /** The pause between two chunks, in milliseconds. 0: none, and the reader may get them as one. */
  readonly everyMs?: number;
  /** Called before the last chunk. */
  readonly beforeLast?: () => void;
  readonly ending?: "end" | "reset" | "close" | "hang";
}

/** Sends it; gives up when the other side is gone. */
export async function sendReply(reply: VendorReply, response: ServerResponse): Promise<void> {
  const { status = 200, headers = {}, head = true, chunks = [], everyMs = 0, ending = "end" } = reply;
  if (head) {
    response.writeHead(status, { ...headers });
    response.flushHeaders();
  }
  for (const [i, chunk] of chunks.entries()) {
    if (response.destroyed) return;
    if (i === chunks.length - 1) reply.beforeLast?.();
    if (!response.write(chunk)) await drained(response);
    if (everyMs > 0) await wait(everyMs);
  }
  if (ending === "end") response.end();
  if (ending === "close") response.socket?.destroySoon();
  if (ending === "reset") response.socket?.resetAndDestroy();
}
