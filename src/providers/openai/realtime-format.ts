import type { RealtimeAudioFormats } from "openai/resources/realtime/realtime";
import type { AudioFormat } from "../../core/audio-format.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** What a Realtime session takes and makes: openai-node, `RealtimeAudioFormats`. */
export const realtimeFormats: readonly AudioFormat[] = [
  { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 },
  { mimeType: "audio/ulaw", sampleRateHertz: 8_000, channelCount: 1 },
  { mimeType: "audio/alaw", sampleRateHertz: 8_000, channelCount: 1 },
];

/** A form of audio as a session names it. Throws `failed_precondition` for one that is none of {@link realtimeFormats}. */
export function toRealtimeFormat({ mimeType, sampleRateHertz }: AudioFormat): RealtimeAudioFormats {
  if (mimeType === "audio/pcm" && sampleRateHertz === 24_000) return { type: "audio/pcm", rate: 24_000 };
  if (mimeType === "audio/ulaw" && sampleRateHertz === 8_000) return { type: "audio/pcmu" };
  if (mimeType === "audio/alaw" && sampleRateHertz === 8_000) return { type: "audio/pcma" };
  throw unsupported("config.format", `a Realtime session does not take ${mimeType} at ${sampleRateHertz} Hz`);
}

/** Bytes of a millisecond of audio. */
export function bytesPerMs({ mimeType, sampleRateHertz }: AudioFormat): number {
  return ((mimeType === "audio/pcm" ? 2 : 1) * sampleRateHertz) / 1000;
}

/** Silence that lasts so long. */
export function silence(format: AudioFormat, milliseconds: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(milliseconds * bytesPerMs(format)));
  if (format.mimeType === "audio/ulaw") return bytes.fill(0xff);
  return format.mimeType === "audio/alaw" ? bytes.fill(0xd5) : bytes;
}
