import type { ChatRequest } from "../../core/chat.ts";
import type { Dialect } from "./dialect.ts";

/** Models that refuse `reasoning_effort` whatever it says: "reasoning_effort is not enabled for this model". */
const cannotBeTold =
  /^((mistral-(large|tiny|saba|nemo)|open-|codestral|devstral|ministral|pixtral|voxtral|mathstral)|mistral-(small|medium)-(2[0-5]\d\d)$)/;
/** They think always, and as much as they like. */
const alwaysThinks = /^magistral/;

/** Mistral's dialect as the model that is asked speaks it. */
export function asMistralSpeaks(dialect: Dialect, { model }: ChatRequest): Dialect {
  if (alwaysThinks.test(model)) return { ...dialect, reasoning: { ...dialect.reasoning, efforts: {} } };
  if (!cannotBeTold.test(model)) return dialect;
  return { ...dialect, reasoning: { ...dialect.reasoning, efforts: { disabled: {} } } };
}
