import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { createProvider } from "./json-call.ts";
import { now, stampedFrame, startLiveClock } from "./live-clock.ts";

export interface LiveLoad {
  /** The gateway's. */
  readonly url: string;
  readonly sessions: number;
  readonly seconds: number;
}

/** Milliseconds. */
export interface Lateness {
  readonly median: number;
  /** 99 of 100 came sooner. */
  readonly p99: number;
  readonly most: number;
}

export interface LiveLoadResult {
  readonly framesSent: number;
  readonly framesHeard: number;
  /** Whether every session's frames came each once and in order. */
  readonly inOrder: boolean;
  /** From the caller to the vendor. */
  readonly frames: Lateness;
  /** Of words, from the vendor to the caller. */
  readonly words: Lateness;
  readonly wordsHeard: number;
}

/**
 * Holds live sessions at once with a target in OpenAI's shape, each a frame of 20 ms every 20 ms as a telephone sends them,
 * begun evenly over the first second, and says how late frames and words were by the vendor's clock.
 */
export async function loadLive({ url, sessions, seconds }: LiveLoad): Promise<LiveLoadResult> {
  await using vendor = await startLiveClock();
  const id = `clock-${crypto.randomUUID().slice(0, 8)}`;
  await createProvider(url, { id, kind: "openai", apiKey: "sk-test", baseUrl: vendor.baseUrl });
  const count = seconds * 50 + 25; // half a second that the vendor has not written down by itself when the session ends
  const words: number[] = [];
  const began = now() + 100;
  const calls = Array.from({ length: sessions }, async (_, i) => {
    const firstAt = began + (i * 1000) / sessions;
    await runSession({ url, provider: id }, frames(firstAt, count), (lateMs) => words.push(lateMs));
  });
  await Promise.all(calls);
  const late = vendor.sessions.flatMap(({ lateMs }) => lateMs);
  return {
    framesSent: sessions * count,
    framesHeard: late.length,
    inOrder: vendor.sessions.every(({ inOrder }) => inOrder),
    frames: lateness(late),
    words: lateness(words),
    wordsHeard: words.length,
  };
}

async function* frames(firstAt: number, count: number): AsyncGenerator<Uint8Array> {
  for (let number = 0; number < count; number++) {
    const wait = firstAt + number * 20 - now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    yield stampedFrame(number);
  }
}

interface Reached {
  readonly url: string;
  readonly provider: string;
}

async function runSession(
  { url, provider }: Reached,
  audio: AsyncIterable<Uint8Array>,
  onWord: (lateMs: number) => void,
) {
  const client = createClient(TranscriptionService, createGrpcTransport({ baseUrl: url }));
  for await (const { event } of client.transcribeStream(requests(provider, audio))) {
    if (event.case !== "segment" || !event.value.isFinal) continue;
    const saidAt = Number(event.value.text);
    if (saidAt > 0) onWord(now() - saidAt);
  }
}

async function* requests(provider: string, audio: AsyncIterable<Uint8Array>) {
  const format = { mimeType: "audio/ulaw", sampleRateHertz: 8000 };
  const route = { targets: [{ provider, model: "gpt-4o-transcribe" }] };
  yield { input: { case: "start" as const, value: { route, format } } };
  for await (const data of audio) yield { input: { case: "audio" as const, value: { data: new Uint8Array(data) } } };
}

function lateness(values: readonly number[]): Lateness {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { median: at(0.5), p99: at(0.99), most: at(1) };
}
