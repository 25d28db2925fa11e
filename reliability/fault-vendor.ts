import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { sendReply, type VendorReply } from "./vendor-reply.ts";

/** One server that is every broken vendor: the first part of the path says which. */
export interface FaultVendor extends AsyncDisposable {
  readonly port: number;
  /** Answers every POST below `/name` like this. Returns the address for it, without a trailing slash. */
  answerAt(name: string, reply: VendorReply): string;
  forget(name: string): void;
  /** Connections that are open now. */
  connections(): Promise<number>;
}

/** Starts it on a free port. A path that nobody has named is a 404. */
export async function startFaultVendor(): Promise<FaultVendor> {
  const replies = new Map<string, VendorReply>();
  const server = http.createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    response.on("error", () => undefined); // the gateway has gone
    const reply = replies.get((request.url ?? "").split("/")[1] ?? "");
    for await (const _ of request); // what is asked does not matter
    if (!reply || request.method !== "POST") return void response.writeHead(404).end('{"error":"no such path"}');
    await sendReply(reply, response);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    answerAt(name, reply) {
      replies.set(name, reply);
      return `http://127.0.0.1:${port}/${name}`;
    },
    forget: (name) => void replies.delete(name),
    connections: () =>
      new Promise((resolve, reject) => server.getConnections((error, n) => (error ? reject(error) : resolve(n)))),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
