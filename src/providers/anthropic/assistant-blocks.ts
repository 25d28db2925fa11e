import type { ContentBlockParam } from "@anthropic-ai/sdk/resources/messages";
import type { Part, ToolCallPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { type RawJson, rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { readState } from "../openai-compatible/provider-state.ts";
import { acceptedId } from "../openai-compatible/tool-call-id.ts";
import { toolCallIds } from "./tool-call-ids.ts";

/** A content block: documented, or one of the vendor's own that goes back as it came. */
export type WireBlock = ContentBlockParam | JsonObject;

/** What mapping the history needs to know. */
export interface HistoryMapping {
  readonly kind: string;
  readonly notes: Notes;
  /** The families of tools that calls named, by the calls' ids: their results have to name them again. */
  readonly toolsets: Map<string, string>;
}

/** A part of the assistant's. The vendor's own blocks go back unchanged; reasoning of another vendor's stays out. */
export function toAssistantBlocks(part: Part, field: string, mapping: HistoryMapping): readonly WireBlock[] {
  const state = stateOf(part, field, mapping);
  switch (part.type) {
    case "text":
      if (state?.text === part.text) return [state];
      return part.text.trim() === "" ? [] : [{ type: "text", text: part.text }];
    case "reasoning":
      return state ? [state] : [];
    case "tool-call":
      return callBlocks(part, state, field, mapping);
    case "tool-result":
      if (!state) mapping.notes.dropped(field, "a result of another provider's own tool");
      return state ? [state] : [];
    case "media":
      mapping.notes.dropped(field, "media in an assistant's message");
      return [];
    default:
      return part satisfies never;
  }
}

function callBlocks(
  part: ToolCallPart,
  state: JsonObject | undefined,
  field: string,
  { notes, toolsets }: HistoryMapping,
): readonly WireBlock[] {
  const id = acceptedId(part.id, toolCallIds);
  if (state) {
    if (typeof state.toolset_name === "string") toolsets.set(id, state.toolset_name);
    return [state];
  }
  if (part.executor !== "provider") return [{ type: "tool_use", id, name: part.name, input: toInput(part, field) }];
  notes.dropped(field, "a call of another provider's own tool");
  return [];
}

/** The arguments byte for byte. What a model wrote that is no object goes back as the vendor's guide wraps it. */
function toInput({ argumentsJson }: ToolCallPart, field: string): RawJson | JsonObject {
  if (argumentsJson.trim() === "") return {};
  return isObject(argumentsJson)
    ? rawJson(argumentsJson, `${field}.toolCall.argumentsJson`)
    : { INVALID_JSON: argumentsJson };
}

function isObject(json: string): boolean {
  try {
    return isJsonObject(JSON.parse(json));
  } catch {
    return false;
  }
}

function stateOf({ providerState }: Part, field: string, { kind, notes }: HistoryMapping): JsonObject | undefined {
  if (!providerState) return undefined;
  const state = readState(providerState, kind);
  if (isJsonObject(state)) return state;
  notes.stateDropped(`${field}.providerState`, providerState.providerKind);
  return undefined;
}
