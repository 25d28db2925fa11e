import type { GenerateContentResponseUsageMetadata } from "@google/genai";
import { isJsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, object, objects, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";

/**
 * Gemini's usage in our terms. Thoughts stand beside the candidates' tokens, and what its own tools gave the model beside the
 * prompt's: both are added. Cached tokens are inside the prompt's.
 */
export function readUsage(value: unknown): Usage {
  if (!isJsonObject(value)) return {};
  const usage = value as Unchecked<GenerateContentResponseUsageMetadata>;
  return present({
    inputTokens: sum(usage.promptTokenCount, usage.toolUsePromptTokenCount),
    outputTokens: sum(usage.candidatesTokenCount, usage.thoughtsTokenCount),
    cachedInputTokens: count(usage.cachedContentTokenCount),
    reasoningTokens: count(usage.thoughtsTokenCount),
    inputAudioTokens: sum(audioOf(usage.promptTokensDetails), audioOf(usage.toolUsePromptTokensDetails)),
    outputAudioTokens: audioOf(usage.candidatesTokensDetails),
    providerUsage: value,
  });
}

/** Undefined only when neither was reported. */
function sum(a: unknown, b: unknown): number | undefined {
  const counts = [count(a), count(b)].filter((part) => part !== undefined);
  return counts.length === 0 ? undefined : counts.reduce((total, part) => total + part, 0);
}

function audioOf(details: unknown): number | undefined {
  return count(objects(details).find(({ modality }) => modality === "AUDIO")?.tokenCount);
}

/** The Live API has other names for what a model wrote. */
export function readLiveUsage(value: unknown): Usage {
  const { responseTokenCount, responseTokensDetails, ...usage } = object(value);
  return {
    ...readUsage({
      ...usage,
      ...(responseTokenCount !== undefined && { candidatesTokenCount: responseTokenCount }),
      ...(responseTokensDetails !== undefined && { candidatesTokensDetails: responseTokensDetails }),
    }),
    providerUsage: object(value),
  };
}
