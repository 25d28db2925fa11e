import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { drained } from "../src/streams/drained.ts";

/** A vendor that sends as much as is taken of it. */
export interface PouringVendor extends AsyncDisposable {
  readonly url: string;
  /** Bytes handed so far to the sockets of calls at this path. */
  poured(path: string): number;
  /** Resolves when the first call at this path, which has to have come, is over. */
  closed(path: string): Promise<void>;
}

interface Pouring {
  bytes: number;
  readonly closed: Promise<void>;
}

const pieceBytes = 64 * 1024;
const filler = "x".repeat(pieceBytes);

/**
 * Chat completions: the path says how many bytes, and in which form: `/bytes/events` many events, `/bytes/line` one event
 * without an end, `/bytes/body` a body of a unary answer without an end. What follows tells callers apart.
 */
export async function startPouringVendor(): Promise<PouringVendor> {
  const pourings = new Map<string, Pouring>();
  const server = http.createServer(async (request, response) => {
    response.on("error", () => undefined); // the gateway has had enough
    const { url = "", method } = request;
    if (method !== "POST") return response.writeHead(404).end(); // it has no list of models
    const pouring = pourings.get(url) ?? {
      bytes: 0,
      closed: new Promise((resolve) => response.once("close", resolve)),
    };
    pourings.set(url, pouring);
    await request.toArray();
    const [, bytes = "0", form = ""] = url.split("/");
    response.writeHead(200, { "content-type": form === "body" ? "application/json" : "text/event-stream" });
    if (form !== "events") response.write('data: {"choices":[{"index":0,"delta":{"content":"');
    for (let sent = 0; sent < Number(bytes) && !response.destroyed; sent += pieceBytes) {
      pouring.bytes += pieceBytes;
      if (!response.write(form === "events" ? event(pieceAt(sent)) : filler)) await drained(response);
    }
    response.end(event("", "stop"));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    poured: (path) => pourings.get(path)?.bytes ?? 0,
    closed: async (path) => pourings.get(path)?.closed,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** All that is said at `/bytes/events`. */
export function pouredText(bytes: number): string {
  return Array.from({ length: Math.ceil(bytes / pieceBytes) }, (_, i) => pieceAt(i * pieceBytes)).join("");
}

/** Begins with where it stands, so that none can be missing or in another's place. */
function pieceAt(sent: number): string {
  return `${sent} `.padEnd(pieceBytes, "x");
}

function event(content: string, finish: string | null = null): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: "c-1", object: "chat.completion.chunk", model: "m-1", choices })}\n\n`;
}
