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
  /** Whether the answer has to come in one piece. */
  readonly whole: boolean;
}

/**
 * What Groq's models have of their own: thoughts beside the text, and the tools of Compound. The target's options win.
 * Throws `failed_precondition` for tools that the model cannot have.
 */
export function toGroqCall(request: ChatRequest): GroqCall {
  const dialect = dialectOf(request.model);
  const whole = isWhole(request, dialect);
  if (isCompound(request.model)) return { ...compoundRequest(request), dialect, whole };
  const options = { ...reasoningFormat(request), ...request.options };
  return { request: { ...request, options }, dialect, warnings: [], whole };
}

/** console.groq.com/docs/structured-outputs: what answers in a form of the caller's is not streamed. */
function isWhole({ outputFormat, tools }: ChatRequest, { output }: Dialect): boolean {
  if (!outputFormat || tools.length > 0) return false;
  return outputFormat.type === "json-object" || output.jsonSchema;
}
