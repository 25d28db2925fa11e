import type { RealtimeResponseUsage } from "openai/resources/realtime/realtime";
import type { JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, object, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";

/** The usage of a response in our terms; its details are inside its totals. */
export function readRealtimeUsage(value: unknown): Usage {
  const usage: JsonObject & Unchecked<RealtimeResponseUsage> = object(value);
  const input = object(usage.input_token_details);
  return present({
    inputTokens: count(usage.input_tokens),
    outputTokens: count(usage.output_tokens),
    cachedInputTokens: count(input.cached_tokens),
    inputAudioTokens: count(input.audio_tokens),
    outputAudioTokens: count(object(usage.output_token_details).audio_tokens),
    providerUsage: Object.keys(usage).length > 0 ? usage : undefined,
  });
}
