import type { ServiceImpl } from "@connectrpc/connect";
import type { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";

export type Audio = ServiceImpl<typeof AudioService>;

const rate = 24_000;

/** A tone, 16-bit PCM. */
export function tone(milliseconds: number): Uint8Array {
  const samples = Int16Array.from({ length: (rate * milliseconds) / 1000 }, (_, i) =>
    Math.round(8000 * Math.sin((2 * Math.PI * 440 * i) / rate)),
  );
  return new Uint8Array(samples.buffer);
}

/** What the service was last asked. */
export interface Asked {
  readonly voice: string;
  readonly file?: { readonly bytes: number; readonly mimeType: string };
}

/**
 * An AudioService that hums: 100 ms for each word, cut at odd bytes. The text `break` breaks off after the first piece.
 * Recordings are written down as their length.
 */
export function toneAudio(ask: (asked: Asked) => void): Audio {
  const unused = () => {
    throw new LivellmError("unimplemented", "unsupported", "not in this test");
  };
  return {
    speak: unused,
    speakDuplex: unused,
    async *speakStream({ text, route }) {
      ask({ voice: route?.targets[0]?.voice ?? "" });
      yield { event: { case: "started", value: { format: { mimeType: "audio/pcm", sampleRateHertz: rate } } } };
      for (const word of text.split(" ")) {
        const piece = tone(100);
        yield { event: { case: "audio", value: { data: piece.subarray(0, 1001) } } };
        yield { event: { case: "audio", value: { data: piece.subarray(1001) } } };
        if (word === "break") throw new LivellmError("unavailable", "stream_broken", "the voice broke");
      }
      yield {
        event: {
          case: "finished",
          value: {
            usage: { inputCharacters: text.length },
            routeResult: { provider: "hum", model: "m" },
            warnings: [{ code: "option-ignored", message: "there is no mood in a hum", field: "" }],
          },
        },
      };
    },
    transcribe({ audio }) {
      const { source, mimeType = "" } = audio ?? {};
      const bytes = source?.case === "data" ? source.value.length : 0;
      ask({ voice: "", file: { bytes, mimeType } });
      return { text: `${bytes} bytes`, routeResult: { provider: "hum", model: "m" } };
    },
    listVoices: () => ({ voices: [{ id: "alto", displayName: "Alto" }] }),
  };
}
