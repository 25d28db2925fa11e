import type {
  Tool,
  WebSearchTool20250305,
  WebSearchTool20260209,
  ToolChoice as WireToolChoice,
} from "@anthropic-ai/sdk/resources/messages";
import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { FunctionTool, ModelTool, WebSearchTool } from "../../core/tools.ts";
import { rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import type { ModelFamily } from "./model-families.ts";

export interface ToolFields {
  readonly tools?: readonly object[];
  readonly tool_choice?: WireToolChoice;
}

/** The tools, which of them may or must be used, and whether several at once. */
export function toToolFields(request: ChatRequest, family: ModelFamily, notes: Notes): ToolFields {
  const { tools } = request;
  if (tools.length === 0) return {};
  const choice = toToolChoice(request, family, notes);
  return {
    tools: offeredTools(request, notes).map((tool) => toWireTool(tool, tools, family, notes)),
    ...(choice && { tool_choice: choice }),
  };
}

/** Whether the model is made to call a tool. */
export function isForced({ tool_choice }: ToolFields): boolean {
  return tool_choice?.type === "any" || tool_choice?.type === "tool";
}

/**
 * The API has no list of allowed tools: the others are not offered. With one tool that has to be called they may stay; where
 * one of several has to be, the vendor's own must not be there to take their place.
 */
function offeredTools({ tools, toolChoice }: ChatRequest, notes: Notes): readonly ModelTool[] {
  const { mode = "auto", toolNames = [] } = toolChoice ?? {};
  if (toolNames.length === 0 || mode === "disabled" || (mode === "required" && toolNames.length === 1)) return tools;
  const named = tools.filter((tool) => tool.type === "function" && toolNames.includes(tool.name));
  if (mode === "auto") return tools.filter((tool) => tool.type !== "function" || named.includes(tool));
  for (const [index, { type }] of tools.entries()) {
    if (type !== "function") notes.ignored(`config.tools[${index}]`);
  }
  return named;
}

function toToolChoice(request: ChatRequest, family: ModelFamily, notes: Notes): WireToolChoice | undefined {
  const { toolChoice, parallelToolCalls } = request;
  const one = parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  if (toolChoice?.mode === "disabled") return { type: "none" };
  if (toolChoice?.mode === "required") {
    const [name, ...others] = toolChoice.toolNames;
    if (family.forcedTools)
      return name && others.length === 0 ? { type: "tool", name, ...one } : { type: "any", ...one };
    notes.clamped("config.toolChoice", "this model cannot be made to call a tool; it is free to");
  }
  return toolChoice || parallelToolCalls === false ? { type: "auto", ...one } : undefined;
}

function toWireTool(tool: ModelTool, tools: readonly ModelTool[], family: ModelFamily, notes: Notes): object {
  const field = `config.tools[${tools.indexOf(tool)}]`;
  switch (tool.type) {
    case "function":
      return toFunction(tool, `${field}.function`, family, notes);
    case "web-search":
      return toWebSearch(tool, `${field}.webSearch`, searchVersion(tools, family), notes);
    case "code-execution":
      return { type: family.codeExecution, name: "code_execution" };
    case "provider-tool":
      return { ...tool.config, type: tool.providerType };
    default:
      return tool satisfies never;
  }
}

type WireFunction = Omit<Tool, "input_schema"> & { readonly input_schema: object };

function toFunction(tool: FunctionTool, field: string, { structuredOutput }: ModelFamily, notes: Notes): WireFunction {
  const { name, description, inputSchemaJson, strict } = tool;
  if (strict && !structuredOutput) notes.ignored(`${field}.strict`);
  return {
    name,
    ...(description && { description }),
    input_schema: inputSchemaJson ? rawJson(inputSchemaJson, `${field}.inputSchemaJson`) : noParameters,
    ...(strict !== undefined && structuredOutput && { strict }),
  };
}

const noParameters: JsonObject = { type: "object", properties: {} };

type WireWebSearch = WebSearchTool20250305 | WebSearchTool20260209;

/** The newer search runs code of its own, and a second sandbox beside it confuses the model: "Web search tool". */
function searchVersion(tools: readonly ModelTool[], { webSearch }: ModelFamily): ModelFamily["webSearch"] {
  return tools.some(({ type }) => type === "code-execution") ? "web_search_20250305" : webSearch;
}

function toWebSearch(tool: WebSearchTool, field: string, type: ModelFamily["webSearch"], notes: Notes): WireWebSearch {
  const { contextSize, allowedDomains, blockedDomains, maxUses, regionCode, city, timeZone } = tool;
  if (contextSize) notes.ignored(`${field}.contextSize`);
  const place = {
    ...(city && { city }),
    ...(regionCode && { country: regionCode }),
    ...(timeZone && { timezone: timeZone }),
  };
  return {
    type: type as "web_search_20260209",
    name: "web_search",
    ...(allowedDomains.length > 0 && { allowed_domains: [...allowedDomains] }),
    ...(blockedDomains.length > 0 && { blocked_domains: [...blockedDomains] }),
    ...(maxUses !== undefined && { max_uses: maxUses }),
    ...(Object.keys(place).length > 0 && { user_location: { type: "approximate", ...place } }),
  };
}
