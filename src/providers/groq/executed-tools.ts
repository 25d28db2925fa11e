import type { Citation, Media, ToolCallPart, ToolResultPart } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { randomId } from "../../core/random-id.ts";
import { object, objects, text } from "../openai-compatible/json-fields.ts";

/** A call of one of Groq's own tools, as far as it is known. */
interface Execution {
  readonly id: string;
  readonly name: string;
  answered: boolean;
}

/**
 * Reads `executed_tools` into calls and results. In a stream a tool may come more than once, under the same index: when it
 * is called, and when it has answered (groq-sdk, `ChatCompletionChunk.Choice.Delta.ExecutedTool`).
 */
export class ExecutedTools {
  readonly #executions = new Map<number, Execution>();
  #parts: (ToolCallPart | ToolResultPart)[] = [];

  read(tool: JsonObject): void {
    const index = typeof tool.index === "number" ? tool.index : this.#executions.size;
    const before = this.#executions.get(index);
    const execution = before ?? this.#begin(tool, index);
    if (execution.answered || !hasAnswered(tool, before !== undefined)) return;
    execution.answered = true;
    this.#parts.push(toResult(tool, execution));
  }

  /** Takes what has been read since the last time. */
  take(): readonly (ToolCallPart | ToolResultPart)[] {
    const parts = this.#parts;
    this.#parts = [];
    return parts;
  }

  #begin(tool: JsonObject, index: number): Execution {
    const name = text(tool.name) || text(tool.type) || "tool";
    const execution = { id: randomId("call"), name, answered: false };
    this.#executions.set(index, execution);
    const argumentsJson = text(tool.arguments) || "{}";
    this.#parts.push({ type: "tool-call", id: execution.id, name, argumentsJson, executor: "provider" });
    return execution;
  }
}

/** While a tool is at work, what it found is empty; a program that has printed nothing stays so when it is told of again. */
function hasAnswered(tool: JsonObject, again: boolean): boolean {
  if (text(tool.output) !== "" || foundIn(tool).length > 0) return true;
  return again && typeof tool.output === "string";
}

const resultFields = ["search_results", "browser_results", "code_results"] as const;

function foundIn(tool: JsonObject): readonly JsonObject[] {
  return resultFields.flatMap((field) => listIn(tool[field]));
}

/** Searches give `{results: […]}`, the others a list. */
function listIn(found: unknown): readonly JsonObject[] {
  return objects(Array.isArray(found) ? found : object(found).results);
}

function toResult(tool: JsonObject, { id, name }: Execution): ToolResultPart {
  const sources = foundIn(tool).filter(({ url }) => text(url) !== "");
  const printed = listIn(tool.code_results);
  const structured = resultFields.flatMap((field) => (tool[field] ? [[field, tool[field]] as const] : []));
  return {
    type: "tool-result",
    toolCallId: id,
    name,
    text: text(tool.output) || printed.map((result) => text(result.text)).join("\n"),
    ...(structured.length > 0 && { structured: Object.fromEntries(structured) }),
    media: printed.flatMap(toImage),
    failed: false,
    ...(sources.length > 0 && { citations: sources.map(toCitation) }),
  };
}

function toCitation({ url, title, content }: JsonObject): Citation {
  return { uri: text(url), title: text(title), quote: text(content) };
}

function toImage({ png }: JsonObject): readonly Media[] {
  return text(png) === "" ? [] : [{ data: Buffer.from(text(png), "base64"), mimeType: "image/png" }];
}
