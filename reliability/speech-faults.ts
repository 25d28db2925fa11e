import { gzipSync } from "node:zlib";
import { wavHeader } from "../src/audio/wav.ts";
import type { Truth } from "./injection.ts";
import type { VendorReply } from "./vendor-reply.ts";

/** How a kind sends speech. */
export interface SpeechWire {
  readonly kind: string;
  readonly basePath: string;
  readonly model: string;
  readonly voice: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The answer, in pieces; in protocols of events the last one alone says that it is whole. At another rate where it says which. */
  chunks(audio: Buffer, rateHertz?: number): readonly (string | Buffer)[];
  /** Whether it says how long the audio is, or that it is over: else that is the end of the body. */
  readonly saysEnd: boolean;
  /** Whether it says its rate. */
  readonly saysRate: boolean;
  /** How many of the pieces come before the audio; none when unset. */
  readonly headPieces?: number;
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
    saysEnd: false,
    saysRate: false,
  },
  {
    kind: "elevenlabs",
    basePath: "",
    model: "eleven_flash_v2_5",
    voice: "21m00Tcm4TlvDq8ikWAM",
    headers: { "content-type": "audio/pcm" },
    chunks: inFour,
    saysEnd: false,
    saysRate: false,
  },
  {
    kind: "google",
    basePath: "",
    model: "gemini-3.8-flash-tts",
    voice: "Kore",
    headers: { "content-type": "text/event-stream" },
    chunks: (audio, rate) => [
      ...inFour(audio).map((piece) => geminiEvent(soundOf(piece, rate))),
      geminiEvent({ parts: [] }, "STOP"),
    ],
    saysEnd: true,
    saysRate: true,
  },
  {
    kind: "groq",
    basePath: "/openai/v1",
    model: "canopylabs/orpheus-v1-english",
    voice: "autumn",
    headers: { "content-type": "audio/wav" },
    chunks: (audio, rate = speechRateHertz) => [
      Buffer.from(wavHeader({ mimeType: "audio/pcm", sampleRateHertz: rate, channelCount: 1 }, audio.length)),
      ...inFour(audio),
    ],
    saysEnd: true,
    saysRate: true,
    headPieces: 1,
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
  { name: "cut before the first audio", inject: cutAtOnce },
  { name: "cut by close", inject: (wire) => cut(wire, "close") },
  { name: "cut by reset", inject: (wire) => cut(wire, "reset") },
  { name: "shorter than its Content-Length", inject: cutOfLength },
  { name: "truncated gzip", inject: cutGzip },
  { name: "a clean end before the end", inject: endedEarly },
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

/** Behind its head, where it has one. */
function cutAtOnce(wire: SpeechWire): SpeechInjection {
  const chunks = wire.chunks(firstAudio).slice(0, wire.headPieces ?? 0);
  return reply(wire, nothing(...brokenOff), { chunks, everyMs: 10, ending: "close" });
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

/** Where nothing says how much there is to come, what has come is all. */
function endedEarly(wire: SpeechWire): SpeechInjection {
  if (!wire.saysEnd) return reply(wire, whole, { chunks: wire.chunks(firstAudio) });
  return reply(wire, begun, { chunks: wire.chunks(firstAudio).slice(0, -1) });
}

/** Where the rate is not said no one could know. */
function otherRate(wire: SpeechWire): SpeechInjection {
  return reply(wire, whole, { chunks: wire.chunks(firstAudio, wire.saysRate ? 48_000 : speechRateHertz) });
}

/** Events are text, which other faults cut. */
function oddPieces(wire: SpeechWire): SpeechInjection {
  const chunks = wire.chunks(firstAudio);
  if (chunks.some((chunk) => typeof chunk === "string")) return reply(wire, whole, { chunks });
  const all = Buffer.concat(chunks as readonly Buffer[]);
  const pieces: Buffer[] = [];
  for (let at = 0; at < all.length; at += 777) pieces.push(all.subarray(at, at + 777));
  return reply(wire, whole, { chunks: pieces, everyMs: 1 });
}
