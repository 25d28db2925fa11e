import type { Word } from "../../core/audio-format.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { TranscribedSegment, Transcription, TranscriptionResult } from "../../core/transcription.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { objects, text } from "../openai-compatible/json-fields.ts";
import { milliseconds } from "../openai-compatible/transcription-usage.ts";
import { present } from "../openai-compatible/usage.ts";
import { addressOf, requestHeaders, requestIdOf } from "./endpoint.ts";
import { explainElevenLabsError } from "./error.ts";
import { readSpokenWords, toLanguageCode } from "./transcribed-words.ts";
import { toScribeRequest } from "./transcription-request.ts";

/** Transcription by Scribe, over `POST /v1/speech-to-text`. */
export function createTranscription(connection: ProviderConnection, upstream: Pick<Upstream, "json">): Transcription {
  return {
    async transcribe(request, signal) {
      const { form, query, warnings } = toScribeRequest(request);
      const post = {
        url: addressOf(connection, "/v1/speech-to-text", query),
        headers: { ...requestHeaders(connection), "content-type": form.contentType },
        body: form.body,
        explain: explainElevenLabsError,
      };
      const answer = await upstream.json(post, signal);
      const reading = readTranscription(answer.value, request.wordTimings);
      const requestId = requestIdOf(answer);
      return { ...reading, model: request.model, warnings, ...(requestId && { requestId }) };
    },
  };
}

type Reading = Omit<TranscriptionResult, "model" | "requestId" | "warnings">;

function readTranscription(value: unknown, wordTimings: boolean): Reading {
  if (!isJsonObject(value)) throw unreadableAnswer("a transcription that is not a JSON object");
  // With `use_multi_channel` there is one for each channel.
  const channels = Array.isArray(value.transcripts) ? objects(value.transcripts) : [value];
  if (!channels.every((channel) => typeof channel.text === "string")) {
    throw unreadableAnswer("a transcription without a text");
  }
  const durationMs = milliseconds(value.audio_duration_secs ?? channels[0]?.audio_duration_secs);
  return present({
    text: channels.map((channel) => text(channel.text).trim()).join("\n"),
    languageCode: toLanguageCode(text(channels[0]?.language_code)),
    durationMs,
    segments: channels.flatMap((channel) => readSegments(channel, wordTimings)),
    usage: present({ inputAudioMs: durationMs }),
  });
}

/** One segment for as long as one speaker speaks; without speakers, one for all. */
function readSegments(channel: JsonObject, wordTimings: boolean): readonly TranscribedSegment[] {
  const tokens = objects(channel.words);
  const starts = tokens.flatMap((token, i) => (i === 0 || token.speaker_id !== tokens[i - 1]?.speaker_id ? [i] : []));
  return starts
    .map((start, i) => toSegment(tokens.slice(start, starts[i + 1]), wordTimings))
    .filter(({ text }) => text);
}

function toSegment(tokens: readonly JsonObject[], wordTimings: boolean): TranscribedSegment {
  const words: readonly Word[] = readSpokenWords(tokens);
  return present({
    text: tokens
      .map((token) => text(token.text))
      .join("")
      .trim(),
    startMs: words[0]?.startMs,
    endMs: words.at(-1)?.endMs,
    speaker: text(tokens[0]?.speaker_id) || undefined,
    words: wordTimings ? words : undefined,
  });
}
