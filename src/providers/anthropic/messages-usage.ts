import type { Usage as WireUsage } from "@anthropic-ai/sdk/resources/messages";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { addUsage, type Usage } from "../../core/usage.ts";
import { count, object, objects, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";

/** Usage with later counts in place of earlier ones; what a later report leaves out stays. */
export function mergeUsage(before: JsonObject, later: unknown): JsonObject {
  if (!isJsonObject(later)) return before;
  return { ...before, ...Object.fromEntries(Object.entries(later).filter(([, value]) => value !== null)) };
}

/**
 * A message's usage in our terms. `input_tokens` are those beside the cache: "Prompt caching, tracking performance". What the
 * vendor did beside the message, and bills, is in `iterations` alone: compaction, and the advice of another model.
 */
export function readMessagesUsage(usage: JsonObject): Usage {
  if (Object.keys(usage).length === 0) return {};
  const beside = objects(usage.iterations).filter(({ type }) => type === "compaction" || type === "advisor_message");
  const total = [usage, ...beside].map(toCounts).reduce(addUsage);
  return { ...total, providerUsage: usage };
}

function toCounts(value: JsonObject): Usage {
  const usage = value as Unchecked<WireUsage>;
  const cached = count(usage.cache_read_input_tokens);
  const written = count(usage.cache_creation_input_tokens);
  const rest = count(usage.input_tokens);
  return present({
    inputTokens: rest === undefined ? undefined : rest + (cached ?? 0) + (written ?? 0),
    outputTokens: count(usage.output_tokens),
    cachedInputTokens: cached,
    cacheWriteTokens: written,
    reasoningTokens: count(object(usage.output_tokens_details).thinking_tokens),
  });
}
