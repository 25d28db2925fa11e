import type { Media } from "../core/chat.ts";
import type { CountText } from "./token-estimate.ts";

/** Tokens of one image, at what the vendors' own rules give for one of about a megapixel. */
const perImage = 1_600;
/** Tokens of what is referred to by address, whose size is not known. */
const perUnknown = 4_000;

/** How many bytes make a token, by the kind of file, at usual rates: stated here, because no vendor tells it beforehand. */
const bytesPerToken = {
  /** 32 tokens a second, at 16 kHz mono or what weighs the same. */
  wave: 1_000,
  /** 32 tokens a second, at 128 kbit/s. */
  audio: 500,
  /** 300 tokens a second, at 1 Mbit/s. */
  video: 416,
  /** 2,000 tokens a page, at 50 KiB each. */
  document: 25,
} as const;

/** An estimate of the tokens that a file takes; one of text is counted. */
export function tokensOfMedia({ data, mimeType }: Media, count: CountText): number {
  if (mimeType.startsWith("image/")) return perImage;
  if (!data) return perUnknown;
  if (/^text\/|[/+](json|xml|yaml)\b/.test(mimeType)) return count(Buffer.from(data).toString("utf8"));
  return Math.ceil(data.length / bytesPerToken[kindOf(mimeType)]);
}

function kindOf(mimeType: string): keyof typeof bytesPerToken {
  if (/^audio\/(?:x-|vnd\.)?(?:wav|wave|pcm|l16)\b/i.test(mimeType)) return "wave";
  if (mimeType.startsWith("audio/")) return "audio";
  return mimeType.startsWith("video/") ? "video" : "document";
}
