import { isJsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Speech, SpeechEvent, SpeechRequest, Voice } from "../../core/speech.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import { unreadableAnswer } from "./broken-stream.ts";
import type { Dialect } from "./dialect.ts";
import { requestHeaders, requestIdOf } from "./endpoint.ts";
import { errorOf, explainOpenAIError, streamError } from "./error.ts";
import { writeJson } from "./json-text.ts";
import { refuseOtherContent } from "./other-content.ts";
import type { SpeechDialect } from "./speech-dialect.ts";
import { audioUrl } from "./speech-endpoint.ts";
import { type SpeechCall, toSpeechRequest } from "./speech-request.ts";

export interface SpeechSetup {
  readonly connection: ProviderConnection;
  readonly dialect: Dialect;
  readonly speech: SpeechDialect;
}

/** Speech over `POST /audio/speech`. */
export function createSpeech(setup: SpeechSetup, upstream: Upstream): Speech {
  const { formats, voices, maxCharacters } = setup.speech;
  return {
    formats: () => formats.map(({ format }) => format),
    ...(maxCharacters && { longestText: maxCharacters }),
    async *stream(request, signal) {
      const call = toSpeechRequest(request, setup.speech);
      const answer = await upstream.bytes(toPost(call, request, setup), signal);
      yield* readSpeech(answer, call, request);
    },
    ...(voices && { voices: async () => voices.map(toVoice) }),
  };
}

function toPost(call: SpeechCall, { model, requestId }: SpeechRequest, setup: SpeechSetup): UpstreamRequest {
  return {
    url: audioUrl(setup.connection, setup.dialect, model, "speech"),
    headers: requestHeaders(setup.connection, setup.dialect, requestId),
    body: writeJson(call.body),
    explain: explainOpenAIError,
  };
}

/** A voice that is known by its name alone. */
export function toVoice(name: string): Voice {
  const displayName = name.charAt(0).toUpperCase() + name.slice(1);
  return { id: name, displayName, languageCodes: [], description: "", previewUrl: "", labels: {} };
}

type Body = UpstreamHead & { readonly bytes: AsyncIterable<Uint8Array> };

/** The body is the audio, and its end is the end that HTTP marks. No server says what it counted: the text is counted here. */
async function* readSpeech(
  answer: Body,
  { warnings }: SpeechCall,
  { model, text, format }: SpeechRequest,
): AsyncGenerator<SpeechEvent> {
  await refuseOtherContent(answer, (said) =>
    isJsonObject(said) && said.error ? streamError(errorOf(said)) : undefined,
  );
  yield { type: "response", model, requestId: requestIdOf(answer), format, warnings };
  let heard = false;
  for await (const data of answer.bytes) {
    if (data.length === 0) continue;
    heard = true;
    yield { type: "audio", data };
  }
  if (!heard) throw unreadableAnswer("no audio");
  yield { type: "finished", usage: { inputCharacters: [...text].length, estimated: true } };
}
