import type { ToolResultPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { object, objects, text } from "../openai-compatible/json-fields.ts";

type Result = Pick<ToolResultPart, "text" | "structured" | "failed">;

/** What a tool returned that the vendor ran itself. What only the vendor can read is left out: it is in the part's state. */
export function toServerToolResult(block: JsonObject, name: string): ToolResultPart {
  return { type: "tool-result", toolCallId: text(block.tool_use_id), name, media: [], ...resultOf(block) };
}

function resultOf({ content, is_error }: JsonObject): Result {
  if (Array.isArray(content)) {
    return { text: textsOf(content), structured: { results: content.map(readable) }, failed: is_error === true };
  }
  if (!isJsonObject(content)) return { text: text(content), failed: is_error === true };
  const error = text(content.error_code);
  if (error !== "") return { text: error, structured: content, failed: true };
  const failed = typeof content.return_code === "number" && content.return_code !== 0;
  return { text: printed(content), structured: object(readable(content)), failed };
}

/** MCP servers answer with a list of texts; found pages have none that we could read. */
function textsOf(content: unknown): string {
  return objects(content)
    .map((piece) => text(piece.text))
    .join("");
}

/** What code printed, or the text of a page. */
function printed({ stdout, stderr, content }: JsonObject): string {
  const source = object(object(content).source);
  return text(stdout) + text(stderr) || (source.type === "text" ? text(source.data) : "");
}

function readable(value: unknown): JsonObject {
  return Object.fromEntries(Object.entries(object(value)).filter(([name]) => !name.startsWith("encrypted_")));
}
