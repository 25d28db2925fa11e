import type { Media, MediaPart } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { object, text } from "../openai-compatible/json-fields.ts";

/** Sound comes in many pieces, which are one part. */
export interface HeardAudio {
  readonly mimeType: string;
  readonly pieces: Uint8Array[];
}

/** Media as the model gives it: bytes, or an address. */
export function toMedia(part: JsonObject): Media {
  const inline = object(part.inlineData);
  const file = object(part.fileData);
  if (part.inlineData) return { data: Buffer.from(text(inline.data), "base64"), mimeType: text(inline.mimeType) };
  return { uri: text(file.fileUri), mimeType: text(file.mimeType) };
}

export function toAudioPart({ mimeType, pieces }: HeardAudio): MediaPart {
  const rate = sampleRateOf(mimeType);
  const pcm = rate > 0 ? `audio/pcm;rate=${rate}` : mimeType;
  return { type: "media", media: { data: Buffer.concat(pieces), mimeType: pcm } };
}

/**
 * The rate of samples without a header, such as 24000 for `audio/L16;codec=pcm;rate=24000`; 0 for any other type. Google's L16
 * is little-endian, against RFC 3551.
 */
export function sampleRateOf(mimeType: string): number {
  const match = /^audio\/(?:l16|pcm)\b(?:.*;\s*rate=(\d+))?/i.exec(mimeType);
  return match ? Number(match[1] ?? defaultRate) : 0;
}

const defaultRate = 24_000;
