import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { drained } from "./vendor-reply.ts";

/** A vendor that sends as much as is taken of it. */
export interface PouringVendor extends AsyncDisposable {
  readonly url: string;
  /** Bytes handed to its sockets so far. */
  poured(): number;
}

const pieceBytes = 64 * 1024;

/**
 * Chat completions: the path says how many bytes, and in which form: `/bytes/events` many events, `/bytes/line` one event
 * without an end, `/bytes/body` a body of a unary answer without an end.
 */
export async function startPouringVendor(): Promise<PouringVendor> {
  let poured = 0;
  const server = http.createServer(async (request, response) => {
    response.on("error", () => undefined); // the gateway has had enough
    await request.toArray();
    const [, bytes = "0", form = ""] = (request.url ?? "").split("/");
    response.writeHead(200, { "content-type": form === "body" ? "application/json" : "text/event-stream" });
    if (form !== "events") response.write('data: {"choices":[{"index":0,"delta":{"content":"');
    const piece = Buffer.from(form === "events" ? event("x".repeat(pieceBytes)) : "x".repeat(pieceBytes));
    for (let sent = 0; sent < Number(bytes) && !response.destroyed; sent += piece.length) {
      poured += piece.length;
      if (!response.write(piece)) await drained(response);
    }
    response.end(event("", "stop"));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    poured: () => poured,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function event(content: string, finish: string | null = null): string {
  const choices = [{ index: 0, delta: { content }, finish_reason: finish }];
  return `data: ${JSON.stringify({ id: "c-1", object: "chat.completion.chunk", model: "m-1", choices })}\n\n`;
}
