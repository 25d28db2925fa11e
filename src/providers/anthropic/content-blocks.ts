import type {
  Base64ImageSource,
  DocumentBlockParam,
  ImageBlockParam,
  TextBlockParam,
} from "@anthropic-ai/sdk/resources/messages";
import type { Media, MediaPart, TextPart } from "../../core/chat.ts";
import { base64, isWebAddress, kindOfMedia } from "../openai-compatible/media.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

export type ContentBlock = TextBlockParam | MediaBlock;
export type MediaBlock = ImageBlockParam | DocumentBlockParam;

/** Maps a user's text or media; the API refuses blank text. Throws `unsupported`, naming `field`, for what it has not. */
export function toContentBlocks(part: TextPart | MediaPart, field: string): readonly ContentBlock[] {
  if (part.type === "media") return [toMediaBlock(part.media, `${field}.media`)];
  return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
}

/** An image, a PDF, or a text, as bytes or by address; a text only as bytes. */
export function toMediaBlock(media: Media, field: string): MediaBlock {
  if (!media.data && !isWebAddress(media)) {
    throw unsupported(`${field}.uri`, "Anthropic takes only data and web addresses");
  }
  const kind = kindOfMedia(media);
  if (kind === "audio" || kind === "video") throw unsupported(`${field}.mimeType`, `Anthropic takes no ${kind}`);
  return kind === "image" ? imageBlock(media, field) : documentBlock(media, field);
}

const imageTypes: readonly string[] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

function imageBlock({ data, uri = "", mimeType }: Media, field: string): ImageBlockParam {
  if (!data) return { type: "image", source: { type: "url", url: uri } };
  const type = mimeType === "image/jpg" ? "image/jpeg" : mimeType;
  if (!imageTypes.includes(type)) {
    throw unsupported(`${field}.mimeType`, `Anthropic takes images as ${imageTypes.join(", ")}`);
  }
  const media_type = type as Base64ImageSource["media_type"];
  return { type: "image", source: { type: "base64", media_type, data: base64(data) } };
}

function documentBlock(media: Media, field: string): DocumentBlockParam {
  const title = media.filename ? { title: media.filename } : {};
  return { type: "document", source: documentSource(media, field), ...title };
}

function documentSource({ data, uri = "", mimeType }: Media, field: string): DocumentBlockParam["source"] {
  if (mimeType === "application/pdf" || (mimeType === "" && /\.pdf(?:[?#]|$)/i.test(uri))) {
    if (!data) return { type: "url", url: uri };
    return { type: "base64", media_type: "application/pdf", data: base64(data) };
  }
  if (!isText(mimeType)) throw unsupported(`${field}.mimeType`, "Anthropic takes documents as PDF or as text");
  if (!data) throw unsupported(`${field}.uri`, "Anthropic takes text as data, not as an address");
  return { type: "text", media_type: "text/plain", data: decode(data, field) };
}

function isText(mimeType: string): boolean {
  return /^text\/|^application\/(?:[\w.-]+\+)?(?:json|xml|yaml)\b/.test(mimeType);
}

function decode(data: Uint8Array, field: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    throw unsupported(`${field}.data`, "Anthropic takes text in UTF-8");
  }
}
