import { existsSync } from "node:fs";
import path from "node:path";
import { joinBytes } from "../../../src/audio/pcm.ts";
import type { SpeechEvent, SpeechRequest } from "../../../src/core/speech.ts";
import type { TranscriptionConfig } from "../../../src/core/transcription.ts";
import { createLocal, createLocalEngine } from "../../../src/providers/local/index.ts";

/** Where `npm run setup:local` puts the models. */
const engineFolder = path.resolve(
  process.env.LIVELLM_LOCAL_ENGINE || path.join(import.meta.dirname, "../../../.local-engine"),
);

/** Why tests that write down speech are left out; undefined when they run, as they always do where CI=true. */
export const notInstalled: string | undefined =
  process.env.CI === "true" || existsSync(path.join(engineFolder, "installed.json"))
    ? undefined
    : "the models are not installed: npm run setup:local";

/** The kind `local` with an engine of its own; `await using` ends its threads. */
export function openLocal(folder = engineFolder) {
  const engine = createLocalEngine(folder);
  const { speech, transcription, liveTranscription, models } = createLocal(engine).create(none, none as never);
  if (!speech || !transcription || !liveTranscription || !models) throw new Error("local lacks a capability");
  return { engine, speech, transcription, liveTranscription, models, [Symbol.asyncDispose]: () => engine.close() };
}

export type Local = ReturnType<typeof openLocal>;

const none = { baseUrl: "", headers: {}, settings: {} };

export const pcm16k = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };

export function speechRequest(changes: Partial<SpeechRequest>): SpeechRequest {
  return {
    model: "flite",
    voice: "",
    text: "Hello.",
    format: pcm16k,
    languageCode: "",
    instructions: "",
    wordTimings: false,
    options: {},
    requestId: "req-1",
    userId: "",
    ...changes,
  };
}

const config: TranscriptionConfig = {
  languageCode: "",
  prompt: "",
  phrases: [],
  wordTimings: false,
  speakerLabels: false,
};

export function transcriptionCall(changes: object = {}) {
  return { ...config, model: "moonshine-base", options: {}, requestId: "req-1", userId: "", ...changes };
}

/** A call that nobody ends. */
export const forever = new AbortController().signal;

/** A text as PCM16 at 16,000 Hz. */
export async function speak(local: Local, voice: string, text: string): Promise<Uint8Array> {
  const events = await Array.fromAsync(local.speech.stream(speechRequest({ voice, text }), forever));
  return audioOf(events);
}

export function audioOf(events: readonly SpeechEvent[]): Uint8Array {
  return events.reduce<Uint8Array>(
    (all, event) => (event.type === "audio" ? joinBytes(all, event.data) : all),
    new Uint8Array(0),
  );
}

/** PCM16 with silence around it, in milliseconds. */
export function between(beforeMs: number, pcm: Uint8Array, afterMs: number): Uint8Array {
  return new Uint8Array(Buffer.concat([Buffer.alloc(beforeMs * 32), pcm, Buffer.alloc(afterMs * 32)]));
}
