import { recogniseLa } from "../test/providers/speech-driving.ts";
import { startFakeAsr } from "../test/support/fake-asr.ts";
import { startFakeGeminiLive } from "../test/support/fake-gemini-live.ts";
import { startFakeRealtime } from "../test/support/fake-openai-realtime.ts";
import { startFakeScribe } from "../test/support/fake-scribe.ts";
import { type FakeServer, toSamples } from "../test/support/fake-sessions.ts";

/** A session that a fault can be done to. */
export interface LiveSession {
  close(code: number, reason?: string): void;
  cut(): void;
}

/** A vendor of live transcription that hears a `la` in every 200 ms of sound. */
export interface LiveVendor extends AsyncDisposable {
  /** For `base_url`. */
  readonly baseUrl: string;
  readonly sessions: readonly LiveSession[];
}

export interface LiveVendorKind {
  readonly kind: string;
  readonly model: string;
  start(): Promise<LiveVendor>;
}

/** The kinds that write down live. */
export const liveVendorKinds: readonly LiveVendorKind[] = [
  {
    kind: "openai",
    model: "gpt-4o-transcribe",
    start: async () => vendorOf(await startFakeRealtime({ recognise: recogniseLa }), "/v1"),
  },
  {
    kind: "elevenlabs",
    model: "scribe_v2_realtime",
    start: async () => vendorOf(await startFakeScribe({ recognise: recogniseLa }), ""),
  },
  {
    kind: "google",
    model: "gemini-3.8-flash-live-transcribe",
    start: async () => {
      const server = await startFakeGeminiLive({ onAudio: (pcm) => recogniseLa(toSamples(pcm), 16_000) });
      return Object.assign(server, { baseUrl: server.url });
    },
  },
  {
    kind: "livellm-asr",
    model: "asr",
    start: async () => vendorOf(await startFakeAsr({ recognise: recogniseLa }), ""),
  },
];

function vendorOf(server: FakeServer, path: string): LiveVendor {
  return Object.assign(server, { baseUrl: server.url + path });
}
