import { once } from "node:events";
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";

const handshake = (host: string) =>
  `GET /livellm.v1.TranscriptionService/TranscribeStream HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;

/**
 * Opens a WebSocket and sends these bytes as its frames, then the end of the connection. The gateway has to hang up in time; it
 * may answer what it likes.
 */
export async function sendFrames(url: string, frames: Buffer): Promise<void> {
  const { hostname, port, host } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on("error", () => undefined); // the gateway has hung up on us
  socket.resume();
  await once(socket, "connect");
  const closed = new Promise<"closed">((resolve) => socket.once("close", () => resolve("closed")));
  const late = new AbortController();
  try {
    socket.write(handshake(host));
    socket.end(frames);
    const end = await Promise.race([closed, wait(10_000, "open" as const, { signal: late.signal })]);
    if (end === "open") throw new Error("the connection was not closed");
  } finally {
    late.abort();
    socket.destroy();
  }
}
