import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { Phase } from "./cancel-phases.ts";

/**
 * Takes a WebSocket of ElevenLabs' live transcription as far as the phase in its path says, and returns the model's name, which
 * is the key: the handshake is not answered; or it is, and nothing is said; or the session has begun.
 */
export function takeLiveSession(request: IncomingMessage, socket: Duplex): string {
  const url = new URL(request.url ?? "", "http://vendor");
  const phase = decodeURIComponent(url.pathname.split("/")[1] ?? "") as Phase;
  socket.on("error", () => undefined); // the gateway has gone; `close` follows
  socket.on("end", () => socket.end()); // an upgraded socket may be half open for ever
  if (phase === "before the vendor's headers") socket.resume();
  else accept(request, socket, phase === "mid-stream");
  return url.searchParams.get("model_id") ?? "";
}

function accept(request: IncomingMessage, socket: Duplex, begins: boolean): void {
  const server = new WebSocketServer({ noServer: true });
  server.handleUpgrade(request, socket, Buffer.alloc(0), (session) => {
    session.on("error", () => undefined); // `close` follows
    if (begins) session.send(JSON.stringify({ message_type: "session_started", session_id: "endless" }));
  });
}
