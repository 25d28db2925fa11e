import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

/** A vendor of live transcription in OpenAI's shape that ends a turn every two seconds and counts frames, as cheaply as it can. */
export interface LiveVendor {
  /** For a provider of kind `openai`. */
  readonly baseUrl: string;
  close(): void;
}

/**
 * Accepts every session, and tells of each piece of audio as it comes. Which session it is, is the number `bench` in its
 * configuration. It parses nothing else and unmasks nothing that it need not: it shares a core with the callers.
 */
export function startLiveVendor(onFrame: (session: number) => void): Promise<LiveVendor> {
  const sockets = new Set<Duplex>();
  const server = http.createServer();
  server.on("upgrade", (request, socket) => {
    sockets.add(socket.once("close", () => sockets.delete(socket)).on("error", () => socket.destroy()));
    socket.write(accepting(request.headers["sec-websocket-key"] ?? ""));
    serveSession(socket, onFrame);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", 4096, () => {
      const { port } = server.address() as AddressInfo;
      const close = () => {
        for (const socket of sockets) socket.destroy();
        server.close();
      };
      resolve({ baseUrl: `http://127.0.0.1:${port}/v1`, close });
    });
  });
}

/** RFC 6455, section 4.2.2. */
function accepting(key: string): string {
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "upgrade: websocket", "connection: upgrade"];
  return `${[...head, `sec-websocket-accept: ${accept}`].join("\r\n")}\r\n\r\n`;
}

function serveSession(socket: Duplex, onFrame: (session: number) => void): void {
  let session: number | undefined;
  let frames = 0;
  const read = frameReader((payload) => {
    if (session !== undefined) {
      onFrame(session);
      // Spread over the two seconds: callers begin together, and do not speak in chorus.
      if ((session + ++frames) % framesOfTurn === 0) socket.write(turn(Math.ceil(frames / framesOfTurn), frames));
      return;
    }
    session = Number(/"bench":(\d+)/.exec(payload().toString())?.[1]);
    socket.write(textFrame(JSON.stringify({ type: "session.updated", session: { id: `sess_${session}` } })));
  });
  socket.on("data", read);
}

const frameMs = 100;
const framesOfTurn = 20;

/** What the server says when it has heard a turn end, and has written it down. */
function turn(number: number, frames: number): Buffer {
  const item_id = `item_${number}`;
  const previous_item_id = number > 1 ? `item_${number - 1}` : null;
  const completed = "conversation.item.input_audio_transcription.completed";
  const events = [
    { type: "input_audio_buffer.speech_stopped", item_id, audio_end_ms: frames * frameMs },
    { type: "input_audio_buffer.committed", item_id, previous_item_id },
    { type: completed, item_id, transcript: "two seconds of words" },
  ];
  return Buffer.concat(events.map((event) => textFrame(JSON.stringify(event))));
}

/** Tells of each message of a client's (RFC 6455, section 5.2); what is in it only where it is asked for. */
function frameReader(onMessage: (payload: () => Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  let skip = 0;
  return (chunk) => {
    let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    rest = Buffer.alloc(0);
    for (;;) {
      if (skip > 0 && bytes.length < skip) {
        skip -= bytes.length;
        return;
      }
      if (skip > 0) onMessage(() => Buffer.alloc(0));
      bytes = bytes.subarray(skip);
      skip = 0;
      const size = sizeOf(bytes);
      if (size === undefined || (size.payload < 4096 && bytes.length < size.head + size.payload)) {
        rest = bytes;
        return;
      }
      if (bytes.length < size.head + size.payload) {
        skip = size.head + size.payload;
        continue;
      }
      const whole = bytes.subarray(0, size.head + size.payload);
      onMessage(() => unmasked(whole, size.head));
      bytes = bytes.subarray(whole.length);
    }
  };
}

/** Undefined until the head is there. Messages of this vendor's callers are never longer than 64 KiB. */
function sizeOf(bytes: Buffer): { readonly head: number; readonly payload: number } | undefined {
  if (bytes.length < 8) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  return short < 126 ? { head: 6, payload: short } : { head: 8, payload: bytes.readUInt16BE(2) };
}

function unmasked(message: Buffer, head: number): Buffer {
  const mask = message.subarray(head - 4, head);
  return Buffer.from(message.subarray(head).map((byte, i) => byte ^ (mask[i % 4] ?? 0)));
}

function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]);
}
