import type { ChatCompletionContentPart } from "openai/resources/chat/completions";
import type { Media, MediaPart, TextPart } from "../../core/chat.ts";
import type { ContentDialect } from "./dialect.ts";
import { base64, fileNameOf, isWebAddress, kindOfMedia, toUrl } from "./media.ts";
import { unsupported } from "./unsupported.ts";

/** A piece of a user's message: OpenAI's, and what other vendors add. */
export type ContentPart =
  | ChatCompletionContentPart
  | { readonly type: "document_url"; readonly document_url: string }
  | { readonly type: "video_url"; readonly video_url: { readonly url: string } };

/** Maps text or media; throws `unsupported`, naming `field`, for what the dialect cannot take. */
export function toContentPart(part: TextPart | MediaPart, field: string, dialect: ContentDialect): ContentPart {
  if (part.type === "text") return { type: "text", text: part.text };
  return toMediaPart(part.media, `${field}.media`, dialect);
}

export function toMediaPart(media: Media, field: string, dialect: ContentDialect): ContentPart {
  if (!media.data && !isWebAddress(media)) throw unsupported(field, "this provider takes only data and web addresses");
  switch (kindOfMedia(media)) {
    case "image":
      if (!dialect.images) throw unsupported(field, "this provider takes no images");
      return { type: "image_url", image_url: { url: toUrl(media) } };
    case "audio":
      return toAudioPart(media, field, dialect);
    case "video":
      if (!dialect.video) throw unsupported(field, "this provider takes no video");
      return { type: "video_url", video_url: { url: toUrl(media) } };
    case "file":
      return toFilePart(media, field, dialect);
  }
}

function toAudioPart(media: Media, field: string, { audioFormats }: ContentDialect): ContentPart {
  const format = audioFormat(media.mimeType);
  if (audioFormats.length === 0) throw unsupported(field, "this provider takes no audio");
  if (!audioFormats.includes(format))
    throw unsupported(field, `this provider takes audio as ${audioFormats.join(", ")}`);
  if (!media.data) throw unsupported(field, "this provider takes audio as data, not as an address");
  // The types know two formats; the other dialects have more.
  return { type: "input_audio", input_audio: { data: base64(media.data), format: format as "wav" } };
}

/** `audio/x-wav` and the like in the words of `input_audio.format`. */
function audioFormat(mimeType: string): string {
  const subtype = /^audio\/(?:x-|vnd\.)?([\w.+-]+)/.exec(mimeType)?.[1] ?? "";
  return subtype === "mpeg" ? "mp3" : subtype === "wave" ? "wav" : subtype;
}

function toFilePart(media: Media, field: string, { files, fileAddresses }: ContentDialect): ContentPart {
  if (!files) throw unsupported(field, "this provider takes no files");
  if (!media.data && !fileAddresses) throw unsupported(field, "this provider takes files as data, not as an address");
  const url = toUrl(media);
  if (files === "document_url") return { type: "document_url", document_url: url };
  return { type: "file", file: { filename: fileNameOf(media), file_data: url } };
}
