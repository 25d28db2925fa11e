import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";

/** A server that is no use to anybody. */
export interface UnwillingServer extends AsyncDisposable {
  readonly url: string;
}

/** A server that takes no WebSocket, and says so with this status. */
export async function startRefusing(status: number): Promise<UnwillingServer> {
  const body = '{"error":{"message":"Not now"}}';
  const server = http.createServer((_, response) => response.writeHead(status, { connection: "close" }).end(body));
  return { url: await listening(server), [Symbol.asyncDispose]: () => closing(server) };
}

/** A server that takes every WebSocket, and never says a word. */
export async function startMuteSessions(): Promise<UnwillingServer> {
  const server = http.createServer((_, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ server });
  return {
    url: await listening(server),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      await closing(server);
    },
  };
}

async function listening(server: http.Server): Promise<string> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closing(server: http.Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}
