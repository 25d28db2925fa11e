import type { GenerationConfig as GeminiConfig } from "@google/genai";
import type { ChatRequest, GenerationConfig, Modality, OutputFormat, ReasoningConfig } from "../../core/chat.ts";
import { rawJson } from "../openai-compatible/json-text.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";
import { budgetsOf, canThink, draws, hasPenalties, isGemini3, isPro } from "./model-families.ts";

/** `generationConfig`; `undefined` when there is nothing to say. `formatted`: whether it asks for the output format too. */
export function toGenerationConfig(
  { model, generation, outputFormat }: Pick<ChatRequest, "model" | "generation" | "outputFormat">,
  formatted: boolean,
  notes: Notes,
): object | undefined {
  const config = {
    ...toParameters(model, generation, notes),
    ...toThinking(model, generation.reasoning, notes),
    ...toModalities(generation.outputModalities),
    ...(outputFormat && formatted && toFormat(outputFormat)),
  };
  return Object.keys(config).length > 0 ? config : undefined;
}

const parameters = [
  "temperature",
  "topP",
  "topK",
  "maxOutputTokens",
  "seed",
  "presencePenalty",
  "frequencyPenalty",
] as const satisfies readonly (keyof GenerationConfig & keyof GeminiConfig)[];

const penalties: readonly string[] = ["presencePenalty", "frequencyPenalty"];

/** The API's names are ours. */
function toParameters(model: string, generation: GenerationConfig, notes: Notes): object {
  const given = parameters.filter((name) => generation[name] !== undefined);
  const refused = given.filter((name) => penalties.includes(name) && !hasPenalties(model));
  for (const name of refused) notes.ignored(`config.generation.${name}`);
  const taken = given.filter((name) => !refused.includes(name)).map((name) => [name, generation[name]]);
  return { ...Object.fromEntries(taken), ...toStop(generation, notes) };
}

/** The API's limit. */
const maxStopSequences = 5;

function toStop({ stopSequences }: GenerationConfig, notes: Notes): { readonly stopSequences?: readonly string[] } {
  if (stopSequences.length === 0) return {};
  if (stopSequences.length > maxStopSequences) {
    notes.clamped("config.generation.stopSequences", `the first ${maxStopSequences} are used`);
  }
  return { stopSequences: stopSequences.slice(0, maxStopSequences) };
}

interface WireThinking {
  readonly thinkingLevel?: "MINIMAL" | "LOW" | "MEDIUM" | "HIGH";
  readonly thinkingBudget?: number;
  readonly includeThoughts?: boolean;
}

/** Thoughts are asked for unless they are to be hidden; a model that does not think refuses the whole field. */
function toThinking(
  model: string,
  reasoning: ReasoningConfig | undefined,
  notes: Notes,
): { readonly thinkingConfig?: WireThinking } {
  const { effort, budgetTokens, hidden = false } = reasoning ?? {};
  if (!canThink(model)) {
    if (effort && effort !== "disabled") notes.ignored("config.generation.reasoning.effort");
    if (budgetTokens !== undefined) notes.ignored("config.generation.reasoning.budgetTokens");
    return {};
  }
  const amount = toAmount(model, reasoning, notes);
  const config = { ...amount, ...(!hidden && amount.thinkingBudget !== 0 && { includeThoughts: true }) };
  return Object.keys(config).length > 0 ? { thinkingConfig: config } : {};
}

type Effort = NonNullable<ReasoningConfig["effort"]>;

/** The two may not come together: a budget in tokens is the closer wish. */
function toAmount(model: string, reasoning: ReasoningConfig | undefined, notes: Notes): WireThinking {
  const { effort, budgetTokens } = reasoning ?? {};
  if (budgetTokens !== undefined) return { thinkingBudget: toBudget(model, budgetTokens, notes) };
  if (!effort) return {};
  if (effort === "disabled" && (isGemini3(model) || isPro(model))) {
    notes.clamped("config.generation.reasoning.effort", "this model always thinks; it is asked for the least");
  }
  if (!isGemini3(model))
    return { thinkingBudget: isPro(model) && effort === "disabled" ? leastOfPro : budgets[effort] };
  if (draws(model)) return drawingLevel(model, effort, notes);
  return { thinkingLevel: isPro(model) && levels[effort] === "MINIMAL" ? "LOW" : levels[effort] };
}

/** "The thinking budget 0 is invalid. Please choose a value between 128 and 32768." */
function toBudget(model: string, wanted: number, notes: Notes): number {
  const { least, most } = budgetsOf(model);
  if (wanted === 0 && !isPro(model)) return 0;
  const budget = Math.min(Math.max(wanted, least), most);
  if (budget !== wanted) notes.clamped("config.generation.reasoning.budgetTokens", `${budget} tokens`);
  return budget;
}

/** Models that draw think little or much, and the larger ones cannot be told. */
function drawingLevel(model: string, effort: Effort, notes: Notes): WireThinking {
  if (!isPro(model)) return { thinkingLevel: ["disabled", "minimal", "low"].includes(effort) ? "MINIMAL" : "HIGH" };
  if (effort !== "disabled") notes.ignored("config.generation.reasoning.effort");
  return {};
}

const levels: Readonly<Record<Effort, NonNullable<WireThinking["thinkingLevel"]>>> = {
  disabled: "MINIMAL",
  minimal: "MINIMAL",
  low: "LOW",
  medium: "MEDIUM",
  high: "HIGH",
  max: "HIGH",
};

/** Google's own translation of efforts: ai.google.dev/gemini-api/docs/openai, "Thinking". */
const budgets: Readonly<Record<Effort, number>> = {
  disabled: 0,
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  max: 24_576,
};
const leastOfPro = 128;

const modalities: Readonly<Partial<Record<Modality, string>>> = {
  text: "TEXT",
  image: "IMAGE",
  audio: "AUDIO",
  video: "VIDEO",
};

function toModalities(wanted: readonly Modality[]): object {
  const missing = wanted.findIndex((modality) => modalities[modality] === undefined);
  const field = `config.generation.outputModalities[${missing}]`;
  if (missing >= 0) throw unsupported(field, "Gemini answers with text, image, audio, video");
  if (wanted.every((modality) => modality === "text")) return {};
  return { responseModalities: [...new Set(wanted.map((modality) => modalities[modality]))] };
}

function toFormat(format: OutputFormat): object {
  const responseMimeType = "application/json";
  if (format.type === "json-object") return { responseMimeType };
  const schema = rawJson(format.schemaJson, "config.outputFormat.jsonSchema.schemaJson");
  return { responseMimeType, responseJsonSchema: schema };
}
