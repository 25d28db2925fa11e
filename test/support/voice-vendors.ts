import { writeWav } from "../../src/audio/wav.ts";
import { forever, type Local, transcriptionCall } from "../providers/local/engine.ts";
import { startFakeGeminiLive } from "./fake-gemini-live.ts";
import { startFakeRealtime } from "./fake-openai-realtime.ts";
import { startFakeScribe } from "./fake-scribe.ts";
import { type FakeServer, toBytes } from "./fake-sessions.ts";

/** A vendor of live transcription that hears with the local engine. */
export interface VoiceVendor extends AsyncDisposable {
  /** For `base_url`. */
  readonly baseUrl: string;
  /** Resolves when a session has got this much audio, in bytes as the vendor has them. */
  heard(bytes: number): Promise<void>;
  /** Breaks every session off. */
  cut(): void;
}

export interface VoiceVendorKind {
  readonly name: string;
  readonly kind: string;
  readonly model: string;
  start(local: Local): Promise<VoiceVendor>;
}

/** The vendors that have a live protocol, in the order of events that they document. */
export const voiceVendors: readonly VoiceVendorKind[] = [
  realtime("OpenAI Realtime, which finds turns by itself", "gpt-4o-transcribe"),
  realtime("OpenAI Realtime, for which the gateway finds turns", "gpt-live-transcribe"),
  {
    name: "ElevenLabs Scribe",
    kind: "elevenlabs",
    model: "scribe_v2_realtime",
    start: async (local) => {
      const server = await startFakeScribe({ recognise: hearWith(local), freshPartials: true });
      return vendorOf(server, server.url, "audio_base_64");
    },
  },
  {
    name: "Gemini Live",
    kind: "google",
    model: "gemini-3.8-flash-live-transcribe",
    start: async (local) => {
      const server = await startFakeGeminiLive({ onAudio: (pcm) => hear(local, pcm, 16_000) });
      return {
        baseUrl: server.url,
        heard: (bytes) => until(() => server.sessions.some((session) => session.audio().length >= bytes)),
        cut: () => {
          for (const session of server.sessions) session.cut();
        },
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
];

function realtime(name: string, model: string): VoiceVendorKind {
  return {
    name,
    kind: "openai",
    model,
    start: async (local) => {
      const server = await startFakeRealtime({ recognise: hearWith(local) });
      return vendorOf(server, `${server.url}/v1`, "audio");
    },
  };
}

function vendorOf(server: FakeServer, baseUrl: string, field: string): VoiceVendor {
  const bytes = () =>
    server.sessions
      .flatMap(({ received }) => received)
      .reduce((sum, message) => sum + Buffer.byteLength(String(message[field] ?? ""), "base64"), 0);
  return {
    baseUrl,
    heard: (wanted) => until(() => bytes() >= wanted),
    cut: () => {
      for (const session of server.sessions) session.cut();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Looks again and again, for ten seconds. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error("the vendor has not heard so much");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function hearWith(local: Local): (samples: Int16Array, sampleRateHertz: number) => Promise<string> {
  return (samples, sampleRateHertz) => hear(local, toBytes(samples), sampleRateHertz);
}

async function hear(local: Local, pcm: Uint8Array, sampleRateHertz: number): Promise<string> {
  if (pcm.length === 0) return "";
  const audio = writeWav({ mimeType: "audio/pcm", sampleRateHertz, channelCount: 1 }, pcm);
  const recording = { ...transcriptionCall(), audio, mimeType: "audio/wav", filename: "heard.wav" };
  return (await local.transcription.transcribe(recording, forever)).text;
}
