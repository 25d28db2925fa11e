import type { FinishReason } from "../../core/chat.ts";

/** What the vendors' words for `finish_reason` mean; any other is `other`. */
const meanings = new Map<string, FinishReason>([
  ["stop", "stop"],
  ["eos", "stop"],
  ["length", "length"],
  ["model_length", "length"],
  ["max_tokens", "length"],
  ["tool_calls", "tool_calls"],
  ["content_filter", "content_filter"],
]);

/** Words that say that the answer was cut off by trouble at the vendor: OpenRouter's and Mistral's, DeepSeek's, vLLM's. */
const troubles = new Set(["error", "insufficient_system_resource", "abort"]);

/** Whether the vendor gave up in the middle of its answer. */
export function isTrouble(word: string): boolean {
  return troubles.has(word);
}

/** What an answer held, beside what the vendor says of it. */
export interface AnswerFacts {
  readonly calledTools: boolean;
  readonly refused: boolean;
}

/** With a forced tool OpenAI says `stop`, and so do other servers with any tool: a call that waits counts more. */
export function toFinishReason(word: string, { calledTools, refused }: AnswerFacts): FinishReason {
  const meaning = meanings.get(word) ?? "other";
  if (meaning !== "stop" && meaning !== "tool_calls") return meaning;
  if (calledTools) return "tool_calls";
  return refused ? "refusal" : "stop";
}
