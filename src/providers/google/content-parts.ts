import type { Part as GeminiPart } from "@google/genai";
import type { Media } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { RawJson } from "../openai-compatible/json-text.ts";
import { base64 } from "../openai-compatible/media.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** A part on the wire: Gemini's, with the arguments of calls as they were written. */
export type WirePart = Omit<GeminiPart, "functionCall"> & {
  readonly functionCall?: { readonly id?: string; readonly name: string; readonly args: RawJson | JsonObject };
};

/** Media as a part; throws `unsupported`, naming `field`, for addresses that the API does not fetch. */
export function toMediaPart(media: Media, field: string): Pick<WirePart, "inlineData" | "fileData"> {
  if (media.data) return { inlineData: { mimeType: media.mimeType, data: base64(media.data) } };
  const fileUri = media.uri ?? "";
  if (!/^(https|gs):\/\//i.test(fileUri)) {
    throw unsupported(field, "Gemini takes data, https addresses and Cloud Storage (gs:) addresses");
  }
  const mimeType = media.mimeType || typeByExtension(fileUri);
  if (mimeType === "" && !knowsItsType.test(fileUri)) {
    throw unsupported(field, "Gemini has to be told the type of what is at an address: set mimeType");
  }
  return { fileData: { fileUri, ...(mimeType && { mimeType }) } };
}

/** Files that were uploaded to Google, and YouTube's videos. */
const knowsItsType = /^https:\/\/(generativelanguage\.googleapis\.com|(www\.)?youtube\.com|youtu\.be)\//i;

function typeByExtension(uri: string): string {
  const extension = /\.([a-z0-9]+)(?:[?#]|$)/i.exec(uri)?.[1]?.toLowerCase() ?? "";
  return types[extension] ?? "";
}

/** What Gemini reads: ai.google.dev/gemini-api/docs, "Image", "Audio", "Video" and "Document understanding". */
const types: Readonly<Record<string, string>> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  webp: "image/webp",
  heic: "image/heic",
  heif: "image/heif",
  wav: "audio/wav",
  mp3: "audio/mp3",
  aiff: "audio/aiff",
  aac: "audio/aac",
  ogg: "audio/ogg",
  flac: "audio/flac",
  mp4: "video/mp4",
  mpeg: "video/mpeg",
  mov: "video/mov",
  webm: "video/webm",
  pdf: "application/pdf",
  txt: "text/plain",
  md: "text/md",
  csv: "text/csv",
  html: "text/html",
  xml: "text/xml",
};
