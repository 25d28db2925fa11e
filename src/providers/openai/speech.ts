import type { ProviderConnection } from "../../core/provider.ts";
import type { Speech } from "../../core/speech.ts";
import type { Upstream } from "../../core/upstream.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createSpeech } from "../openai-compatible/speech.ts";
import { speechDialects } from "../openai-compatible/speech-dialect.ts";
import { createRealtimeSpeech } from "./realtime-speech.ts";

/** Models that speak in Realtime sessions alone. All of the others are due to be shut down on 2027-01-06. */
const realtimeModels = /^(?:ft:)?gpt-(?:4o-(?:mini-)?)?realtime/;

/** Speech of OpenAI: the way that the model has, or the one that `settings.speech` names. */
export function createOpenAISpeech(connection: ProviderConnection, upstream: Upstream): Speech {
  const http = createSpeech({ connection, dialect: dialects.openai, speech: speechDialects.openai }, upstream);
  const realtime = createRealtimeSpeech(connection, upstream);
  const choose = (model: string) => {
    const named = connection.settings.speech;
    return (named === undefined ? realtimeModels.test(model) : named === "realtime") ? realtime : http;
  };
  return {
    formats: (model) => choose(model).formats(model),
    longestText: (model) => choose(model).longestText?.(model),
    stream: (request, signal) => choose(request.model).stream(request, signal),
    voices: async (query, signal) => (await choose(query.model).voices?.(query, signal)) ?? [],
  };
}
