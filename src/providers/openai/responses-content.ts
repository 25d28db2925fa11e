import type { ResponseInputContent, ResponseInputFile, ResponseInputImage } from "openai/resources/responses/responses";
import type { Media, MediaPart, TextPart } from "../../core/chat.ts";
import { fileNameOf, isWebAddress, kindOfMedia, toUrl } from "../openai-compatible/media.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** Maps a user's text or media; throws `unsupported`, naming `field`, for what the Responses API does not take. */
export function toInputContent(part: TextPart | MediaPart, field: string): ResponseInputContent {
  if (part.type === "text") return { type: "input_text", text: part.text };
  return toInputMedia(part.media, `${field}.media`);
}

export function toInputMedia(media: Media, field: string): ResponseInputImage | ResponseInputFile {
  if (!media.data && !isWebAddress(media)) throw unsupported(field, "OpenAI takes only data and web addresses");
  const kind = kindOfMedia(media);
  if (kind === "audio" || kind === "video") throw unsupported(field, `the Responses API takes no ${kind}`);
  if (kind === "image") return { type: "input_image", image_url: toUrl(media), detail: "auto" };
  if (!media.data) return { type: "input_file", file_url: media.uri };
  return { type: "input_file", filename: fileNameOf(media), file_data: toUrl(media) };
}
