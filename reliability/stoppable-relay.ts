import { once } from "node:events";
import net, { type AddressInfo } from "node:net";

/** What stands between a client and a server, and may stop reading what the server sends. */
export interface StoppableRelay {
  /** Where the client connects to, without a scheme. */
  readonly host: string;
  stop(): void;
  goOn(): void;
  close(): void;
}

/** For clients that read ahead of their program, whatever that does. Relays one connection at a time. */
export async function startRelay(url: string): Promise<StoppableRelay> {
  const { hostname, port } = new URL(url);
  let upstream: net.Socket | undefined;
  // Window updates are small, and Nagle's algorithm would hold each of them back.
  const server = net.createServer({ noDelay: true }, (client) => {
    const socket = net.connect({ port: Number(port), host: hostname, noDelay: true });
    upstream = socket;
    for (const [one, other] of [[client, socket] as const, [socket, client] as const]) {
      one.on("error", () => undefined); // the other end hears of it
      one.once("close", () => other.destroy());
      one.on("data", (chunk) => void other.write(chunk));
      one.once("end", () => other.end());
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => void upstream?.pause(),
    goOn: () => void upstream?.resume(),
    close: () => void server.close(),
  };
}
