import { isJsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, object } from "./json-fields.ts";
import { present } from "./usage.ts";

/** The usage of a transcription: tokens with some models, the length of the audio with others. */
export function readTranscriptionUsage(value: unknown): Usage {
  if (!isJsonObject(value)) return {};
  return present({
    inputTokens: count(value.input_tokens),
    outputTokens: count(value.output_tokens),
    inputAudioTokens: count(object(value.input_token_details).audio_tokens),
    inputAudioMs: milliseconds(value.seconds),
    providerUsage: value,
  });
}

/** Seconds, as these servers give times, in our milliseconds. */
export function milliseconds(seconds: unknown): number | undefined {
  const value = count(seconds);
  return value === undefined ? undefined : Math.round(value * 1000);
}
