import type { ReasoningConfig } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import { object, text } from "./json-fields.ts";

/** OpenAI's words for how much a model thinks, the least first. */
const scale = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type WireEffort = (typeof scale)[number];
type Effort = NonNullable<ReasoningConfig["effort"]>;

/** What one of OpenAI's models takes: anything else it answers with 400. */
export interface OpenAIModel {
  /** Whether it takes `reasoning` at all. */
  readonly reasons: boolean;
  /** The efforts it takes, the least first. */
  readonly efforts: readonly WireEffort[];
  /** Whether it does not think unless it is told to. */
  readonly restsByDefault?: boolean;
  /** When it takes temperature and top_p. */
  readonly samples: "always" | "without-thinking" | "never";
  /** Whether it has to stop thinking to be given functions, over chat completions. */
  readonly restsWithFunctions?: boolean;
}

const upTo = (most: WireEffort, least: WireEffort = "low"): readonly WireEffort[] => {
  const span = scale.slice(scale.indexOf(least), scale.indexOf(most) + 1);
  return span.filter((word) => word !== "minimal" || least === "minimal");
};

const plain: OpenAIModel = { reasons: false, efforts: [], samples: "always" };
const thinker = { reasons: true, samples: "never" } as const;
const newest = { ...thinker, restsWithFunctions: true } as const;

/**
 * The first that fits counts. Sources: developers.openai.com, "Using the latest model, parameter compatibility" of GPT-5.1 to
 * GPT-6.1, and what the API says itself: "Unsupported value: 'none' is not supported with the 'gpt-6.1-sol' model. Supported
 * values are: …".
 */
const families: readonly (readonly [names: RegExp, model: OpenAIModel])[] = [
  [/^(gpt-3\.5|gpt-4|gpt-audio|chatgpt-4o|gpt-5-chat)/, plain],
  [/^gpt-5\.\d+-chat/, { ...plain, samples: "never" }],
  [/^gpt-oss/, { ...thinker, efforts: upTo("high"), samples: "always" }],
  [/^gpt-6-(sol|luna)/, { ...newest, efforts: upTo("max", "none") }],
  [/^gpt-6/, { ...newest, efforts: upTo("max") }],
  [/^gpt-5\.6/, { ...newest, efforts: upTo("max", "none"), samples: "without-thinking" }],
  [/^gpt-5\.\d+-pro/, { ...thinker, efforts: upTo("xhigh", "medium") }],
  [/^gpt-5\.(\d+-codex-max|[2-9]-codex)/, { ...thinker, efforts: upTo("xhigh") }],
  [/^gpt-5\.1-codex/, { ...thinker, efforts: upTo("high") }],
  [/^gpt-5\.5/, { ...newest, efforts: upTo("xhigh", "none") }],
  [/^gpt-5\.4/, { ...newest, efforts: upTo("xhigh", "none"), restsByDefault: true, samples: "without-thinking" }],
  [/^gpt-5\.[23]/, { ...thinker, efforts: upTo("xhigh", "none"), restsByDefault: true, samples: "without-thinking" }],
  [/^gpt-5\.1/, { ...thinker, efforts: upTo("high", "none"), restsByDefault: true, samples: "without-thinking" }],
  [/^gpt-5-pro/, { ...thinker, efforts: ["high"] }],
  [/^(gpt-5-codex|codex-|o\d|computer-use)/, { ...thinker, efforts: upTo("high") }],
  [/^gpt-5(-|$)/, { ...thinker, efforts: upTo("high", "minimal") }],
  [/^gpt-/, { ...thinker, efforts: upTo("xhigh", "none") }],
];

/** A model that is none of OpenAI's by its name, as an Azure deployment's is: nothing is kept from it. */
const unknown: OpenAIModel = { reasons: true, efforts: upTo("xhigh", "none"), samples: "always" };

/** What is known of a model, by its name. A fine-tuned one is as the one that it began as. */
export function openaiModel(name: string): OpenAIModel {
  const base = name.replace(/^ft:/, "");
  return families.find(([names]) => names.test(base))?.[1] ?? unknown;
}

/** The effort nearest to what was asked for; undefined for a model that takes none. */
export function nearestEffort(effort: Effort, { efforts }: OpenAIModel): WireEffort | undefined {
  if (effort === "max") return efforts.at(-1);
  const wanted = scale.indexOf(effort === "disabled" ? "none" : effort);
  return efforts.find((word) => scale.indexOf(word) >= wanted) ?? efforts.at(-1);
}

/** Whether it thinks, whatever is asked: `none` is not among its efforts. */
export function alwaysThinks({ reasons, efforts }: OpenAIModel): boolean {
  return reasons && !efforts.includes("none");
}

/** Whether temperature and top_p may go along. The options of the target may name the effort in the words of either API. */
export function takesSampling(
  model: OpenAIModel,
  reasoning: ReasoningConfig | undefined,
  options: JsonObject,
): boolean {
  if (model.samples !== "without-thinking") return model.samples === "always";
  const named = text(object(options.reasoning).effort) || text(options.reasoning_effort);
  const asked = named || (reasoning?.effort && nearestEffort(reasoning.effort, model));
  return asked ? asked === "none" : model.restsByDefault === true;
}
