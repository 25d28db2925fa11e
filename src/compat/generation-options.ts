import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import { ReasoningConfig_Effort as Effort, type GenerationConfigSchema } from "../../gen/livellm/v1/agent_pb.ts";
import { isJsonObject } from "./json.ts";

/** A free `gen_config`, as far as the contract has a field for it. */
export interface GenerationOptions {
  readonly generation: MessageInitShape<typeof GenerationConfigSchema>;
  readonly parallelToolCalls?: boolean;
  /** Of `extra_body`: for the provider as it is. */
  readonly options: JsonObject;
}

const numbers: Readonly<Record<string, string>> = {
  temperature: "temperature",
  top_p: "topP",
  top_k: "topK",
  max_tokens: "maxOutputTokens",
  max_completion_tokens: "maxOutputTokens",
  max_output_tokens: "maxOutputTokens",
  seed: "seed",
  presence_penalty: "presencePenalty",
  frequency_penalty: "frequencyPenalty",
};

const efforts: Readonly<Record<string, Effort>> = {
  none: Effort.DISABLED,
  minimal: Effort.MINIMAL,
  low: Effort.LOW,
  medium: Effort.MEDIUM,
  high: Effort.HIGH,
  xhigh: Effort.MAX,
};

/** Reads the settings that models share. Those that nobody knows are passed over, as the older systems did. */
export function readGenerationOptions(settings: JsonObject): GenerationOptions {
  const fields = Object.entries(numbers).flatMap(([name, field]) => {
    const value = settings[name];
    return typeof value === "number" ? [[field, value]] : [];
  });
  const stop = settings.stop_sequences ?? settings.stop;
  const effort = efforts[String(settings.reasoning_effort ?? settings.openai_reasoning_effort)];
  const parallel = settings.parallel_tool_calls;
  const extra = settings.extra_body;
  return {
    generation: {
      ...Object.fromEntries(fields),
      ...(stop !== undefined && stop !== null && { stopSequences: textsOf(stop) }),
      ...(effort !== undefined && { reasoning: { effort } }),
    },
    ...(typeof parallel === "boolean" && { parallelToolCalls: parallel }),
    options: isJsonObject(extra) ? extra : {},
  };
}

function textsOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).filter((one) => typeof one === "string");
}
