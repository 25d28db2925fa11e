import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";
import type { ModelTool, WebSearchTool } from "../../core/tools.ts";
import { type Notes, newNotes } from "../openai-compatible/notes.ts";
import { mergeOptions } from "../openai-compatible/options.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** Systems of several models that search and run code by themselves: console.groq.com/docs/compound. */
export function isCompound(model: string): boolean {
  return /^(?:groq\/)?compound(?:-|$)/.test(model);
}

/**
 * Says which of its own tools Compound may use; with no tools in the request it has those it has by itself. It takes no
 * tools of the caller's.
 */
export function compoundRequest(request: ChatRequest): { request: ChatRequest; warnings: readonly Warning[] } {
  const { tools, toolChoice } = request;
  const notes = newNotes();
  if (toolChoice && toolChoice.mode !== "auto") notes.ignored("config.toolChoice.mode");
  const enabled = tools.map((tool, index) => enable(tool, `config.tools[${index}]`, notes));
  const fields = enabled.reduce<JsonObject>((all, { more }) => mergeOptions(all, more) as JsonObject, {});
  const names = enabled.map(({ name }) => name);
  const ours = names.length === 0 ? {} : { compound_custom: { tools: { enabled_tools: names } } };
  const options = mergeOptions(mergeOptions(ours, fields), request.options) as JsonObject;
  return { request: { ...request, tools: [], toolChoice: undefined, options }, warnings: notes.warnings };
}

/** A tool of Compound's, and what else goes into the body for it. */
interface EnabledTool {
  readonly name: string;
  readonly more: JsonObject;
}

function enable(tool: ModelTool, field: string, notes: Notes): EnabledTool {
  switch (tool.type) {
    case "function":
      throw unsupported(field, "Groq's Compound systems take no tools of the caller's");
    case "web-search":
      return { name: "web_search", more: searchSettings(tool, `${field}.webSearch`, notes) };
    case "code-execution":
      return { name: "code_interpreter", more: {} };
    case "provider-tool":
      return { name: tool.providerType, more: { compound_custom: { tools: tool.config } } };
  }
}

/** console.groq.com/docs/web-search: domains, and a country by its English name. */
function searchSettings(tool: WebSearchTool, field: string, notes: Notes): JsonObject {
  const { contextSize, allowedDomains, blockedDomains, maxUses, regionCode, city, timeZone } = tool;
  for (const [name, value] of Object.entries({ contextSize, maxUses, city, timeZone })) {
    if (value) notes.ignored(`${field}.${name}`);
  }
  const settings: JsonObject = {
    ...(allowedDomains.length > 0 && { include_domains: allowedDomains }),
    ...(blockedDomains.length > 0 && { exclude_domains: blockedDomains }),
    ...(regionCode && { country: countryName(regionCode) }),
  };
  return Object.keys(settings).length > 0 ? { search_settings: settings } : {};
}

/** `CH` → `switzerland`; what is no code of a country goes out as it is. */
function countryName(regionCode: string): string {
  try {
    const names = new Intl.DisplayNames(["en"], { type: "region" });
    return (names.of(regionCode.toUpperCase()) ?? regionCode).toLowerCase();
  } catch {
    return regionCode.toLowerCase();
  }
}
