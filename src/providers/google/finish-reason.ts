import type { FinishReason as WireReason } from "@google/genai";
import type { FinishReason } from "../../core/chat.ts";

/** What Gemini's words mean; any other, such as `MALFORMED_FUNCTION_CALL` or `LANGUAGE`, is `other`. */
const meanings: Readonly<Partial<Record<`${WireReason}` | "FUNCTION_CALL", FinishReason>>> = {
  STOP: "stop",
  // Not Google's own word, but that of servers in its shape.
  FUNCTION_CALL: "stop",
  MAX_TOKENS: "length",
  CONTINUATION: "length",
  SAFETY: "content_filter",
  RECITATION: "content_filter",
  BLOCKLIST: "content_filter",
  PROHIBITED_CONTENT: "content_filter",
  SPII: "content_filter",
  IMAGE_SAFETY: "content_filter",
  IMAGE_PROHIBITED_CONTENT: "content_filter",
  IMAGE_RECITATION: "content_filter",
};

/** A call that waits for its result ends with `STOP`, as any other answer. */
export function toFinishReason(word: string, calledTools: boolean): FinishReason {
  const meaning = (meanings as Readonly<Record<string, FinishReason | undefined>>)[word] ?? "other";
  return meaning === "stop" && calledTools ? "tool_calls" : meaning;
}
