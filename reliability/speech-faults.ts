import { gzipSync } from "node:zlib";
import type { Truth } from "./injection.ts";
import type { VendorReply } from "./vendor-reply.ts";

/** How a kind sends speech. */
export interface SpeechWire {
  readonly kind: string;
  readonly basePath: string;
  readonly model: string;
  readonly voice: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The answer, in pieces; in protocols of events the last one alone says that it is whole. */
  chunks(audio: Buffer): readonly (string | Buffer)[];
  /** Whether the end is an event of the protocol, and not the end of the body. */
  readonly hasTerminal: boolean;
}

export interface SpeechInjection {
  readonly truth: Truth;
  readonly address?: (vendorPort: number) => string;
  readonly reply?: VendorReply;
  readonly patienceMs?: number;
}

export interface SpeechFault {
  readonly name: string;
  inject(wire: SpeechWire): SpeechInjection;
}

export const speechRateHertz = 24_000;
/** What the broken vendor says, and what the next one does: they cannot be taken for each other. */
export const firstAudio = numbered(1);
export const nextAudio = numbered(7);

const geminiHead = { modelVersion: "m-1", responseId: "r-1" };

/** The kinds that speak over HTTP, in 16-bit PCM at 24 kHz. */
export const speechWires: readonly SpeechWire[] = [
  {
    kind: "openai",
    basePath: "/v1",
    model: "gpt-4o-mini-tts",
    voice: "alloy",
    headers: { "content-type": "audio/pcm" },
    chunks: inFour,
    hasTerminal: false,
  },
  {
    kind: "elevenlabs",
    basePath: "",
    model: "eleven_flash_v2_5",
    voice: "21m00Tcm4TlvDq8ikWAM",
    headers: { "content-type": "audio/pcm" },
    chunks: inFour,
    hasTerminal: false,
  },
  {
    kind: "google",
    basePath: "",
    model: "gemini-3.8-flash-tts",
    voice: "Kore",
    headers: { "content-type": "text/event-stream" },
    chunks: (audio) => [
      ...inFour(audio).map((piece) => geminiEvent(soundOf(piece))),
      geminiEvent({ parts: [] }, "STOP"),
    ],
    hasTerminal: true,
  },
];

const brokenOff = ["unavailable", "internal"];
const whole: Truth = { answer: true, errors: [], nothingSent: false };
const begun: Truth = { answer: false, errors: brokenOff, nothingSent: false };
const nothing = (...errors: readonly string[]): Truth => ({ answer: false, errors, nothingSent: true });

export const speechFaults: readonly SpeechFault[] = [
  {
    name: "connection refused",
    inject: () => ({ truth: nothing("unavailable"), address: () => "http://127.0.0.1:1" }),
  },
  {
    name: "TLS failure",
    inject: () => ({ truth: nothing("unavailable"), address: (port) => `https://127.0.0.1:${port}` }),
  },
  ...([401, 403] as const).map((code) => status(code, "failed_precondition")),
  status(429, "resource_exhausted"),
  ...([500, 502, 503, 529] as const).map((code) => status(code, "unavailable")),
  empty("200 with an error body", {
    headers: { "content-type": "application/json" },
    chunks: ['{"error":{"message":"No"}}'],
  }),
  silent("no headers", { head: false }),
  { name: "headers then silence", inject: (wire) => quiet(wire, 0) },
  { name: "first audio then silence", inject: (wire) => quiet(wire, 2) },
  empty("reset before the head", { head: false, ending: "reset" }),
  {
    name: "zero-length audio",
    inject: (wire) => reply(wire, nothing(...brokenOff), { chunks: wire.chunks(Buffer.alloc(0)) }),
  },
  { name: "cut by close", inject: (wire) => cut(wire, "close") },
  { name: "cut by reset", inject: (wire) => cut(wire, "reset") },
  { name: "shorter than its Content-Length", inject: cutOfLength },
  { name: "truncated gzip", inject: cutGzip },
  { name: "audio at an unexpected rate", inject: otherRate },
  { name: "pieces of an odd number of bytes", inject: oddPieces },
  { name: "the answer", inject: (wire) => reply(wire, whole, { chunks: wire.chunks(firstAudio) }) },
];

/** Half a second of samples that are all different from their neighbours. */
function numbered(step: number): Buffer {
  const bytes = Buffer.alloc(speechRateHertz);
  for (let i = 0; i < bytes.length / 2; i++) bytes.writeInt16LE(((i * step * 37) % 20_000) - 10_000, i * 2);
  return bytes;
}

function inFour(audio: Buffer): readonly Buffer[] {
  const size = Math.ceil(audio.length / 8) * 2;
  return [0, 1, 2, 3].map((i) => audio.subarray(i * size, (i + 1) * size)).filter(({ length }) => length > 0);
}

function soundOf(pcm: Buffer, rate = speechRateHertz): object {
  return { parts: [{ inlineData: { mimeType: `audio/L16;codec=pcm;rate=${rate}`, data: pcm.toString("base64") } }] };
}

function geminiEvent(content: object, finishReason?: string): string {
  const candidate = { index: 0, content: { role: "model", ...content }, ...(finishReason && { finishReason }) };
  return `data: ${JSON.stringify({ candidates: [candidate], ...geminiHead })}\n\n`;
}

function reply(wire: SpeechWire, truth: Truth, one: VendorReply): SpeechInjection {
  return { truth, reply: { headers: wire.headers, ...one } };
}

function status(code: number, error: string): SpeechFault {
  const body = JSON.stringify({ error: { message: "That is not possible", code } });
  const answer = { status: code, headers: { "content-type": "application/json" }, chunks: [body] };
  return { name: String(code), inject: (wire) => reply(wire, nothing(error), answer) };
}

function empty(name: string, answer: VendorReply): SpeechFault {
  return { name, inject: (wire) => reply(wire, nothing(...brokenOff, "invalid_argument"), answer) };
}

function silent(name: string, answer: VendorReply): SpeechFault {
  const truth = nothing("unavailable");
  return { name, inject: (wire) => ({ ...reply(wire, truth, { ...answer, ending: "hang" }), patienceMs: 600 }) };
}

function quiet(wire: SpeechWire, pieces: number): SpeechInjection {
  const chunks = wire.chunks(firstAudio).slice(0, pieces);
  const truth = pieces === 0 ? nothing("unavailable") : begun;
  return { ...reply(wire, truth, { chunks, ending: "hang" }), patienceMs: 600 };
}

function cut(wire: SpeechWire, ending: "close" | "reset"): SpeechInjection {
  return reply(wire, begun, { chunks: wire.chunks(firstAudio).slice(0, 2), everyMs: 10, ending });
}

function cutOfLength(wire: SpeechWire): SpeechInjection {
  const chunks = wire.chunks(firstAudio);
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const headers = { ...wire.headers, "content-length": String(length) };
  return reply(wire, begun, { headers, chunks: chunks.slice(0, -1), everyMs: 10, ending: "close" });
}

function cutGzip(wire: SpeechWire): SpeechInjection {
  const packed = gzipSync(Buffer.concat(wire.chunks(firstAudio).map((chunk) => Buffer.from(chunk))));
  const headers = { ...wire.headers, "content-encoding": "gzip" };
  return reply(wire, begun, { headers, chunks: [packed.subarray(0, packed.length / 2)] });
}

/** Only one protocol says its rate; with the others no one could know. */
function otherRate(wire: SpeechWire): SpeechInjection {
  if (!wire.hasTerminal) return reply(wire, whole, { chunks: wire.chunks(firstAudio) });
  const chunks = [
    ...inFour(firstAudio).map((piece) => geminiEvent(soundOf(piece, 48_000))),
    geminiEvent({ parts: [] }, "STOP"),
  ];
  return reply(wire, whole, { chunks });
}

function oddPieces(wire: SpeechWire): SpeechInjection {
  if (wire.hasTerminal) return reply(wire, whole, { chunks: wire.chunks(firstAudio) });
  const chunks: Buffer[] = [];
  for (let at = 0; at < firstAudio.length; at += 777) chunks.push(firstAudio.subarray(at, at + 777));
  return reply(wire, whole, { chunks, everyMs: 1 });
}
