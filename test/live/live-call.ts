import type { LiveTranscription } from "../../src/core/transcription.ts";
import { transcribeLive } from "../../src/live/transcribe-live.ts";
import type { TranscriptionInput } from "../../src/live/transcription-event.ts";
import type { Plan } from "../../src/routing/plan.ts";
import { pcm16k } from "./scripted-recogniser.ts";
import { loudness } from "./voice-gateway.ts";

/** These targets, in order. */
export function planOf(...capabilities: readonly LiveTranscription[]): Plan<"liveTranscription"> {
  const targets = capabilities.map((capability, index) => ({
    index,
    provider: `p${index}`,
    kind: "scripted",
    model: "m",
    voice: "",
    options: {},
    attemptTimeoutMs: 5000,
    use: { ready: true as const, capability },
  }));
  return { targets, strategy: "sequential", stallTimeoutMs: 5000, staggerMs: 0, [Symbol.dispose]() {} };
}

/** A transcription of PCM16 at 16,000 Hz; two seconds are kept. */
export function transcribe(plan: Plan<"liveTranscription">, input: AsyncIterable<TranscriptionInput>) {
  const request = {
    languageCode: "",
    prompt: "",
    phrases: [],
    wordTimings: false,
    speakerLabels: false,
    interim: true,
    requestId: "",
    userId: "",
  };
  const call = { plan, request, input, format: pcm16k, turnDetection: undefined };
  const limits = { createVoiceActivity: async () => loudness(), idleTimeoutMs: 5000, maxKeptAudioMs: 2000 };
  return transcribeLive({ ...call, ...limits }, new AbortController().signal);
}
