import type { Word } from "../../core/audio-format.ts";
import type { JsonObject } from "../../core/json.ts";
import { text } from "../openai-compatible/json-fields.ts";
import { milliseconds } from "../openai-compatible/transcription-usage.ts";
import { present } from "../openai-compatible/usage.ts";

/** The words among Scribe's tokens, which are words, what is between them, and sounds such as `(laughter)`. */
export function readSpokenWords(tokens: readonly JsonObject[]): readonly Word[] {
  return tokens.filter(({ type }) => type === undefined || type === "word").map(toWord);
}

function toWord({ text: said, start, end, speaker_id: speaker, logprob }: JsonObject): Word {
  const startMs = milliseconds(start) ?? 0;
  return present({
    text: text(said).trim(),
    startMs,
    endMs: milliseconds(end) ?? startMs,
    confidence: typeof logprob === "number" ? Math.min(1, Math.exp(logprob)) : undefined,
    speaker: text(speaker) || undefined,
  });
}

/** Scribe names languages in three letters: `deu` → `de`. Undefined for what is no code. */
export function toLanguageCode(code: string): string | undefined {
  try {
    return code === "" ? undefined : Intl.getCanonicalLocales(code)[0];
  } catch {
    return undefined;
  }
}
