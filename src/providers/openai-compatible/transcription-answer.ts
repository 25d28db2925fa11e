import type {
  TranscriptionDiarizedSegment,
  TranscriptionSegment,
  TranscriptionWord,
} from "openai/resources/audio/transcriptions";
import type { Word } from "../../core/audio-format.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { TranscribedSegment, TranscriptionResult } from "../../core/transcription.ts";
import { unreadableAnswer } from "./broken-stream.ts";
import { objects, text, type Unchecked } from "./json-fields.ts";
import { milliseconds, readTranscriptionUsage } from "./transcription-usage.ts";
import { present } from "./usage.ts";

type Reading = Pick<TranscriptionResult, "text" | "languageCode" | "durationMs" | "segments" | "usage">;

/** Reads `json`, `verbose_json` and `diarized_json`. Throws `bad_provider_response` when there is no text in it. */
export function readTranscription(value: unknown): Reading {
  if (!isJsonObject(value) || typeof value.text !== "string") {
    throw unreadableAnswer("a transcription without a text");
  }
  const usage = readTranscriptionUsage(value.usage);
  return present({
    text: value.text.trim(),
    languageCode: languageOf(value),
    durationMs: milliseconds(value.duration) ?? usage.inputAudioMs,
    segments: readSegments(value),
    usage,
  });
}

function readSegments(answer: JsonObject): readonly TranscribedSegment[] {
  const words = objects(answer.words).map(readWord);
  const segments = objects(answer.segments).map((segment) => readSegment(segment, words));
  if (segments.length > 0 || words.length === 0) return segments;
  return [{ text: text(answer.text).trim(), startMs: words[0]?.startMs, endMs: words.at(-1)?.endMs, words }];
}

function readWord(word: Unchecked<TranscriptionWord>): Word {
  return { text: text(word.word).trim(), startMs: milliseconds(word.start) ?? 0, endMs: milliseconds(word.end) ?? 0 };
}

type AnySegment = Unchecked<TranscriptionSegment> & Unchecked<TranscriptionDiarizedSegment>;

/** Words come for the whole recording; a segment gets those that begin within it. */
function readSegment(segment: AnySegment, allWords: readonly Word[]): TranscribedSegment {
  const startMs = milliseconds(segment.start);
  const endMs = milliseconds(segment.end);
  const words = allWords.filter((word) => word.startMs >= (startMs ?? 0) && word.startMs < (endMs ?? 0));
  const logarithm = segment.avg_logprob;
  return present({
    text: text(segment.text).trim(),
    startMs,
    endMs,
    confidence: typeof logarithm === "number" ? Math.min(1, Math.exp(logarithm)) : undefined,
    speaker: text(segment.speaker) || undefined,
    words: words.length > 0 ? words : undefined,
  });
}

/** `languages` of gpt-transcribe, or `language`, which Whisper gives as an English word. */
function languageOf(answer: JsonObject): string | undefined {
  const code = objects(answer.languages).map((language) => text(language.code))[0];
  return code || toLanguageCode(text(answer.language));
}

/** `english` → `en`; a code stays one; undefined for what is neither. */
function toLanguageCode(language: string): string | undefined {
  if (/^[a-z]{2,3}(-|$)/i.test(language)) return language;
  if (language === "") return undefined;
  const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" });
  const wanted = language.toLowerCase();
  return twoLetterCodes().find((code) => names.of(code)?.toLowerCase() === wanted);
}

function twoLetterCodes(): readonly string[] {
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  return letters.flatMap((first) => letters.map((second) => first + second));
}
