import type { JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, object } from "./json-fields.ts";

/**
 * Chat completions' usage in our terms. Cached, cache-write and audio tokens are inside `prompt_tokens` with every vendor;
 * reasoning is inside `completion_tokens` but for the vendors whose dialect, or total, says otherwise.
 */
export function readChatUsage(usage: JsonObject | undefined, reasoningOutsideCompletion = false): Usage {
  if (!usage) return {};
  const input = object(usage.prompt_tokens_details);
  const output = object(usage.completion_tokens_details);
  const reasoning = count(output.reasoning_tokens) ?? count(usage.reasoning_tokens);
  const written = count(usage.completion_tokens);
  return present({
    inputTokens: count(usage.prompt_tokens),
    outputTokens: isBeside(usage, reasoning ?? 0, reasoningOutsideCompletion) ? add(written, reasoning) : written,
    // The second is DeepSeek's name, the third Together's.
    cachedInputTokens: count(input.cached_tokens) ?? count(usage.prompt_cache_hit_tokens) ?? count(usage.cached_tokens),
    cacheWriteTokens: count(input.cache_write_tokens),
    reasoningTokens: reasoning,
    inputAudioTokens: count(input.audio_tokens),
    outputAudioTokens: count(output.audio_tokens),
    providerUsage: usage,
  });
}

/** The total tells, where there is one: xAI's models were served by others, too, who count as OpenAI does. */
function isBeside(usage: JsonObject, reasoning: number, otherwise: boolean): boolean {
  const [total, read, written] = [usage.total_tokens, usage.prompt_tokens, usage.completion_tokens].map(count);
  if (!total || read === undefined || written === undefined || reasoning === 0) return otherwise;
  if (total === read + written) return false;
  return total === read + written + reasoning || otherwise;
}

function add(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? undefined : a + (b ?? 0);
}

/** Leaves out what is undefined. */
export function present<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
