import type { Media } from "../../core/chat.ts";

export type MediaKind = "image" | "audio" | "video" | "file";

/** What sort of content it is: by its media type, else by the name in its address, else an image. */
export function kindOfMedia(media: Media): MediaKind {
  const type = media.mimeType === "" ? typeByExtension(media.uri ?? "") : media.mimeType;
  const [family] = type.split("/", 1);
  return family === "image" || family === "audio" || family === "video" ? family : "file";
}

function typeByExtension(uri: string): string {
  const extension = /\.([a-z0-9]+)(?:[?#]|$)/i.exec(uri)?.[1]?.toLowerCase() ?? "";
  return types[extension] ?? "image/*";
}

const office = "application/vnd.openxmlformats-officedocument";

const documents: Readonly<Record<string, string>> = {
  pdf: "application/pdf",
  txt: "text/plain",
  csv: "text/csv",
  md: "text/markdown",
  html: "text/html",
  xml: "application/xml",
  json: "application/json",
  rtf: "application/rtf",
  doc: "application/msword",
  docx: `${office}.wordprocessingml.document`,
  pptx: `${office}.presentationml.presentation`,
  xls: "application/vnd.ms-excel",
  xlsx: `${office}.spreadsheetml.sheet`,
};

const types: Readonly<Record<string, string>> = {
  ...documents,
  mp3: "audio/mpeg",
  wav: "audio/wav",
  mp4: "video/mp4",
  webm: "video/webm",
};

/** A file's name: servers know files by their endings, and refuse those without. */
export function fileNameOf({ filename = "", mimeType }: Media): string {
  if (/\.[a-z0-9]{2,5}$/i.test(filename)) return filename;
  const [type] = mimeType.split(";", 1);
  const extension = Object.entries(documents).find(([, known]) => known === type)?.[0];
  return `${filename || "file"}.${extension ?? "txt"}`;
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** A `data:` URL of inline content, or the address as it is. */
export function toUrl(media: Media): string {
  return media.data ? `data:${media.mimeType};base64,${base64(media.data)}` : (media.uri ?? "");
}

export function isWebAddress(media: Media): boolean {
  return /^https?:/i.test(media.uri ?? "");
}

/** Media from an address as vendors give it: a `data:` URL becomes bytes, anything else stays a reference. */
export function fromUrl(url: string): Media {
  const match = /^data:([^,]*?)(;base64)?,/i.exec(url);
  if (!match) return { uri: url, mimeType: "" };
  const [head, mimeType = "", encoding] = match;
  const text = url.slice(head.length);
  const data = encoding ? Buffer.from(text, "base64") : Buffer.from(decoded(text), "utf8");
  return { data, mimeType: mimeType || "text/plain" };
}

/** As browsers do with a `%` that stands for nothing: it stays. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
