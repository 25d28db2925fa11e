import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Dialect } from "../openai-compatible/dialect.ts";
import { dialects } from "../openai-compatible/dialects.ts";

/** What a family of models takes: console.groq.com/docs/reasoning, and docs/structured-outputs. */
interface ModelFamily {
  readonly names: RegExp;
  readonly efforts: Dialect["reasoning"]["efforts"];
  /** Whether `reasoning_format` says where thoughts go; without it, they are in the text. */
  readonly hasFormat: boolean;
  readonly hidden?: JsonObject;
  /** Whether it answers by a schema: "This model does not support response format `json_schema`". */
  readonly jsonSchema: boolean;
}

const effort = (word: string): JsonObject => ({ reasoning_effort: word });
/** It thinks, or it does not. */
const thinks = effort("default");

const families: readonly ModelFamily[] = [
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
    jsonSchema: true,
  },
  {
    names: /qwen-?3/,
    efforts: { disabled: effort("none"), minimal: thinks, low: thinks, medium: thinks, high: thinks, max: thinks },
    hasFormat: true,
    hidden: { reasoning_format: "hidden" },
    jsonSchema: false,
  },
  {
    names: /deepseek-r1|qwq/,
    efforts: {},
    hasFormat: true,
    hidden: { reasoning_format: "hidden" },
    jsonSchema: false,
  },
  // They do not think, and refuse to be told.
  { names: /llama-4|kimi-k2/, efforts: { disabled: {} }, hasFormat: false, jsonSchema: true },
  { names: /llama|gemma|allam|mistral|mixtral/, efforts: { disabled: {} }, hasFormat: false, jsonSchema: false },
  // Systems that think as they like; they take no tools either, one of which could stand for the schema.
  { names: /^(groq\/)?compound/, efforts: {}, hasFormat: false, jsonSchema: true },
];

function familyOf(model: string): ModelFamily | undefined {
  return families.find(({ names }) => names.test(model));
}

/** Groq's dialect as the model speaks it. Of a model that is not known, thoughts are hidden by our own reader. */
export function dialectOf(model: string): Dialect {
  const { groq } = dialects;
  const { efforts = groq.reasoning.efforts, hidden, jsonSchema = false } = familyOf(model) ?? {};
  return { ...groq, reasoning: { ...groq.reasoning, efforts, hidden }, output: { ...groq.output, jsonSchema } };
}

/** Asks for thoughts in a field of their own, unless none are wanted; the models that have the option mix them in otherwise. */
export function reasoningFormat({ model, generation }: ChatRequest): JsonObject {
  if (!familyOf(model)?.hasFormat || generation.reasoning?.hidden) return {};
  return { reasoning_format: "parsed" };
}
