import type { ChatRequest } from "../../core/chat.ts";
import type { Warning } from "../../core/route.ts";
import type { Dialect } from "../openai-compatible/dialect.ts";
import { compoundRequest, isCompound } from "./compound.ts";
import { dialectOf, reasoningFormat } from "./model-families.ts";

/** A request in the form that the rest of chat completions takes from here. */
export interface GroqCall {
  readonly request: ChatRequest;
  readonly dialect: Dialect;
  /** What was done differently from what was asked. */
  readonly warnings: readonly Warning[];
}

/**
 * What Groq's models have of their own: thoughts beside the text, and the tools of Compound. The target's options win.
 * Throws `failed_precondition` for tools that the model cannot have.
 */
export function toGroqCall(request: ChatRequest): GroqCall {
  const dialect = dialectOf(request.model);
  if (isCompound(request.model)) return { ...compoundRequest(request), dialect };
  const options = { ...reasoningFormat(request), ...request.options };
  return { request: { ...request, options }, dialect, warnings: [] };
}
