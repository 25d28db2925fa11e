import type { ChatRequest, Media, Message, Part, ToolCallPart, ToolResultPart } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { resultText } from "../openai-compatible/chat-messages.ts";
import { type RawJson, rawJson } from "../openai-compatible/json-text.ts";
import { base64, kindOfMedia } from "../openai-compatible/media.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** A message on the wire. `images` are base64; `arguments` an object. */
export interface WireMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  readonly thinking?: string;
  readonly images?: readonly string[];
  readonly tool_calls?: readonly WireToolCall[];
  readonly tool_name?: string;
  readonly tool_call_id?: string;
}

interface WireToolCall {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: RawJson | JsonObject };
}

interface Mapping {
  readonly notes: Notes;
  /** The names of the tools that were called, by the ids of the calls: results go by name. */
  readonly names: ReadonlyMap<string, string>;
}

/** The instructions and the conversation as Ollama takes them. */
export function toWireMessages({ instructions, messages }: ChatRequest, notes: Notes): readonly WireMessage[] {
  const calls = messages.flatMap(({ parts }) => parts.filter((part) => part.type === "tool-call"));
  const mapping = { notes, names: new Map(calls.map(({ id, name }) => [id, name])) };
  const system = instructions === "" ? [] : [{ role: "system", content: instructions } as const];
  return [...system, ...messages.flatMap((message, index) => toWire(message, `messages[${index}]`, mapping))];
}

function toWire(message: Message, field: string, mapping: Mapping): readonly WireMessage[] {
  if (message.name) mapping.notes.ignored(`${field}.name`);
  switch (message.role) {
    case "assistant":
      return assistantMessage(message, field, mapping.notes);
    case "system":
      return [{ role: "system", content: textOf(message.parts, "text", "") }];
    default:
      return userMessages(message, field, mapping);
  }
}

function assistantMessage({ parts }: Message, field: string, notes: Notes): readonly WireMessage[] {
  noteDropped(parts, field, notes);
  const content = textOf(parts, "text", "");
  const thinking = textOf(parts, "reasoning", "");
  const calls = parts.flatMap(toToolCall);
  if (content === "" && calls.length === 0) return [];
  return [
    {
      role: "assistant",
      content,
      ...(thinking !== "" && { thinking }),
      ...(calls.length > 0 && { tool_calls: calls }),
    },
  ];
}

function textOf(parts: readonly Part[], type: "text" | "reasoning", between: string): string {
  return parts.flatMap((part) => (part.type === type ? part.text : [])).join(between);
}

/** Media in an answer, what another vendor's own tools did, and state of another kind have no place here. */
function noteDropped(parts: readonly Part[], field: string, notes: Notes): void {
  for (const [index, part] of parts.entries()) {
    const at = `${field}.parts[${index}]`;
    if (part.type === "media") notes.dropped(at, 'media in a message of role "assistant"');
    if (part.type === "tool-call" && part.executor === "provider") notes.dropped(at, "a call of a provider's own tool");
    if (part.providerState) notes.stateDropped(`${at}.providerState`, part.providerState.providerKind);
  }
}

function toToolCall(part: Part): readonly WireToolCall[] {
  if (part.type !== "tool-call" || part.executor === "provider") return [];
  return [{ id: part.id, function: { name: part.name, arguments: argumentsOf(part) } }];
}

/** As they were written; Ollama takes objects alone, so that what a model got wrong is wrapped. */
function argumentsOf({ argumentsJson }: ToolCallPart): RawJson | JsonObject {
  if (argumentsJson.trim() === "") return {};
  try {
    if (isJsonObject(JSON.parse(argumentsJson))) return rawJson(argumentsJson, "argumentsJson");
  } catch {
    // Wrapped below.
  }
  return { arguments: argumentsJson };
}

/** Results come as messages of their own; pictures that tools returned follow as the user's. */
function userMessages({ parts }: Message, field: string, { names }: Mapping): readonly WireMessage[] {
  const results = parts.filter((part) => part.type === "tool-result").map((result) => toolMessage(result, names));
  const content = parts.filter((part) => part.type === "text" || part.type === "media");
  const images = parts.flatMap((part, index) => imagesOf(part, `${field}.parts[${index}]`));
  if (content.length === 0 && images.length === 0) return results;
  const said = textOf(parts, "text", "\n") || (content.length === 0 ? "Returned by the tools." : "");
  return [...results, { role: "user", content: said, ...(images.length > 0 && { images }) }];
}

function toolMessage(result: ToolResultPart, names: ReadonlyMap<string, string>): WireMessage {
  const { toolCallId, name } = result;
  const tool_name = name || names.get(toolCallId) || toolCallId;
  return { role: "tool", content: resultText(result), tool_name, tool_call_id: toolCallId };
}

function imagesOf(part: Part, field: string): readonly string[] {
  if (part.type === "media") return [toImage(part.media, `${field}.media`)];
  if (part.type !== "tool-result") return [];
  return part.media.map((media, index) => toImage(media, `${field}.toolResult.media[${index}]`));
}

function toImage(media: Media, field: string): string {
  const kind = kindOfMedia(media);
  if (kind !== "image") throw unsupported(field, `this provider takes images, no ${kind === "file" ? "files" : kind}`);
  if (!media.data) throw unsupported(field, "this provider takes images as data, not as an address");
  return base64(media.data);
}
