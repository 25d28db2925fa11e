import { isJsonObject, type JsonValue } from "./json.ts";
import {
  type At,
  anything,
  below,
  dictionary,
  invalid,
  object,
  oneOf,
  optional,
  type Reader,
  report,
  required,
  text,
} from "./schema.ts";

/** One message as livellm's clients and those of its predecessor write it. */
export type OldMessage =
  | { readonly kind: "text"; readonly role: "user" | "model" | "system"; readonly content: string }
  | {
      readonly kind: "binary";
      /** Base64. */
      readonly content: string;
      readonly mimeType: string;
      readonly caption: string | undefined;
    }
  | { readonly kind: "tool_call"; readonly toolName: string; readonly args: JsonValue; readonly id: string | undefined }
  | {
      readonly kind: "tool_return";
      readonly toolName: string;
      readonly content: JsonValue;
      readonly id: string | undefined;
    };

/** `assistant` is what everybody else calls `model`. */
const textRoles = oneOf(["user", "model", "system", "tool_call", "tool_return", "assistant"]);

const textFields = object({ role: required(textRoles), content: required(text) });
const binaryFields = object({
  role: required(oneOf(["user"])),
  content: required(base64),
  mime_type: required(text),
  caption: optional(text),
});
const callFields = object({ tool_name: required(text), args: required(argumentsOf), tool_call_id: optional(text) });
const returnFields = object({
  tool_name: required(text),
  content: { read: anything, fallback: () => null },
  tool_call_id: optional(text),
});

/** Reads a message by what it has: a media type, a tool's name, else text. */
export const oldMessage: Reader<OldMessage> = (value, at) => {
  if (!isJsonObject(value)) return textMessage(value, below(at, "TextMessage"));
  if ("mime_type" in value && value.mime_type !== null) return binaryMessage(value, below(at, "BinaryMessage"));
  if ("args" in value && "tool_name" in value) return toolCall(value, below(at, "ToolCallMessage"));
  if ("tool_name" in value) return toolReturn(value, below(at, "ToolReturnMessage"));
  return textMessage(value, below(at, "TextMessage"));
};

function textMessage(value: unknown, at: At): OldMessage | typeof invalid {
  const read = textFields(value, at);
  if (read === invalid) return invalid;
  const { role, content } = read;
  if (role === "tool_call" || role === "tool_return") {
    return report(below(at, "tool_name"), { type: "missing", msg: "Field required", input: value });
  }
  return { kind: "text", role: role === "assistant" ? "model" : role, content };
}

function binaryMessage(value: unknown, at: At): OldMessage | typeof invalid {
  const read = binaryFields(value, at);
  if (read === invalid) return invalid;
  return { kind: "binary", content: read.content, mimeType: read.mime_type, caption: read.caption };
}

function toolCall(value: unknown, at: At): OldMessage | typeof invalid {
  const read = callFields(value, at);
  if (read === invalid) return invalid;
  return { kind: "tool_call", toolName: read.tool_name, args: read.args, id: read.tool_call_id };
}

function toolReturn(value: unknown, at: At): OldMessage | typeof invalid {
  const read = returnFields(value, at);
  if (read === invalid) return invalid;
  return { kind: "tool_return", toolName: read.tool_name, content: read.content, id: read.tool_call_id };
}

function argumentsOf(value: unknown, at: At): JsonValue | typeof invalid {
  return typeof value === "string" ? value : dictionary(value, at);
}

/** Base64 as Python reads it: characters outside the alphabet are passed over, a wrong length is not. */
export function base64(value: unknown, at: At): string | typeof invalid {
  const read = text(value, at);
  if (read === invalid) return invalid;
  const kept = read.replace(/[^A-Za-z0-9+/]/g, "");
  const padding = /=*$/.exec(read.trim())?.[0].length ?? 0;
  if (kept.length % 4 !== 1 && kept.length + padding >= Math.ceil(kept.length / 4) * 4) return kept;
  const problem = "Invalid base64 content: Incorrect padding";
  return report(at, { type: "value_error", msg: `Value error, ${problem}`, input: value, ctx: { error: {} } });
}
