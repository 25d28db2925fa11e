import type { UpstreamHead } from "../../core/upstream.ts";
import type { Usage } from "../../core/usage.ts";

/** What was billed, which is in a header; the length of the text when it is not there. */
export function readSpeechUsage({ headers }: UpstreamHead, spoken: string): Usage {
  const billed = Number(headers["character-cost"] ?? Number.NaN);
  return Number.isNaN(billed) ? estimatedSpeechUsage([...spoken].length) : { inputCharacters: billed };
}

export function estimatedSpeechUsage(inputCharacters: number): Usage {
  return { inputCharacters, estimated: true };
}
