import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Dialect } from "../openai-compatible/dialect.ts";
import { dialects } from "../openai-compatible/dialects.ts";

/** How a family of models is told to think: console.groq.com/docs/reasoning. */
interface ReasoningFamily {
  readonly names: RegExp;
  readonly efforts: Dialect["reasoning"]["efforts"];
  /** Whether `reasoning_format` says where thoughts go; without it, they are in the text. */
  readonly hasFormat: boolean;
  readonly hidden?: JsonObject;
}

const effort = (word: string): JsonObject => ({ reasoning_effort: word });
/** It thinks, or it does not. */
const thinks = effort("default");

const families: readonly ReasoningFamily[] = [
  {
    names: /gpt-oss/,
    efforts: {
      minimal: effort("low"),
      low: effort("low"),
      medium: effort("medium"),
      high: effort("high"),
      max: effort("high"),
    },
    hasFormat: false,
    hidden: { include_reasoning: false },
  },
  {
    names: /qwen-?3/,
    efforts: { disabled: effort("none"), minimal: thinks, low: thinks, medium: thinks, high: thinks, max: thinks },
    hasFormat: true,
    hidden: { reasoning_format: "hidden" },
  },
  {
    names: /deepseek-r1|qwq/,
    efforts: {},
    hasFormat: true,
    hidden: { reasoning_format: "hidden" },
  },
];

function familyOf(model: string): ReasoningFamily | undefined {
  return families.find(({ names }) => names.test(model));
}

/** Groq's dialect as the model speaks it. Of a model that is not known, thoughts are hidden by our own reader. */
export function dialectOf(model: string): Dialect {
  const { groq } = dialects;
  const { efforts = groq.reasoning.efforts, hidden } = familyOf(model) ?? {};
  return { ...groq, reasoning: { ...groq.reasoning, efforts, hidden } };
}

/** Asks for thoughts in a field of their own, unless none are wanted; the models that have the option mix them in otherwise. */
export function reasoningFormat({ model, generation }: ChatRequest): JsonObject {
  if (!familyOf(model)?.hasFormat || generation.reasoning?.hidden) return {};
  return { reasoning_format: "parsed" };
}
