import type { JsonObject } from "@bufbuild/protobuf";
import type { Message, Part, ToolCall, ToolResult } from "../../gen/livellm/v1/message_pb.ts";
import type { OldMessage } from "./agent-messages.ts";
import { isJsonObject } from "./json.ts";

/** A whole conversation as livellm's clients read it: what they sent, then what the run added. */
export function historyOf(sent: readonly OldMessage[], added: readonly Message[]): readonly JsonObject[] {
  return [...sent.map(sentMessage), ...added.flatMap(addedMessages)];
}

function sentMessage(message: OldMessage): JsonObject {
  switch (message.kind) {
    case "text":
      return { role: message.role, content: message.content };
    case "binary":
      return { role: "user", content: message.content, mime_type: message.mimeType, caption: message.caption ?? null };
    case "tool_call":
      return withId({ role: "tool_call", tool_name: message.toolName, args: objectOf(message.args) }, message.id);
    case "tool_return":
      return withId({ role: "tool_return", tool_name: message.toolName, content: textOf(message.content) }, message.id);
  }
}

/** The id is more than older clients know, and is passed over by them. */
function withId(message: JsonObject, id: string | undefined): JsonObject {
  return id ? { ...message, tool_call_id: id } : message;
}

function addedMessages(message: Message): JsonObject[] {
  const texts = message.parts.flatMap(({ content }) => (content.case === "text" ? [content.value] : []));
  const text = texts.join("");
  return [
    ...(text === "" ? [] : [{ role: message.role === "assistant" ? "model" : message.role, content: text }]),
    ...message.parts.flatMap(toolMessage),
  ];
}

function toolMessage({ content }: Part): JsonObject[] {
  if (content.case === "toolCall") return [callMessage(content.value)];
  return content.case === "toolResult" ? [returnMessage(content.value)] : [];
}

function callMessage({ id, name, argumentsJson, arguments: parsed }: ToolCall): JsonObject {
  return { role: "tool_call", tool_name: name, args: objectOf(argumentsJson || parsed || {}), tool_call_id: id };
}

function returnMessage({ toolCallId, name, text, structured }: ToolResult): JsonObject {
  const content = structured && text === "" ? JSON.stringify(structured) : text;
  return { role: "tool_return", tool_name: name, content, tool_call_id: toolCallId };
}

/** Clients take an object for arguments and nothing else. */
function objectOf(args: unknown): JsonObject {
  const value = typeof args === "string" ? parsed(args) : args;
  return isJsonObject(value) ? (value as JsonObject) : { value: value as JsonObject };
}

function parsed(text: string): unknown {
  try {
    return text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    return text;
  }
}

/** Clients take a text for a result and nothing else. */
function textOf(content: unknown): string {
  return typeof content === "string" ? content : JSON.stringify(content);
}
