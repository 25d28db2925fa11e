import type {
  ResponseCreateParams,
  ResponseIncludable,
  ToolChoiceAllowed,
  ToolChoiceFunction,
  ToolChoiceOptions,
  WebSearchTool as WireWebSearch,
} from "openai/resources/responses/responses";
import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { FunctionTool, ModelTool, ToolChoice, WebSearchTool } from "../../core/tools.ts";
import { rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";

export interface ToolFields {
  readonly tools?: readonly object[];
  readonly tool_choice?: ResponseCreateParams["tool_choice"];
  readonly parallel_tool_calls?: boolean;
  readonly max_tool_calls?: number;
}

/** The tools, which of them may or must be used, and whether several at once. */
export function toToolFields({ tools, toolChoice, parallelToolCalls }: ChatRequest, notes: Notes): ToolFields {
  if (tools.length === 0) return {};
  return {
    tools: tools.map((tool, index) => toWireTool(tool, `config.tools[${index}]`, notes)),
    ...(toolChoice && { tool_choice: toToolChoice(toolChoice, tools) }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
    ...maxCalls(tools, notes),
  };
}

/** What has to be asked for, or the results of the vendor's own tools stay away. */
export function toIncludes(tools: readonly ModelTool[]): readonly ResponseIncludable[] {
  const types = tools.map(wireType);
  return includes.filter(([type]) => types.some((used) => used.startsWith(type))).map(([, include]) => include);
}

const includes: readonly (readonly [string, ResponseIncludable])[] = [
  ["web_search", "web_search_call.action.sources"],
  ["code_interpreter", "code_interpreter_call.outputs"],
  ["file_search", "file_search_call.results"],
];

function wireType(tool: ModelTool): string {
  if (tool.type === "web-search") return "web_search";
  if (tool.type === "code-execution") return "code_interpreter";
  return tool.type === "provider-tool" ? tool.providerType : "function";
}

function toWireTool(tool: ModelTool, field: string, notes: Notes): object {
  switch (tool.type) {
    case "function":
      return toFunction(tool, `${field}.function`);
    case "web-search":
      return toWebSearch(tool, `${field}.webSearch`, notes);
    case "code-execution":
      return { type: "code_interpreter", container: { type: "auto" } };
    case "provider-tool":
      return { ...tool.config, type: tool.providerType };
  }
}

/** `strict` is left out when nothing is said: the API then holds the model to the schema as far as the schema allows. */
function toFunction({ name, description, inputSchemaJson, strict }: FunctionTool, field: string): object {
  return {
    type: "function",
    name,
    ...(description && { description }),
    parameters: inputSchemaJson ? rawJson(inputSchemaJson, `${field}.inputSchemaJson`) : noParameters,
    ...(strict !== undefined && { strict }),
  };
}

const noParameters: JsonObject = { type: "object", properties: {} };

function toWebSearch(tool: WebSearchTool, field: string, notes: Notes): WireWebSearch {
  const { contextSize, allowedDomains, blockedDomains, regionCode, city, timeZone } = tool;
  if (blockedDomains.length > 0) notes.ignored(`${field}.blockedDomains`);
  const place = {
    ...(regionCode && { country: regionCode }),
    ...(city && { city }),
    ...(timeZone && { timezone: timeZone }),
  };
  return {
    type: "web_search",
    ...(contextSize && { search_context_size: contextSize }),
    ...(allowedDomains.length > 0 && { filters: { allowed_domains: [...allowedDomains] } }),
    ...(Object.keys(place).length > 0 && { user_location: { type: "approximate", ...place } }),
  };
}

/** The API counts the calls of all its own tools together: the limit holds only where search is the only one. */
function maxCalls(tools: readonly ModelTool[], notes: Notes): ToolFields {
  const limited = tools.findIndex((tool) => tool.type === "web-search" && tool.maxUses !== undefined);
  const search = tools[limited];
  if (search?.type !== "web-search") return {};
  const alone = tools.every((tool) => tool === search || tool.type === "function");
  if (alone) return { max_tool_calls: search.maxUses };
  notes.ignored(`config.tools[${limited}].webSearch.maxUses`);
  return {};
}

function toToolChoice(
  { mode, toolNames }: ToolChoice,
  tools: readonly ModelTool[],
): ToolChoiceOptions | ToolChoiceFunction | ToolChoiceAllowed {
  const [first, ...others] = toolNames;
  if (mode === "disabled") return "none";
  if (first === undefined) return mode;
  const named = toolNames.map((name) => namedTool(name, tools));
  if (mode === "required" && others.length === 0) return named[0] as ToolChoiceFunction;
  return { type: "allowed_tools", mode, tools: named };
}

/** A function by its name; the vendor's own tools are named by their types. */
function namedTool(name: string, tools: readonly ModelTool[]): { type: string; name?: string } {
  const isFunction = tools.some((tool) => tool.type === "function" && tool.name === name);
  return isFunction ? { type: "function", name } : { type: name };
}
