import type { ResponseInputItem } from "openai/resources/responses/responses";
import type { Message, Part, TextPart, ToolCallPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ToolCallIds } from "../openai-compatible/dialect.ts";
import { base64 } from "../openai-compatible/media.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { readState } from "../openai-compatible/provider-state.ts";
import { acceptedId } from "../openai-compatible/tool-call-id.ts";
import { toResultItem } from "./responses-call-results.ts";
import { toInputContent } from "./responses-content.ts";

/** An input item: documented, or one of the vendor's own that goes back as it came. */
export type InputItem = ResponseInputItem | JsonObject;

/** What mapping a conversation needs to know. */
interface Mapping {
  readonly kind: string;
  readonly notes: Notes;
  /** The vendor's items of calls that the caller ran, by their ids. */
  readonly calls: Map<string, JsonObject>;
}

const callIds: ToolCallIds = { pattern: /^[\w-]{1,64}$/, length: 64 };

/** The conversation as input items. State of other kinds of providers is left out, with a warning. */
export function toInput(messages: readonly Message[], kind: string, notes: Notes): readonly InputItem[] {
  const mapping: Mapping = { kind, notes, calls: new Map() };
  return messages.flatMap((message, index) => toItems(message, `messages[${index}]`, mapping));
}

function toItems(message: Message, field: string, mapping: Mapping): readonly InputItem[] {
  if (message.role === "assistant") return withFollowers(assistantItems(message, field, mapping));
  if (message.name) mapping.notes.ignored(`${field}.name`);
  const results = message.parts.flatMap((part, index) => resultItems(part, `${field}.parts[${index}]`, mapping));
  const content = message.parts.flatMap((part, index) => {
    return part.type === "text" || part.type === "media" ? [toInputContent(part, `${field}.parts[${index}]`)] : [];
  });
  const role = message.role === "system" ? "developer" : "user";
  return content.length === 0 ? results : [...results, { type: "message", role, content }];
}

function resultItems(part: Part, field: string, { calls }: Mapping): readonly InputItem[] {
  if (part.type !== "tool-result") return [];
  const toolCallId = acceptedId(part.toolCallId, callIds);
  return [toResultItem({ ...part, toolCallId }, calls.get(toolCallId) ?? {}, field)];
}

function assistantItems({ parts }: Message, field: string, mapping: Mapping): readonly InputItem[] {
  return parts.flatMap((part, index) => assistantItem(part, `${field}.parts[${index}]`, mapping));
}

function assistantItem(part: Part, field: string, mapping: Mapping): readonly InputItem[] {
  const state = stateOf(part, field, mapping);
  switch (part.type) {
    case "text":
      return part.text === "" ? [] : [assistantText(part, state)];
    case "reasoning":
      return state ? [state] : [];
    case "tool-call":
      return callItems(part, state, field, mapping);
    case "tool-result":
      return state ? [state] : [];
    case "media":
      if (state && part.media.data) return [{ ...state, result: base64(part.media.data) }];
      mapping.notes.dropped(field, "media in an assistant's message");
      return [];
  }
}

function assistantText({ text }: TextPart, state: JsonObject | undefined): InputItem {
  return { role: "assistant", content: text, ...(typeof state?.phase === "string" && { phase: state.phase }) };
}

function callItems(
  part: ToolCallPart,
  state: JsonObject | undefined,
  field: string,
  { calls, notes }: Mapping,
): readonly InputItem[] {
  const call_id = acceptedId(part.id, callIds);
  if (state) {
    calls.set(call_id, state);
    return [state];
  }
  if (part.executor !== "provider") {
    return [{ type: "function_call", call_id, name: part.name, arguments: part.argumentsJson || "{}" }];
  }
  notes.dropped(field, "a call of another provider's own tool");
  return [];
}

function stateOf({ providerState }: Part, field: string, { kind, notes }: Mapping): JsonObject | undefined {
  if (!providerState) return undefined;
  const state = readState(providerState, kind);
  if (isJsonObject(state)) return state;
  notes.stateDropped(`${field}.providerState`, providerState.providerKind);
  return undefined;
}

/** A reasoning item that nothing follows is refused, as when the answer stopped within its thoughts: it is left out. */
function withFollowers(items: readonly InputItem[]): readonly InputItem[] {
  const last = items.findLastIndex((item) => item.type !== "reasoning");
  return items.slice(0, last + 1);
}
