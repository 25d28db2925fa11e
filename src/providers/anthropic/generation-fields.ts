import type { GenerationConfig } from "../../core/chat.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Notes } from "../openai-compatible/notes.ts";
import { unsupported } from "../openai-compatible/unsupported.ts";

/** What no Claude model knows. */
const missing = ["seed", "presencePenalty", "frequencyPenalty"] as const;

/** The options of generation but `max_tokens` and thinking. `sampling`: whether temperature and its like are taken. */
export function toGenerationFields(generation: GenerationConfig, sampling: boolean, notes: Notes): JsonObject {
  for (const name of missing) if (generation[name] !== undefined) notes.ignored(`config.generation.${name}`);
  return {
    ...(sampling ? toSampling(generation, notes) : ignoreSampling(generation, notes)),
    ...(generation.stopSequences.length > 0 && { stop_sequences: generation.stopSequences }),
  };
}

/** The scale ends at 1, and models since 4.5 take temperature or top_p, not both: "Migration guide". */
function toSampling({ temperature, topP, topK }: GenerationConfig, notes: Notes): JsonObject {
  if (temperature !== undefined && temperature > 1) notes.clamped("config.generation.temperature", "1 is the most");
  if (temperature !== undefined && topP !== undefined) notes.ignored("config.generation.topP");
  return {
    ...(temperature !== undefined && { temperature: Math.min(temperature, 1) }),
    ...(temperature === undefined && topP !== undefined && { top_p: topP }),
    ...(topK !== undefined && { top_k: topK }),
  };
}

function ignoreSampling(generation: GenerationConfig, notes: Notes): JsonObject {
  const asked = (["temperature", "topP", "topK"] as const).filter((name) => generation[name] !== undefined);
  for (const name of asked) notes.ignored(`config.generation.${name}`);
  return {};
}

/** Claude answers in words. */
export function checkModalities({ outputModalities }: GenerationConfig): void {
  const other = outputModalities.findIndex((modality) => modality !== "text");
  if (other >= 0) throw unsupported(`config.generation.outputModalities[${other}]`, "Anthropic answers with text");
}
