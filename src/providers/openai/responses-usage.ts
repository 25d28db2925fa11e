import type { ResponseUsage } from "openai/resources/responses/responses";
import { isJsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, object, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";

/** The usage of the Responses API in our terms; its details are inside its totals. */
export function readResponsesUsage(value: unknown): Usage {
  if (!isJsonObject(value)) return {};
  const usage = value as Unchecked<ResponseUsage>;
  const input = object(usage.input_tokens_details);
  return present({
    inputTokens: count(usage.input_tokens),
    outputTokens: count(usage.output_tokens),
    cachedInputTokens: count(input.cached_tokens),
    cacheWriteTokens: count(input.cache_write_tokens),
    reasoningTokens: count(object(usage.output_tokens_details).reasoning_tokens),
    providerUsage: value,
  });
}
