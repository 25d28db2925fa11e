import type {
  ChatCompletionAssistantMessageParam,
  ChatCompletionDeveloperMessageParam,
  ChatCompletionMessageToolCall,
  ChatCompletionSystemMessageParam,
  ChatCompletionToolMessageParam,
} from "openai/resources/chat/completions";
import type { ChatRequest, Message, Part, ReasoningPart, ToolCallPart, ToolResultPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { type ContentPart, toContentPart, toMediaPart } from "./content-parts.ts";
import type { Dialect } from "./dialect.ts";
import { object, objects, text } from "./json-fields.ts";
import type { Notes } from "./notes.ts";
import { readState } from "./provider-state.ts";
import { acceptedId } from "./tool-call-id.ts";

/** A message on the wire: OpenAI's, and what other vendors add. */
export type WireMessage =
  | ChatCompletionSystemMessageParam
  | ChatCompletionDeveloperMessageParam
  | ChatCompletionToolMessageParam
  | (ChatCompletionAssistantMessageParam & ReasoningFields)
  | { readonly role: "user"; readonly content: string | readonly ContentPart[]; readonly name?: string };

interface ReasoningFields {
  readonly reasoning?: string;
  readonly reasoning_content?: string;
  readonly reasoning_details?: readonly unknown[];
}

/** What mapping a message needs to know. */
export interface MessageMapping {
  readonly kind: string;
  readonly dialect: Dialect;
  readonly notes: Notes;
  /** Whether the request offers custom tools, whose calls go back in a form of their own. */
  readonly customTools: boolean;
}

/** The instructions and the conversation as chat completions take them. */
export function toWireMessages(request: ChatRequest, mapping: MessageMapping): WireMessage[] {
  const { instructions, messages } = request;
  const system = instructions === "" ? [] : [systemMessage(instructions, mapping.dialect)];
  const said = messages.flatMap((message, index) => toWire(message, `messages[${index}]`, mapping));
  return [...system, ...(mapping.dialect.answersTools ? said.flatMap(afterAnswer) : said)];
}

/** "Unexpected role 'user' after role 'tool'": Mistral's models want to have spoken in between. */
function afterAnswer(message: WireMessage, index: number, said: readonly WireMessage[]): readonly WireMessage[] {
  const isTold = message.role === "user" && said[index - 1]?.role === "tool";
  return isTold ? [{ role: "assistant", content: "OK." }, message] : [message];
}

function toWire(message: Message, field: string, mapping: MessageMapping): readonly WireMessage[] {
  if (message.role === "assistant") return assistantMessage(message, field, mapping);
  const named = nameOf(message, field, mapping);
  if (message.role === "system") {
    noteDropped(message, field, mapping);
    return [{ ...systemMessage(textOf(message.parts), mapping.dialect), ...named }];
  }
  const results = message.parts.filter((part) => part.type === "tool-result");
  const content = [...userContent(message.parts, field, mapping), ...resultMedia(message.parts, field, mapping)];
  const user = content.length === 0 ? [] : [{ role: "user", content: plain(content), ...named } as const];
  return [...results.map((result) => toolMessage(result, mapping.dialect)), ...user];
}

function systemMessage(content: string, { systemRole }: Dialect): WireMessage {
  return { role: systemRole, content };
}

function nameOf({ name }: Message, field: string, { dialect, notes }: MessageMapping): { name?: string } {
  if (!name) return {};
  if (dialect.messageNames) return { name };
  notes.ignored(`${field}.name`);
  return {};
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function userContent(parts: readonly Part[], field: string, { dialect }: MessageMapping): ContentPart[] {
  return parts.flatMap((part, index) => {
    if (part.type !== "text" && part.type !== "media") return [];
    return [toContentPart(part, `${field}.parts[${index}]`, dialect.content)];
  });
}

/** Servers that know only text want a string. */
function plain(content: readonly ContentPart[]): string | readonly ContentPart[] {
  const [only] = content;
  return content.length === 1 && only?.type === "text" ? only.text : content;
}

function toolMessage(result: ToolResultPart, { tools }: Dialect): ChatCompletionToolMessageParam {
  return { role: "tool", tool_call_id: acceptedId(result.toolCallId, tools.ids), content: resultText(result) };
}

/** A result in words: its text, else its JSON. A failure says so, since the protocol has no flag for it. */
export function resultText({ text, structured, failed, media }: ToolResultPart): string {
  const said = text || (structured ? JSON.stringify(structured) : "");
  if (said !== "") return said;
  if (failed) return "The tool failed.";
  return media.length > 0 ? "The result follows." : "";
}

/** Tool messages hold text alone: what else a tool returned comes right after them, as the user's. */
function resultMedia(parts: readonly Part[], field: string, { dialect }: MessageMapping): ContentPart[] {
  return parts.flatMap((part, index) => {
    if (part.type !== "tool-result" || part.media.length === 0) return [];
    const at = `${field}.parts[${index}].toolResult.media`;
    const media = part.media.map((item, position) => toMediaPart(item, `${at}[${position}]`, dialect.content));
    return [{ type: "text", text: `Returned by the tool ${part.name || part.toolCallId}:` }, ...media];
  });
}

function assistantMessage(message: Message, field: string, mapping: MessageMapping): readonly WireMessage[] {
  noteDropped(message, field, mapping);
  const calls = message.parts.flatMap((part, index) => {
    if (part.type !== "tool-call" || part.executor === "provider") return [];
    return [{ ...toolCall(part, mapping), ...extraOf(part, `${field}.parts[${index}]`, mapping) }];
  });
  const content = textOf(message.parts) || null;
  if (content === null && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content,
      ...(calls.length > 0 && { tool_calls: calls }),
      ...reasoningOf(message.parts, field, mapping),
      ...nameOf(message, field, mapping),
    },
  ];
}

/** Media, and the calls and results of a provider's own tools, have no place in these messages. */
function noteDropped({ role, parts }: Message, field: string, { notes }: MessageMapping): void {
  for (const [index, part] of parts.entries()) {
    const at = `${field}.parts[${index}]`;
    if (part.type === "media") notes.dropped(at, `media in a message of role "${role}"`);
    if (part.type === "tool-call" && part.executor === "provider") notes.dropped(at, "a call of a provider's own tool");
  }
}

function toolCall(part: ToolCallPart, { dialect, customTools }: MessageMapping): ChatCompletionMessageToolCall {
  const id = acceptedId(part.id, dialect.tools.ids);
  const custom = customTools && part.name === "custom" ? customCall(part.argumentsJson) : undefined;
  if (custom) return { id, type: "custom", custom };
  return { id, type: "function", function: { name: part.name, arguments: part.argumentsJson || "{}" } };
}

/** What the vendor added to its call for itself: Gemini refuses the call without it. */
function extraOf(
  { providerState }: ToolCallPart,
  field: string,
  { kind, notes }: MessageMapping,
): { readonly extra_content?: JsonObject } {
  if (!providerState) return {};
  const { extra_content } = object(readState(providerState, kind));
  if (isJsonObject(extra_content)) return { extra_content };
  notes.stateDropped(`${field}.providerState`, providerState.providerKind);
  return {};
}

/** Turns a call of a custom tool back; `toolHead` in chat-answer.ts made it. */
function customCall(argumentsJson: string): { name: string; input: string } | undefined {
  try {
    const call = object(JSON.parse(argumentsJson));
    return { name: text(call.name), input: text(call.input) };
  } catch {
    return undefined;
  }
}

function reasoningOf(parts: readonly Part[], field: string, mapping: MessageMapping): ReasoningFields {
  const { historyField, details } = mapping.dialect.reasoning;
  const reasoning = parts.filter((part) => part.type === "reasoning");
  const states = parts.flatMap((part, index) => stateOf(part, `${field}.parts[${index}]`, mapping));
  if (details && states.length > 0) return { reasoning_details: states };
  const thought = reasoning.map((part: ReasoningPart) => part.text).join("");
  return historyField && thought !== "" ? { [historyField]: thought } : {};
}

function stateOf(
  { type, providerState }: Part,
  field: string,
  { kind, dialect, notes }: MessageMapping,
): readonly JsonObject[] {
  if (!providerState || type === "tool-call") return [];
  const state = dialect.reasoning.details ? readState(providerState, kind) : undefined;
  if (state === undefined) notes.stateDropped(`${field}.providerState`, providerState.providerKind);
  return objects(state);
}
