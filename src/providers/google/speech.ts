import type { GenerateContentResponse } from "@google/genai";
import { type AudioFormat, isHeaderless } from "../../core/audio-format.ts";
import { LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Warning } from "../../core/route.ts";
import type { Speech, SpeechEvent } from "../../core/speech.ts";
import type { Upstream } from "../../core/upstream.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { object, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { firstCandidate, refuse } from "./candidates.ts";
import { explainGoogleError } from "./error.ts";
import { toFinishReason } from "./finish-reason.ts";
import { streamPost, unaryPost } from "./generate-content.ts";
import { sampleRateOf, toMedia } from "./media-parts.ts";
import { speechFormats, toSpeechRequest } from "./speech-request.ts";
import { readStreamBody } from "./stream-body.ts";
import { readUsage } from "./usage.ts";
import { prebuiltVoices } from "./voices.ts";

/**
 * "A TTS session has a context window limit of 32k tokens" (ai.google.dev, "Text-to-speech generation"), text and audio together, and a
 * second of audio takes 25 of them. So many characters fit, at four a second, as Chinese is spoken; English takes a third.
 */
const longestText = 4_000;

/** Speech over `generateContent`, of Gemini's models that speak. */
export function createSpeech(connection: ProviderConnection, upstream: Upstream): Speech {
  return {
    formats: speechFormats,
    longestText: () => longestText,
    async *stream(request, signal) {
      const { body, warnings } = toSpeechRequest(request);
      const call = { model: request.model, body };
      const heard = newHeard(request.format, warnings);
      if (isHeaderless(request.format.mimeType)) {
        const post = streamPost(connection, call);
        const { bytes } = await upstream.bytes({ ...post, explain: explainGoogleError }, signal);
        for await (const chunk of readStreamBody(bytes, () => heard.finishWord !== "")) yield* readChunk(heard, chunk);
      } else {
        const post = unaryPost(connection, call);
        const { value } = await upstream.json({ ...post, explain: explainGoogleError }, signal);
        yield* readChunk(heard, value);
      }
      yield finish(heard);
    },
    voices: async () => prebuiltVoices,
  };
}

/** Speech as far as it has been read. */
interface Heard {
  readonly asked: AudioFormat;
  readonly warnings: readonly Warning[];
  began: boolean;
  requestId: string;
  finishWord: string;
  usage: unknown;
}

function newHeard(asked: AudioFormat, warnings: readonly Warning[]): Heard {
  return { asked, warnings, began: false, requestId: "", finishWord: "", usage: undefined };
}

function* readChunk(heard: Heard, value: unknown): Generator<SpeechEvent> {
  refuse(value, heard.requestId);
  const chunk = object(value) as Unchecked<GenerateContentResponse>;
  heard.requestId ||= text(chunk.responseId);
  heard.usage = chunk.usageMetadata ?? heard.usage;
  const candidate = firstCandidate(chunk);
  heard.finishWord = text(candidate.finishReason) || heard.finishWord;
  for (const { data, mimeType } of soundsIn(candidate)) {
    if (!heard.began) yield begin(heard, text(chunk.modelVersion), formatOf(mimeType, heard.asked));
    yield { type: "audio", data };
  }
}

/** A candidate with a `finishReason` is the end of speech, and any reason but `STOP` has left out some of the text. */
function finish({ began, finishWord, requestId, usage }: Heard): SpeechEvent {
  refuseIncomplete(finishWord, requestId);
  if (!began) throw unreadableAnswer("no audio");
  return { type: "finished", usage: readUsage(usage) };
}

function begin(heard: Heard, model: string, format: AudioFormat): SpeechEvent {
  const { requestId, warnings } = heard;
  heard.began = true;
  return { type: "response", ...(model && { model }), ...(requestId && { requestId }), format, warnings };
}

function soundsIn(candidate: JsonObject) {
  return objects(object(candidate.content).parts)
    .map(toMedia)
    .flatMap(({ data, mimeType }) => (data && data.length > 0 ? [{ data, mimeType }] : []));
}

/** Newer models name their form; what they say counts more than what was asked for. */
function formatOf(mimeType: string, asked: AudioFormat): AudioFormat {
  const rate = sampleRateOf(mimeType);
  if (rate > 0) return { mimeType: "audio/pcm", sampleRateHertz: rate, channelCount: 1 };
  return /^audio\/(x-)?wav/i.test(mimeType) ? { mimeType: "audio/wav", sampleRateHertz: 0, channelCount: 0 } : asked;
}

function refuseIncomplete(word: string, providerRequestId: string): void {
  if (word === "") throw brokenStream("a finishReason", providerRequestId || undefined);
  const reason = toFinishReason(word, false);
  if (reason === "stop") return;
  const message = `the provider stopped in the middle of the speech: ${word}`;
  const facts = { providerCode: word, ...(providerRequestId && { providerRequestId }) };
  if (reason === "content_filter") throw new LivellmError("invalid_argument", "content_blocked", message, facts);
  if (reason === "length") throw new LivellmError("invalid_argument", "context_too_long", message, facts);
  throw new LivellmError("unavailable", "provider_unavailable", message, facts);
}
