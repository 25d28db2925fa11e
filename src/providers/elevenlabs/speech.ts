import type { ProviderConnection } from "../../core/provider.ts";
import type { Speech, SpeechEvent, SpeechRequest } from "../../core/speech.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { object, text } from "../openai-compatible/json-fields.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { refuseOtherContent } from "../openai-compatible/other-content.ts";
import { readMessage } from "../openai-compatible/realtime-socket.ts";
import { readAlignment, toWords, WordReader } from "./alignment.ts";
import { addressOf, jsonHeaders, requestHeaders, requestIdOf } from "./endpoint.ts";
import { errorInAnswer, explainElevenLabsError } from "./error.ts";
import { createSpeechSession } from "./speech-duplex.ts";
import { speechFormats } from "./speech-format.ts";
import { speechModel } from "./speech-models.ts";
import { type SpeechCall, toHttpSpeech } from "./speech-request.ts";
import { readSpeechUsage } from "./speech-usage.ts";
import { createFindVoice } from "./voice-names.ts";
import { listVoices, thatSpeak } from "./voices.ts";

/** Speech over `/v1/text-to-speech`: HTTP for a text that is there, a WebSocket for one that is being written. */
export function createSpeech(connection: ProviderConnection, upstream: Upstream): Speech {
  const list = (signal: AbortSignal) => listVoices(connection, upstream, signal);
  const findVoice = createFindVoice(list);
  const session = createSpeechSession(connection, upstream, findVoice);
  return {
    formats: () => speechFormats,
    async *stream(request, signal) {
      const call = toHttpSpeech(request);
      const voice = await findVoice(request.voice, signal);
      const speak = request.wordTimings ? speakWithWords : speakPlainly;
      yield* speak(upstream, toPost(connection, call, { ...request, voice }), { call, request, signal });
    },
    longestText: (model) => speechModel(model).longestText,
    duplex: (model) => (speechModel(model).sockets ? session : undefined),
    voices: async ({ languageCode }, signal) => thatSpeak(await list(signal), languageCode),
  };
}

function toPost(connection: ProviderConnection, call: SpeechCall, request: SpeechRequest): UpstreamRequest {
  const path = `/v1/text-to-speech/${encodeURIComponent(request.voice)}/stream`;
  return {
    url: addressOf(connection, request.wordTimings ? `${path}/with-timestamps` : path, call.query),
    headers: { ...jsonHeaders, ...requestHeaders(connection) },
    body: writeJson(call.body),
    explain: explainElevenLabsError,
  };
}

interface Speaking {
  readonly call: SpeechCall;
  readonly request: SpeechRequest;
  readonly signal: AbortSignal;
}

/** The body is the audio, and its end is the end that HTTP marks. */
async function* speakPlainly(
  upstream: Upstream,
  post: UpstreamRequest,
  speaking: Speaking,
): AsyncGenerator<SpeechEvent> {
  const answer = await upstream.bytes(post, speaking.signal);
  await refuseOtherContent(answer, errorInAnswer);
  yield responseOf(answer, speaking);
  let heard = false;
  for await (const data of answer.bytes) {
    if (data.length === 0) continue;
    heard = true;
    yield { type: "audio", data };
  }
  yield finishedOf(answer, speaking, heard);
}

/** Each line is a piece of audio, and when its characters are heard. */
async function* speakWithWords(
  upstream: Upstream,
  post: UpstreamRequest,
  speaking: Speaking,
): AsyncGenerator<SpeechEvent> {
  const answer = await upstream.lines(post, speaking.signal);
  yield responseOf(answer, speaking);
  const words = new WordReader("speech");
  let heard = false;
  for await (const line of answer.lines) {
    const piece = readMessage(line);
    const data = Buffer.from(text(piece.audio_base64), "base64");
    heard ||= data.length > 0;
    if (data.length > 0) yield { type: "audio", data };
    yield* toWords(words.read(readAlignment(object(piece.alignment))));
  }
  yield* toWords(words.end());
  yield finishedOf(answer, speaking, heard);
}

function responseOf(answer: UpstreamHead, { call, request }: Speaking): SpeechEvent {
  const { model, format } = request;
  return { type: "response", model, requestId: requestIdOf(answer), format, warnings: call.warnings };
}

function finishedOf(answer: UpstreamHead, { request }: Speaking, heard: boolean): SpeechEvent {
  if (!heard) throw unreadableAnswer("no audio");
  return { type: "finished", usage: readSpeechUsage(answer, request.text) };
}
