import type { ChatCompletionToolChoiceOption } from "openai/resources/chat/completions";
import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { FunctionTool, ModelTool, ToolChoice } from "../../core/tools.ts";
import type { Dialect } from "./dialect.ts";
import { type RawJson, rawJson } from "./json-text.ts";
import type { Notes } from "./notes.ts";
import { unsupported } from "./unsupported.ts";

/** An entry of `tools`. */
export type WireTool = JsonObject | { readonly type: "function"; readonly function: WireFunction };

interface WireFunction {
  readonly name: string;
  readonly description?: string;
  readonly parameters: RawJson | JsonObject;
  readonly strict?: boolean;
}

export interface ToolFields {
  readonly tools?: readonly WireTool[];
  readonly tool_choice?: ChatCompletionToolChoiceOption;
  readonly parallel_tool_calls?: boolean;
}

/** The tools, which of them may or must be used, and whether several at once. */
export function toToolFields(request: ChatRequest, dialect: Dialect, notes: Notes): ToolFields {
  const { tools, toolChoice } = request;
  if (tools.length === 0) return {};
  const offered = dialect.tools.allowedTools ? tools : allowed(tools, toolChoice);
  return {
    tools: offered.map((tool) => toWireTool(tool, `config.tools[${tools.indexOf(tool)}]`, dialect, notes)),
    ...(toolChoice && { tool_choice: toToolChoice(toolChoice, dialect) }),
    ...parallel(request, dialect, notes),
  };
}

function allowed(tools: readonly ModelTool[], choice: ToolChoice | undefined): readonly ModelTool[] {
  const names = choice?.toolNames ?? [];
  if (names.length === 0 || choice?.mode === "disabled") return tools;
  return tools.filter((tool) => tool.type !== "function" || names.includes(tool.name));
}

function toWireTool(tool: ModelTool, field: string, { tools }: Dialect, notes: Notes): WireTool {
  switch (tool.type) {
    case "function":
      return { type: "function", function: toFunction(tool, `${field}.function`, tools.strict, notes) };
    case "web-search":
      noteSearchOptions(tool, `${field}.webSearch`, notes);
      if (!tools.webSearch) throw unsupported(field, "this provider has no web search here");
      return tools.webSearch;
    case "code-execution":
      if (!tools.codeExecution) throw unsupported(field, "this provider runs no code here");
      return tools.codeExecution;
    case "provider-tool":
      return { ...tool.config, type: tool.providerType };
  }
}

function toFunction(tool: FunctionTool, field: string, takesStrict: boolean, notes: Notes): WireFunction {
  const { name, description, inputSchemaJson, strict } = tool;
  if (strict !== undefined && !takesStrict) notes.ignored(`${field}.strict`);
  return {
    name,
    ...(description && { description }),
    parameters: inputSchemaJson ? rawJson(inputSchemaJson, `${field}.inputSchemaJson`) : noParameters,
    ...(strict !== undefined && takesStrict && { strict }),
  };
}

/** Some servers refuse a function without. */
const noParameters: JsonObject = { type: "object", properties: {} };

/** No vendor has these beside its chat completions in a form of ours; `ProviderTool` takes the vendor's own. */
function noteSearchOptions(tool: Extract<ModelTool, { type: "web-search" }>, field: string, notes: Notes): void {
  const { type, allowedDomains, blockedDomains, ...options } = tool;
  if (allowedDomains.length > 0) notes.ignored(`${field}.allowedDomains`);
  if (blockedDomains.length > 0) notes.ignored(`${field}.blockedDomains`);
  for (const [name, value] of Object.entries(options)) if (value !== undefined) notes.ignored(`${field}.${name}`);
}

function toToolChoice({ mode, toolNames }: ToolChoice, { tools }: Dialect): ChatCompletionToolChoiceOption {
  const [first, ...others] = toolNames;
  if (mode === "disabled") return "none";
  if (mode === "required" && first !== undefined && others.length === 0) {
    return { type: "function", function: { name: first } };
  }
  if (first === undefined || !tools.allowedTools) return mode;
  const named = toolNames.map((name) => ({ type: "function", function: { name } }));
  return { type: "allowed_tools", allowed_tools: { mode, tools: named } };
}

function parallel({ parallelToolCalls }: ChatRequest, { tools }: Dialect, notes: Notes): ToolFields {
  if (parallelToolCalls === undefined) return {};
  if (tools.parallelOption) return { parallel_tool_calls: parallelToolCalls };
  notes.ignored("config.parallelToolCalls");
  return {};
}
