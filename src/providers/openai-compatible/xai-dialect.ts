import type { ChatRequest } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Dialect, ReasoningDialect } from "./dialect.ts";

const effort = (word: string): JsonObject => ({ reasoning_effort: word });
const levels = { minimal: effort("low"), low: effort("low"), medium: effort("medium"), high: effort("high") };
const twoLevels = { ...levels, medium: effort("high"), max: effort("high") };
const threeLevels = { ...levels, max: effort("high") };

type Thinking = Pick<ReasoningDialect, "efforts" | "alwaysThinks">;

/**
 * How Grok's models are told to think; the first that fits counts. Any other refuses to be told: "Model grok-4.20-0309-reasoning
 * does not support parameter reasoningEffort". docs.x.ai, "Reasoning, effort levels".
 */
const families: readonly (readonly [names: RegExp, thinking: Thinking])[] = [
  [/^grok-4\.3\b/, { efforts: { ...threeLevels, disabled: effort("none") } }],
  [/^grok-(4\.[5-9]\b|[5-9]|latest)/, alwaysThinking(threeLevels)],
  [/^grok-3-mini/, alwaysThinking(twoLevels)],
  [/non-reasoning|^grok-[23]/, { efforts: { disabled: {} } }],
  [/^grok-/, { efforts: {} }],
];

function alwaysThinking(efforts: ReasoningDialect["efforts"]): Thinking {
  return { alwaysThinks: true, efforts: { ...efforts, disabled: effort("low") } };
}

/** xAI's dialect as the model that is asked speaks it: those that reason have neither stop sequences nor penalties. */
export function asGrokSpeaks(dialect: Dialect, { model }: ChatRequest): Dialect {
  const thinking = families.find(([names]) => names.test(model))?.[1];
  if (!thinking) return dialect;
  const reasoning = { ...dialect.reasoning, ...thinking };
  if (/non-reasoning/.test(model)) return { ...dialect, reasoning };
  const { presencePenalty: _, frequencyPenalty: __, ...parameters } = dialect.parameters;
  return { ...dialect, reasoning, parameters, maxStopSequences: 0 };
}
