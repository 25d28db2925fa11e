import type { ChatRequest, ReasoningConfig } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Dialect } from "./dialect.ts";
import { alwaysThinks, nearestEffort, type OpenAIModel, openaiModel, takesSampling } from "./openai-models.ts";

type Effort = NonNullable<ReasoningConfig["effort"]>;
const asked: readonly Effort[] = ["disabled", "minimal", "low", "medium", "high", "max"];

/** The dialect of OpenAI's chat completions as the model that is asked speaks it. */
export function asOpenAIModelSpeaks(dialect: Dialect, { model, generation, options }: ChatRequest): Dialect {
  const known = openaiModel(model);
  const samples = takesSampling(known, generation.reasoning, options);
  return {
    ...dialect,
    parameters: parametersOf(dialect, known, samples),
    maxStopSequences: known.reasons && known.samples !== "always" ? 0 : dialect.maxStopSequences,
    reasoning: { ...dialect.reasoning, efforts: effortsOf(known), alwaysThinks: alwaysThinks(known) },
  };
}

/** Models that reason have no penalties, and no sampling but while they do not think. */
function parametersOf({ parameters }: Dialect, { samples }: OpenAIModel, sampling: boolean): Dialect["parameters"] {
  if (samples === "always") return parameters;
  const { temperature, topP, presencePenalty: _, frequencyPenalty: __, ...others } = parameters;
  return sampling ? { temperature, topP, ...others } : others;
}

function effortsOf(model: OpenAIModel): Dialect["reasoning"]["efforts"] {
  if (!model.reasons) return { disabled: {} };
  const entries = asked.map((effort): [Effort, JsonObject | undefined] => {
    const word = nearestEffort(effort, model);
    return [effort, word && { reasoning_effort: word }];
  });
  return Object.fromEntries(entries.filter(([, fields]) => fields !== undefined));
}
