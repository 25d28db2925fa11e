import type { ChatRequest, ReasoningConfig } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Dialect } from "./dialect.ts";
import { alwaysThinks, nearestEffort, type OpenAIModel, openaiModel, takesSampling } from "./openai-models.ts";

type Effort = NonNullable<ReasoningConfig["effort"]>;
const asked: readonly Effort[] = ["disabled", "minimal", "low", "medium", "high", "max"];

/** The dialect of OpenAI's chat completions as the model that is asked speaks it. */
export function asOpenAIModelSpeaks(dialect: Dialect, request: ChatRequest): Dialect {
  const { generation, options } = request;
  const known = openaiModel(request.model);
  const rests = hasToRest(known, request);
  const reasoning = rests ? noThinking : generation.reasoning;
  return {
    ...dialect,
    parameters: parametersOf(dialect, known, takesSampling(known, reasoning, options)),
    maxStopSequences: known.reasons && known.samples !== "always" ? 0 : dialect.maxStopSequences,
    reasoning: {
      ...dialect.reasoning,
      efforts: effortsOf(known),
      alwaysThinks: alwaysThinks(known),
      ...(rests && { resting }),
    },
  };
}

const noThinking: ReasoningConfig = { effort: "disabled", hidden: false };

/** "Function tools with reasoning_effort are not supported … in /v1/chat/completions. To use function tools, use /v1/responses." */
const resting = {
  fields: { reasoning_effort: "none" },
  why: "no thinking, because over chat completions the model takes no functions beside it; the Responses API does",
};

/** A model that rests anyway need not be told; one that cannot the vendor refuses, and says so. The target's options win. */
function hasToRest(model: OpenAIModel, { tools, generation, options }: ChatRequest): boolean {
  if (!model.restsWithFunctions || alwaysThinks(model) || "reasoning_effort" in options) return false;
  const thinks = generation.reasoning?.effort ? generation.reasoning.effort !== "disabled" : !model.restsByDefault;
  return thinks && tools.some(({ type }) => type === "function");
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
