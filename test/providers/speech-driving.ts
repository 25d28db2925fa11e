import type { AudioFormat } from "../../src/core/audio-format.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { Capabilities, ProviderKind } from "../../src/core/provider.ts";
import { Secret } from "../../src/core/secret.ts";
import type { SpeechRequest } from "../../src/core/speech.ts";
import type {
  LiveEvent,
  LiveInput,
  LiveTranscriptionRequest,
  TranscriptionRequest,
} from "../../src/core/transcription.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { loudness, toBytes } from "../support/fake-sessions.ts";

export type Built = Required<Capabilities> & AsyncDisposable;

interface Connection {
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly settings?: JsonObject;
}

/** A provider as the gateway builds it, over a real connection pool. What it cannot do is undefined all the same. */
export function build(kind: ProviderKind, { baseUrl, apiKey = "key-1234", settings = {} }: Connection): Built {
  const key = new Secret(apiKey);
  const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: [key] });
  const capabilities = kind.create({ apiKey: key, baseUrl, headers: {}, settings }, upstream) as Required<Capabilities>;
  return { ...capabilities, [Symbol.asyncDispose]: () => upstream.close() };
}

export const format = (mimeType: string, sampleRateHertz: number): AudioFormat => ({
  mimeType,
  sampleRateHertz,
  channelCount: 1,
});

const call = { options: {}, requestId: "req-1", userId: "" };

export function liveRequest(over: Partial<LiveTranscriptionRequest> = {}): LiveTranscriptionRequest {
  return {
    model: "gpt-transcribe",
    languageCode: "",
    prompt: "",
    phrases: [],
    wordTimings: false,
    speakerLabels: false,
    format: format("audio/pcm", 24_000),
    interim: true,
    turnDetection: { mode: "manual" },
    ...call,
    ...over,
  };
}

export function speechRequest(over: Partial<SpeechRequest> = {}): SpeechRequest {
  return {
    model: "gpt-4o-mini-tts",
    voice: "",
    text: "Grüezi, wie gaht's? 👋",
    format: format("audio/pcm", 24_000),
    languageCode: "",
    instructions: "",
    wordTimings: false,
    ...call,
    ...over,
  };
}

export function transcriptionRequest(over: Partial<TranscriptionRequest> = {}): TranscriptionRequest {
  return {
    model: "whisper-1",
    languageCode: "",
    prompt: "",
    phrases: [],
    wordTimings: false,
    speakerLabels: false,
    audio: Uint8Array.from({ length: 256 }, (_, i) => i),
    mimeType: "audio/wav",
    filename: "call.wav",
    ...call,
    ...over,
  };
}

export const never = new AbortController().signal;

export interface Run<Event> {
  readonly events: readonly Event[];
  /** What was thrown, after the events. */
  readonly error?: LivellmError;
}

/** Reads to the end, or to the error; any that is not the gateway's own fails the test. */
export async function runToEnd<Event>(source: AsyncIterable<Event>): Promise<Run<Event>> {
  const events: Event[] = [];
  try {
    for await (const event of source) events.push(event);
    return { events };
  } catch (error) {
    if (error instanceof LivellmError) return { events, error };
    throw error;
  }
}

/** Reads up to the first event that fits, and leaves the rest to be read. */
export async function readUntil<Event>(
  iterator: AsyncIterator<Event>,
  fits: (event: Event) => boolean,
): Promise<Event> {
  for (;;) {
    const { done, value } = await iterator.next();
    if (done) throw new Error("ended before");
    if (fits(value)) return value;
  }
}

/** Input that a test gives step by step. */
export class Steps<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #wake: (() => void) | undefined;
  #ended = false;
  #failure: unknown;
  /** How many were taken. */
  taken = 0;
  returned = false;

  push(...items: T[]): void {
    this.#items.push(...items);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure = error;
    this.#wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return {
      next: () => this.#next(),
      return: async () => {
        this.returned = true;
        return { done: true, value: undefined };
      },
    };
  }

  async #next(): Promise<IteratorResult<T>> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.taken++;
        return { done: false, value: item };
      }
      if (this.#failure) throw this.#failure;
      if (this.#ended) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** A sound of 440 Hz. */
export function tone(milliseconds: number, rate: number): Int16Array {
  const length = Math.round((milliseconds * rate) / 1000);
  return Int16Array.from({ length }, (_, i) => 8_000 * Math.sin((2 * Math.PI * 440 * i) / rate));
}

export function quiet(milliseconds: number, rate: number): Int16Array {
  return new Int16Array(Math.round((milliseconds * rate) / 1000));
}

/** Samples as audio inputs of 20 ms or so. */
export function heard(...stretches: readonly Int16Array[]): LiveInput[] {
  return stretches.flatMap((samples) => bytesHeard(toBytes(samples), 960));
}

export function bytesHeard(bytes: Uint8Array, size: number): LiveInput[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => ({ type: "audio", data: bytes.subarray(i * size, (i + 1) * size) }));
}

export const commit: LiveInput = { type: "commit" };

export async function* given<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Hears a `la` in every 200 ms of sound. */
export async function recogniseLa(samples: Int16Array, rate: number): Promise<string> {
  const frame = rate / 50;
  let loud = 0;
  for (let at = 0; at + frame <= samples.length; at += frame) {
    if (loudness(samples.subarray(at, at + frame)) > 0.01) loud++;
  }
  return Array.from({ length: Math.round(loud / 10) }, () => "la").join(" ");
}

/** The final segments. */
export function finals(events: readonly LiveEvent[]) {
  return events.filter((event) => event.type === "segment").filter(({ final }) => final);
}

export function typesOf(events: readonly { readonly type: string }[]): readonly string[] {
  return events.map(({ type }) => type);
}
