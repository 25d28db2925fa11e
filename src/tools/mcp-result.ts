import type { CallToolResult } from "@modelcontextprotocol/client";
import type { Media, ToolResultPart } from "../core/chat.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";

/** A result without the call it answers. */
export type ToolAnswer = Pick<ToolResultPart, "text" | "structured" | "media" | "failed">;

/** What one result may hold: more than any model reads, and less than hurts. */
const maxTextCharacters = 262_144;
const maxMediaBytes = 20 * 1024 * 1024;

/** An MCP result as a tool result. What is too large is cut or left out, and the text says so. */
export function answerOf(result: CallToolResult): ToolAnswer {
  const { media, leftOut } = mediaWithin(result.content.flatMap(mediaOf), maxMediaBytes);
  const structured = structuredOf(result.structuredContent);
  const note = leftOut > 0 ? [`[${leftOut} files were left out: they are too large]`] : [];
  const lines = [...result.content.flatMap(textOf), ...structured.lines, ...note];
  return {
    text: cut(lines.join("\n")),
    ...(structured.object && { structured: structured.object }),
    media,
    failed: result.isError === true,
  };
}

/** What a model reads of a call that gave no result; `secrets` are taken out of it. */
export function failedAnswer(text: string, secrets: readonly string[]): ToolAnswer {
  const clean = secrets.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return { text: clean.slice(0, 2_000), media: [], failed: true };
}

type Content = CallToolResult["content"][number];

function textOf(content: Content): string[] {
  if (content.type === "text") return [content.text];
  if (content.type === "resource_link") return [`${content.name}: ${content.uri}`];
  if (content.type === "resource" && "text" in content.resource) return [content.resource.text];
  return [];
}

function mediaOf(content: Content): Media[] {
  if (content.type === "image" || content.type === "audio") {
    return [{ data: Buffer.from(content.data, "base64"), mimeType: content.mimeType }];
  }
  if (content.type !== "resource" || !("blob" in content.resource)) return [];
  const { blob, mimeType, uri } = content.resource;
  const filename = uri.split("/").at(-1)?.slice(0, 255);
  return [
    {
      data: Buffer.from(blob, "base64"),
      mimeType: mimeType || "application/octet-stream",
      ...(filename && { filename }),
    },
  ];
}

function mediaWithin(all: readonly Media[], maxBytes: number): { media: Media[]; leftOut: number } {
  let bytes = 0;
  const media = all.filter(({ data }) => {
    const fits = bytes + (data?.length ?? 0) <= maxBytes;
    if (fits) bytes += data?.length ?? 0;
    return fits;
  });
  return { media, leftOut: all.length - media.length };
}

/** Only an object has a place of its own in a result; other JSON, and what is too large, goes into the text. */
function structuredOf(value: unknown): { object?: JsonObject; lines: string[] } {
  if (value === undefined) return { lines: [] };
  const json = JSON.stringify(value);
  if (isJsonObject(value) && json.length <= maxTextCharacters) return { object: value, lines: [] };
  return { lines: [json] };
}

function cut(text: string): string {
  if (text.length <= maxTextCharacters) return text;
  const kept = text.slice(0, maxTextCharacters).toWellFormed();
  return `${kept}\n[cut: the first ${maxTextCharacters} of ${text.length} characters]`;
}
