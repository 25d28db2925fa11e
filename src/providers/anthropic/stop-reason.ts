import type { StopReason } from "@anthropic-ai/sdk/resources/messages";
import type { FinishReason } from "../../core/chat.ts";

const meanings: Readonly<Record<StopReason, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  tool_use: "tool_calls",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  refusal: "refusal",
  pause_turn: "other",
};

/** What a `stop_reason` means. A call that only stands for a JSON answer is no call. */
export function toFinishReason(word: string, calledTools: boolean): FinishReason {
  if (word === "tool_use" && !calledTools) return "stop";
  return new Map<string, FinishReason>(Object.entries(meanings)).get(word) ?? "other";
}
