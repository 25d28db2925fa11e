import type { GenerateContentResponse } from "@google/genai";
import type { JsonObject } from "../../core/json.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { errorOf, promptBlocked, streamError } from "./error.ts";

/** Throws what an answer, or a chunk of one, reports in place of candidates: an error, or a prompt that was blocked. */
export function refuse(value: unknown, providerRequestId: string): void {
  const error = errorOf(value);
  if (error) throw streamError(error, providerRequestId || undefined);
  const feedback = object(object(value).promptFeedback);
  if (text(feedback.blockReason) !== "") throw promptBlocked(feedback);
}

/** One answer is what was asked for; empty when a chunk has none. */
export function firstCandidate({ candidates }: Unchecked<GenerateContentResponse>): JsonObject {
  return objects(candidates).find(({ index }) => (index ?? 0) === 0) ?? {};
}
