import type { ProviderState } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { AnswerContext } from "./answer-context.ts";
import { writeState } from "./provider-state.ts";

/**
 * Adds a piece of OpenRouter's `reasoning_details`. Pieces of one block share their index and type; their texts are joined,
 * because the sequence has to come back as it was: openrouter.ai/docs, "Reasoning tokens, preserving reasoning blocks".
 */
export function addReasoningDetail(details: JsonObject[], piece: JsonObject): void {
  const last = details.at(-1);
  const goesOn = last?.type === piece.type && last?.index === piece.index && piece.index !== undefined;
  if (last && goesOn) details[details.length - 1] = joinDetail(last, piece);
  else details.push(piece);
}

const joined = ["text", "summary", "data"];

function joinDetail(before: JsonObject, piece: JsonObject): JsonObject {
  const longer = joined
    .filter((name) => typeof before[name] === "string" && typeof piece[name] === "string")
    .map((name) => [name, `${before[name]}${piece[name]}`]);
  const said = Object.entries(piece).filter(([, value]) => value !== null);
  return { ...before, ...Object.fromEntries(said), ...Object.fromEntries(longer) };
}

/** What has to come back with a reasoning part, and whether it had no text. Empties the details. */
export function reasoningState(
  answer: { readonly context: AnswerContext; details: JsonObject[] },
  wrote: boolean,
): { providerState?: ProviderState; redacted?: boolean } {
  const { details, context } = answer;
  if (details.length === 0) return {};
  answer.details = [];
  return { providerState: writeState(context.kind, details), ...(!wrote && { redacted: true }) };
}
