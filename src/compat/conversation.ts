import type { MessageInitShape } from "@bufbuild/protobuf";
import type { MessageSchema, PartSchema } from "../../gen/livellm/v1/message_pb.ts";
import type { OldMessage } from "./agent-messages.ts";
import { isJsonObject, type JsonValue } from "./json.ts";

type MessageInit = MessageInitShape<typeof MessageSchema>;
type PartInit = MessageInitShape<typeof PartSchema>;

/**
 * The conversation as the contract has it. Messages of one writer that follow each other become one: a run of the user's is one
 * prompt, a run of calls one turn of the model. Calls and results, which have no ids in the old form, are paired in order by
 * the tool's name.
 */
export function conversationOf(messages: readonly OldMessage[]): readonly MessageInit[] {
  const ids = new CallIds();
  const merged: { role: string; parts: PartInit[] }[] = [];
  for (const message of messages) {
    const role = roleOf(message);
    const parts = partsOf(message, ids);
    const last = merged.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else if (parts.length > 0) merged.push({ role, parts });
  }
  return merged;
}

function roleOf(message: OldMessage): string {
  switch (message.kind) {
    case "text":
      return message.role === "model" ? "assistant" : message.role;
    case "binary":
      return "user";
    case "tool_call":
      return "assistant";
    case "tool_return":
      return "tool";
  }
}

function partsOf(message: OldMessage, ids: CallIds): PartInit[] {
  switch (message.kind) {
    case "text":
      return message.content === "" && message.role === "model" ? [] : [textPart(message.content)];
    case "binary":
      return [...(message.caption ? [textPart(message.caption)] : []), mediaPart(message.content, message.mimeType)];
    case "tool_call":
      return [callPart(message.toolName, message.args, ids.call(message.toolName, message.id))];
    case "tool_return":
      return [resultPart(message.toolName, message.content, ids.result(message.toolName, message.id))];
  }
}

function textPart(text: string): PartInit {
  return { content: { case: "text", value: text } };
}

function mediaPart(base64: string, mimeType: string): PartInit {
  const data = new Uint8Array(Buffer.from(base64, "base64"));
  return { content: { case: "media", value: { source: { case: "data", value: data }, mimeType } } };
}

function callPart(name: string, args: JsonValue, id: string): PartInit {
  const argumentsJson = typeof args === "string" ? args : JSON.stringify(args);
  return { content: { case: "toolCall", value: { id, name, argumentsJson } } };
}

function resultPart(name: string, content: JsonValue, toolCallId: string): PartInit {
  const value = isJsonObject(content)
    ? { toolCallId, name, structured: content }
    : { toolCallId, name, text: typeof content === "string" ? content : JSON.stringify(content) };
  return { content: { case: "toolResult", value } };
}

/** Gives calls ids, and results the ids of the calls they answer. */
class CallIds {
  #made = 0;
  readonly #waiting: { name: string; id: string }[] = [];

  call(name: string, given: string | undefined): string {
    this.#made += 1;
    const id = given || `call_${this.#made}`;
    this.#waiting.push({ name, id });
    return id;
  }

  result(name: string, given: string | undefined): string {
    const found = this.#waiting.findIndex((call) => (given ? call.id === given : call.name === name));
    const [call] = found === -1 ? [] : this.#waiting.splice(found, 1);
    return call?.id ?? given ?? `call_${name}`;
  }
}
