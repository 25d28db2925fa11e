import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { FunctionTool, ModelTool, ToolChoice } from "../../core/tools.ts";
import { type RawJson, rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

interface WireTool {
  readonly type: "function";
  readonly function: {
    readonly name: string;
    readonly description?: string;
    readonly parameters: RawJson | JsonObject;
  };
}

/** The tools that the model may call. Ollama has no word for "must": a warning says so, and the model chooses. */
export function toTools(request: ChatRequest, notes: Notes): { readonly tools?: readonly WireTool[] } {
  const { tools, toolChoice, parallelToolCalls } = request;
  if (tools.length === 0) return {};
  const wire = tools.map((tool, index) => toWireTool(tool, `config.tools[${index}]`, notes));
  if (toolChoice?.mode === "required") notes.ignored("config.toolChoice.mode");
  if (parallelToolCalls === false) notes.ignored("config.parallelToolCalls");
  const offered = wire.filter((tool) => isOffered(tool.function.name, toolChoice));
  return offered.length > 0 ? { tools: offered } : {};
}

function isOffered(name: string, choice: ToolChoice | undefined): boolean {
  if (choice?.mode === "disabled") return false;
  return !choice || choice.toolNames.length === 0 || choice.toolNames.includes(name);
}

function toWireTool(tool: ModelTool, field: string, notes: Notes): WireTool {
  switch (tool.type) {
    case "function":
      return { type: "function", function: toFunction(tool, `${field}.function`, notes) };
    case "web-search":
      throw unsupported(field, "this provider has no web search");
    case "code-execution":
      throw unsupported(field, "this provider runs no code");
    case "provider-tool":
      throw unsupported(field, "this provider has no tools of its own");
  }
}

function toFunction(tool: FunctionTool, field: string, notes: Notes): WireTool["function"] {
  const { name, description, inputSchemaJson, strict } = tool;
  if (strict !== undefined) notes.ignored(`${field}.strict`);
  return {
    name,
    ...(description && { description }),
    parameters: inputSchemaJson ? rawJson(inputSchemaJson, `${field}.inputSchemaJson`) : noParameters,
  };
}

/** Templates read its fields without asking whether it is there. */
const noParameters: JsonObject = { type: "object", properties: {} };
