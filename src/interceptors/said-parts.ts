import type { Media, Message, Part, ToolCall, ToolResult } from "../../gen/livellm/v1/message_pb.ts";
import type { SaidMessage, SaidPart } from "./said.ts";

/** A message of the contract, in or out of a call. */
export function saidMessage(direction: SaidMessage["direction"], { role, name, text, parts }: Message): SaidMessage {
  const said = parts.flatMap(saidPart);
  return {
    direction,
    role: role || "user",
    ...(name && { name }),
    parts: said.length > 0 || text === "" ? said : [{ type: "text", content: text }],
  };
}

function saidPart({ content }: Part): SaidPart[] {
  switch (content.case) {
    case "text":
      return [{ type: "text", content: content.value }];
    case "reasoning":
      return [{ type: "reasoning", content: content.value.text }];
    case "media":
      return [saidMedia(content.value)];
    case "toolCall":
      return [saidCall(content.value)];
    case "toolResult":
      return [saidResult(content.value)];
    case undefined:
      return [];
    default:
      return content satisfies never;
  }
}

/** Not its address: it may let whoever has it in. */
export function saidMedia({ mimeType }: Media): SaidPart {
  return { type: "blob", mime_type: mimeType };
}

export function saidCall({ id, name, arguments: object, argumentsJson }: ToolCall): SaidPart {
  return { type: "tool_call", id, name, arguments: argumentsJson || (object ? JSON.stringify(object) : "") };
}

export function saidResult({ toolCallId, name, text, structured, failed }: ToolResult): SaidPart {
  const response = text || (structured ? JSON.stringify(structured) : "");
  return { type: "tool_call_response", id: toolCallId, name, response, ...(failed && { failed }) };
}
