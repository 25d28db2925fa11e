import type { ProviderConnection } from "../../core/provider.ts";
import type { Transcription } from "../../core/transcription.ts";
import type { Upstream } from "../../core/upstream.ts";
import type { Dialect } from "./dialect.ts";
import { requestHeaders, requestIdOf } from "./endpoint.ts";
import { explainOpenAIError } from "./error.ts";
import { audioUrl } from "./speech-endpoint.ts";
import { readTranscription } from "./transcription-answer.ts";
import { toTranscriptionRequest } from "./transcription-request.ts";

/** Transcription over `POST /audio/transcriptions`. */
export function createTranscription(
  connection: ProviderConnection,
  dialect: Dialect,
  upstream: Pick<Upstream, "json">,
): Transcription {
  return {
    async transcribe(request, signal) {
      const { form, warnings } = toTranscriptionRequest(request);
      const headers = requestHeaders(connection, dialect, request.requestId);
      const post = {
        url: audioUrl(connection, dialect, request.model, "transcriptions"),
        headers: { ...headers, "content-type": form.contentType },
        body: form.body,
        explain: explainOpenAIError,
      };
      const answer = await upstream.json(post, signal);
      const reading = readTranscription(answer.value);
      return { ...reading, model: request.model, requestId: requestIdOf(answer), warnings };
    },
  };
}
