import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { object, objects, text } from "../openai-compatible/json-fields.ts";

/** One line of an answer, or a whole unary one, checked; what is not there is empty. */
export interface ChatLine {
  readonly model: string;
  /** What the vendor reports as an error, as `{message, status}`. */
  readonly error?: JsonObject;
  readonly thinking: string;
  readonly content: string;
  readonly toolCalls: readonly CalledTool[];
  readonly done: boolean;
  readonly doneReason: string;
  /** The whole line: its counts and times are read when it is the last. */
  readonly fields: JsonObject;
}

export interface CalledTool {
  /** Empty in versions before 0.12. */
  readonly id: string;
  readonly name: string;
  readonly argumentsJson: string;
}

/** Reads a line: `ChatResponse` of Ollama's api package, or `{"error": "…", "status": …}`. */
export function toChatLine(fields: JsonObject): ChatLine {
  const message = object(fields.message);
  return {
    model: text(fields.model),
    ...(fields.error && { error: { message: text(fields.error), status: fields.status ?? null } }),
    thinking: text(message.thinking),
    content: text(message.content),
    toolCalls: objects(message.tool_calls).map(toCalledTool),
    done: fields.done === true,
    doneReason: text(fields.done_reason),
    fields,
  };
}

function toCalledTool(call: JsonObject): CalledTool {
  const { name, arguments: given } = object(call.function);
  // Servers that imitate Ollama give the text that OpenAI's have.
  const argumentsJson = isJsonObject(given) ? JSON.stringify(given) : text(given) || "{}";
  return { id: text(call.id), name: text(name), argumentsJson };
}
