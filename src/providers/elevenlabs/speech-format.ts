import type { AudioFormat } from "../../core/audio-format.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

const format = (mimeType: string, sampleRateHertz: number): AudioFormat => ({
  mimeType,
  sampleRateHertz,
  channelCount: 1,
});

/** Every form it makes and its name in `output_format`; PCM at 44.1 kHz and above, and the best MP3, need a larger plan. */
const outputFormats: readonly (readonly [format: AudioFormat, name: string])[] = [
  [format("audio/pcm", 24_000), "pcm_24000"],
  [format("audio/pcm", 16_000), "pcm_16000"],
  [format("audio/pcm", 8_000), "pcm_8000"],
  [format("audio/pcm", 22_050), "pcm_22050"],
  [format("audio/pcm", 32_000), "pcm_32000"],
  [format("audio/pcm", 44_100), "pcm_44100"],
  [format("audio/pcm", 48_000), "pcm_48000"],
  [format("audio/ulaw", 8_000), "ulaw_8000"],
  [format("audio/alaw", 8_000), "alaw_8000"],
  [format("audio/mpeg", 44_100), "mp3_44100_128"],
  [format("audio/mpeg", 24_000), "mp3_24000_48"],
  [format("audio/mpeg", 22_050), "mp3_22050_32"],
  [format("audio/ogg", 48_000), "opus_48000_64"],
];

export const speechFormats: readonly AudioFormat[] = outputFormats.map(([made]) => made);

/** Throws `failed_precondition` for a form that is none of {@link speechFormats}. */
export function toOutputFormat({ mimeType, sampleRateHertz }: AudioFormat): string {
  const found = outputFormats.find(([made]) => made.mimeType === mimeType && made.sampleRateHertz === sampleRateHertz);
  if (found) return found[1];
  throw unsupported("config.format", `ElevenLabs does not make ${mimeType} at ${sampleRateHertz} Hz`);
}
