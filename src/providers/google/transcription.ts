import type { Transcription as GeminiTranscription, GenerateContentResponse, WordInfo } from "@google/genai";
import type { Word } from "../../core/audio-format.ts";
import { LivellmError } from "../../core/error.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Warning } from "../../core/route.ts";
import type { TranscribedSegment, Transcription, TranscriptionResult } from "../../core/transcription.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";
import { firstCandidate, refuse } from "./candidates.ts";
import { explainGoogleError, toMilliseconds } from "./error.ts";
import { toFinishReason } from "./finish-reason.ts";
import { unaryPost } from "./generate-content.ts";
import { toTranscriptionRequest } from "./transcription-request.ts";
import { readUsage } from "./usage.ts";

/** Transcription of recordings over `generateContent`. */
export function createTranscription(connection: ProviderConnection, upstream: Upstream): Transcription {
  return {
    async transcribe(request, signal) {
      const { body, warnings } = toTranscriptionRequest(request);
      const post = unaryPost(connection, { model: request.model, body });
      const { value } = await upstream.json({ ...post, explain: explainGoogleError }, signal);
      return readTranscription(value, warnings);
    },
  };
}

/** Reads an answer. Throws `content_blocked` for one that a filter cut off. */
export function readTranscription(value: unknown, warnings: readonly Warning[]): TranscriptionResult {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  refuse(value, "");
  const answer = value as Unchecked<GenerateContentResponse>;
  const candidate = firstCandidate(answer);
  const segments = objects(object(candidate.content).parts).flatMap(toSegment);
  return present({
    text: segments.map((segment) => segment.text).join(" "),
    languageCode: segments.find(({ languageCode }) => languageCode)?.languageCode,
    segments,
    usage: readUsage(answer.usageMetadata),
    model: text(answer.modelVersion) || undefined,
    requestId: text(answer.responseId) || undefined,
    warnings: [...warnings, ...checkEnd(text(candidate.finishReason))],
  });
}

/** A part of a transcriber's holds a transcription, and may repeat it as text; one of another model's is text. */
function toSegment(part: JsonObject): readonly TranscribedSegment[] {
  if (part.thought === true) return [];
  const said = object(part.audioTranscription) as Unchecked<GeminiTranscription>;
  const words = objects(said.words).map(toWord);
  const whole = text(said.text) || text(part.text) || words.map((word) => word.text).join(" ");
  if (whole.trim() === "") return [];
  return [{ ...toTimedSegment(said, words), text: whole.trim() }];
}

function toTimedSegment(
  { languageCode, speakerLabel, startOffset, endOffset }: Unchecked<GeminiTranscription>,
  words: readonly Word[],
): Omit<TranscribedSegment, "text"> {
  const speaker = text(speakerLabel) || undefined;
  return present({
    startMs: toMilliseconds(startOffset) ?? words[0]?.startMs,
    endMs: toMilliseconds(endOffset) ?? words.at(-1)?.endMs,
    words: words.length > 0 ? words.map((word) => ({ ...word, ...(speaker && { speaker }) })) : undefined,
    languageCode: text(languageCode) || undefined,
    speaker,
  });
}

/** An offset of nothing is left out, as protobuf does. */
function toWord(value: JsonObject): Word {
  const { word, startOffset, endOffset } = value as Unchecked<WordInfo>;
  const startMs = toMilliseconds(startOffset) ?? 0;
  return { text: text(word).trim(), startMs, endMs: toMilliseconds(endOffset) ?? startMs };
}

function checkEnd(word: string): readonly Warning[] {
  if (word === "") throw unreadableAnswer("a transcription without a finishReason");
  const reason = toFinishReason(word, false);
  if (reason === "stop") return [];
  if (reason === "length") {
    return [{ code: "output-truncated", message: "the provider stopped before the end of the recording" }];
  }
  const message = `the provider did not write down the recording: ${word}`;
  if (reason === "content_filter") {
    throw new LivellmError("invalid_argument", "content_blocked", message, { providerCode: word });
  }
  throw new LivellmError("unavailable", "provider_unavailable", message, { providerCode: word });
}
