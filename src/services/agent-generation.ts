import {
  ReasoningConfig_Effort as Effort,
  type GenerationConfig as ProtoGenerationConfig,
} from "../../gen/livellm/v1/agent_pb.ts";
import { Modality as ProtoModality } from "../../gen/livellm/v1/common_pb.ts";
import type { GenerationConfig, Modality, ReasoningConfig } from "../core/chat.ts";

/** How a model is to pick its words. */
export function generationFromProto(generation: ProtoGenerationConfig | undefined): GenerationConfig {
  if (!generation) return { stopSequences: [], outputModalities: [] };
  const { reasoning, outputModalities, $typeName, $unknown, ...options } = generation;
  return {
    ...options,
    ...(reasoning && {
      reasoning: {
        effort: efforts.get(reasoning.effort),
        budgetTokens: reasoning.budgetTokens,
        hidden: reasoning.hidden,
      },
    }),
    outputModalities: outputModalities.flatMap((modality) => modalities.get(modality) ?? []),
  };
}

const efforts = new Map<Effort, NonNullable<ReasoningConfig["effort"]>>([
  [Effort.DISABLED, "disabled"],
  [Effort.MINIMAL, "minimal"],
  [Effort.LOW, "low"],
  [Effort.MEDIUM, "medium"],
  [Effort.HIGH, "high"],
  [Effort.MAX, "max"],
]);

const modalities = new Map<ProtoModality, Modality>([
  [ProtoModality.TEXT, "text"],
  [ProtoModality.IMAGE, "image"],
  [ProtoModality.AUDIO, "audio"],
  [ProtoModality.VIDEO, "video"],
  [ProtoModality.DOCUMENT, "document"],
]);
