import type { FunctionCallingConfig, Tool as GeminiTool } from "@google/genai";
import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { FunctionTool, ModelTool, ToolChoice, WebSearchTool } from "../../core/tools.ts";
import { type RawJson, rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { isGemini3 } from "./model-families.ts";

/** A function as the API is told of it; its schema goes out byte for byte. */
interface WireFunction {
  readonly name: string;
  readonly description?: string;
  readonly parametersJsonSchema?: RawJson;
}

/** What a request offers to the model. */
export interface OfferedTools {
  readonly functions: readonly WireFunction[];
  /** The API's own. */
  readonly hosted: readonly (GeminiTool | JsonObject)[];
  readonly toolConfig?: object;
}

/** The tools, and which of the functions may or must be called. */
export function toOfferedTools(
  request: Pick<ChatRequest, "tools" | "toolChoice" | "parallelToolCalls" | "model">,
  notes: Notes,
): OfferedTools {
  const { tools, toolChoice, parallelToolCalls, model } = request;
  if (parallelToolCalls === false && tools.length > 0) notes.ignored("config.parallelToolCalls");
  const field = (tool: ModelTool) => `config.tools[${tools.indexOf(tool)}]`;
  const functions = allowed(tools, toolChoice);
  const hosted = toolChoice?.mode === "disabled" ? [] : tools.filter((tool) => tool.type !== "function");
  return {
    functions: functions.map((tool) => toFunction(tool, `${field(tool)}.function`, notes)),
    hosted: hosted.map((tool) => toHostedTool(tool, field(tool), notes)),
    ...toToolConfig(toolChoice, { functions, hosted, model }, notes),
  };
}

/** The same, as fields of a body. */
export function toToolFields({ functions, hosted, toolConfig }: OfferedTools): object {
  const tools = [...(functions.length > 0 ? [{ functionDeclarations: functions }] : []), ...hosted];
  return { ...(tools.length > 0 && { tools }), ...(toolConfig && { toolConfig }) };
}

/** The API limits a free choice to some of the functions only in a mode of newer models: the others are left out. */
function allowed(tools: readonly ModelTool[], choice: ToolChoice | undefined): readonly FunctionTool[] {
  const functions = tools.filter((tool) => tool.type === "function");
  if (choice?.mode !== "auto" || choice.toolNames.length === 0) return functions;
  return functions.filter(({ name }) => choice.toolNames.includes(name));
}

function toFunction(tool: FunctionTool, field: string, notes: Notes): WireFunction {
  const { name, description, inputSchemaJson, strict } = tool;
  if (strict !== undefined) notes.ignored(`${field}.strict`);
  return {
    name,
    ...(description && { description }),
    ...(inputSchemaJson && { parametersJsonSchema: rawJson(inputSchemaJson, `${field}.inputSchemaJson`) }),
  };
}

function toHostedTool(tool: Exclude<ModelTool, FunctionTool>, field: string, notes: Notes): GeminiTool | JsonObject {
  switch (tool.type) {
    case "web-search":
      noteSearchOptions(tool, `${field}.webSearch`, notes);
      return { googleSearch: {} };
    case "code-execution":
      return { codeExecution: {} };
    case "provider-tool":
      return { [tool.providerType]: tool.config };
  }
}

/** Google's search takes none of ours here: `excludeDomains` is not for this API. */
function noteSearchOptions(tool: WebSearchTool, field: string, notes: Notes): void {
  const { type, allowedDomains, blockedDomains, ...options } = tool;
  if (allowedDomains.length > 0) notes.ignored(`${field}.allowedDomains`);
  if (blockedDomains.length > 0) notes.ignored(`${field}.blockedDomains`);
  for (const [name, value] of Object.entries(options)) if (value !== undefined) notes.ignored(`${field}.${name}`);
}

function toToolConfig(
  choice: ToolChoice | undefined,
  { functions, hosted, model }: Pick<ChatRequest, "model"> & Record<"hosted" | "functions", readonly ModelTool[]>,
  notes: Notes,
): { readonly toolConfig?: object } {
  if (functions.length === 0) {
    if (choice?.mode === "required") notes.ignored("config.toolChoice");
    return {};
  }
  const config = {
    ...(choice && { functionCallingConfig: toCallingConfig(choice, functions) }),
    // Without it functions beside the API's own tools are an error: ai.google.dev/gemini-api/docs/tool-combination.
    ...(hosted.length > 0 && isGemini3(model) && { includeServerSideToolInvocations: true }),
  };
  return Object.keys(config).length > 0 ? { toolConfig: config } : {};
}

const modes = { auto: "AUTO", disabled: "NONE", required: "ANY" } as const;

type WireCallingConfig = Omit<FunctionCallingConfig, "mode"> & { readonly mode: (typeof modes)[keyof typeof modes] };

function toCallingConfig({ mode, toolNames }: ToolChoice, functions: readonly ModelTool[]): WireCallingConfig {
  const named = toolNames.filter((name) => functions.some((tool) => tool.type === "function" && tool.name === name));
  return {
    mode: modes[mode],
    ...(mode === "required" && named.length > 0 && { allowedFunctionNames: named }),
  };
}
