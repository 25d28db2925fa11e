import type { JsonObject } from "./json.ts";

/** A function the model may call; the caller runs it. */
export interface FunctionTool {
  readonly type: "function";
  readonly name: string;
  readonly description?: string;
  /** The parameters' JSON Schema as text, passed on byte for byte. */
  readonly inputSchemaJson?: string;
  readonly strict?: boolean;
}

/** The provider's web search. */
export interface WebSearchTool {
  readonly type: "web-search";
  readonly contextSize?: "low" | "medium" | "high";
  readonly allowedDomains: readonly string[];
  readonly blockedDomains: readonly string[];
  readonly maxUses?: number;
  readonly regionCode?: string;
  readonly city?: string;
  readonly timeZone?: string;
}

/** The provider's sandbox for running code. */
export interface CodeExecutionTool {
  readonly type: "code-execution";
}

/** Any other tool of the provider: `config` goes out as it is, beside its `type`. */
export interface ProviderTool {
  readonly type: "provider-tool";
  readonly providerType: string;
  readonly config: JsonObject;
}

/** A tool as an adapter sees it: tools of MCP servers have become functions before. */
export type ModelTool = FunctionTool | WebSearchTool | CodeExecutionTool | ProviderTool;

/** Whether, and which, tools the model must use; `toolNames` empty means all of them. */
export interface ToolChoice {
  readonly mode: "auto" | "disabled" | "required";
  readonly toolNames: readonly string[];
}
