import type { ChatRequest } from "../../core/chat.ts";
import type { Dialect } from "./dialect.ts";

/** "Thinking mode does not support this tool_choice": neither `required` nor a function by its name. */
const resting = {
  fields: { thinking: { type: "disabled" } },
  why: "no thinking, because a tool has to be called",
};

/** DeepSeek's dialect for a call: its models think unless they are told not to, and are made to call a tool only then. */
export function asDeepSeekSpeaks(dialect: Dialect, request: ChatRequest): Dialect {
  const { toolChoice, outputFormat, generation, options } = request;
  const forced = toolChoice?.mode === "required" || outputFormat?.type === "json-schema";
  if (!forced || generation.reasoning?.effort === "disabled" || "thinking" in options) return dialect;
  return { ...dialect, reasoning: { ...dialect.reasoning, resting } };
}
