import type { CodeExecutionResult, ExecutableCode, ToolCall, ToolResponse } from "@google/genai";
import type { ToolCallPart, ToolResultPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { object, text, type Unchecked } from "../openai-compatible/json-fields.ts";

/** A call of one of the API's own tools, and what it gave; an id that the API left out is empty. */
export type HostedPart =
  | Pick<ToolCallPart, "type" | "id" | "name" | "argumentsJson">
  | Pick<ToolResultPart, "type" | "toolCallId" | "name" | "text" | "structured" | "failed">;

/** Reads a part about a tool that the API ran itself; undefined for any other. */
export function toHostedPart(part: JsonObject): HostedPart | undefined {
  if (isJsonObject(part.executableCode)) return codeCall(part.executableCode);
  if (isJsonObject(part.codeExecutionResult)) return codeResult(part.codeExecutionResult);
  if (isJsonObject(part.toolCall)) return serverCall(part.toolCall);
  return isJsonObject(part.toolResponse) ? serverResult(part.toolResponse) : undefined;
}

const codeExecution = "code_execution";

function codeCall(value: JsonObject): HostedPart {
  const { id, language, code } = value as Unchecked<ExecutableCode>;
  const argumentsJson = JSON.stringify({ language: text(language).toLowerCase(), code: text(code) });
  return { type: "tool-call", id: text(id), name: codeExecution, argumentsJson };
}

function codeResult(value: JsonObject): HostedPart {
  const { id, outcome, output } = value as Unchecked<CodeExecutionResult>;
  const failed = text(outcome) !== "OUTCOME_OK";
  return {
    type: "tool-result",
    toolCallId: text(id),
    name: codeExecution,
    text: text(output),
    ...(failed && { structured: { outcome: text(outcome), output: text(output) } }),
    failed,
  };
}

function serverCall(value: JsonObject): HostedPart {
  const { id, toolType, args } = value as Unchecked<ToolCall>;
  return { type: "tool-call", id: text(id), name: nameOf(toolType), argumentsJson: JSON.stringify(object(args)) };
}

function serverResult(value: JsonObject): HostedPart {
  const { id, toolType, response } = value as Unchecked<ToolResponse>;
  return {
    type: "tool-result",
    toolCallId: text(id),
    name: nameOf(toolType),
    text: "",
    structured: object(response),
    failed: false,
  };
}

/** `GOOGLE_SEARCH_WEB` as a name of a tool. */
function nameOf(toolType: unknown): string {
  return text(toolType).toLowerCase();
}
