import { gzipSync } from "node:zlib";
import type { ChatWire } from "./chat-wires.ts";
import { brokenOff, type Injection, nothing, plain, typeOf, whole, wholeAnswer } from "./injection.ts";

/** Every byte of a letter beyond ASCII comes by itself. */
export function injectSplitCodePoints(wire: ChatWire): Injection {
  const turn = { text: "Grüße \u{1f469}\u200d\u{1f680} 你好 end" };
  const bytes = Buffer.from(wire.pieces(turn).join(""));
  const chunks: Buffer[] = [];
  let begun = 0;
  for (let at = 0; at < bytes.length; at++) {
    if ((bytes[at] ?? 0) < 0x80) continue;
    chunks.push(bytes.subarray(begun, at + 1));
    begun = at + 1;
  }
  return wholeAnswer(wire, turn, { chunks: [...chunks, bytes.subarray(begun)], everyMs: 1 });
}

/** A share of an answer that is packed. */
export function injectGzip(wire: ChatWire, share: number): Injection {
  const packed = gzipSync(wire.pieces(plain).join(""));
  const sent = packed.subarray(0, Math.ceil(packed.length * share));
  const headers = { ...typeOf(wire), "content-encoding": "gzip" };
  // How much of the answer comes out of half a file is zlib's to say: the caller may see some of it, or the next target.
  const truth = share === 1 ? whole : { answer: false, errors: brokenOff, nothingSent: false };
  return { turn: plain, truth, reply: { headers, chunks: [sent] } };
}

/** A byte each second, which is slower than anybody waits. */
export function injectDrip(wire: ChatWire): Injection {
  const chunks = [...wire.pieces(plain).join("").slice(0, 30)];
  const reply = { headers: typeOf(wire), chunks, everyMs: 1_000, ending: "hang" as const };
  return { turn: plain, truth: nothing("unavailable"), reply, patienceMs: 600 };
}

/** A byte each millisecond, to the end. */
export function injectSlowBytes(wire: ChatWire): Injection {
  const turn = { text: "slow" };
  const bytes = Buffer.from(wire.pieces(turn).join(""));
  const chunks = Array.from(bytes, (byte) => Buffer.of(byte));
  return wholeAnswer(wire, turn, { chunks, everyMs: 1 });
}
