import type { Chat } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { createChatCompletions } from "../openai-compatible/chat.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createResponses } from "./responses.ts";

/** Models that chat completions alone serve: those that hear and speak, and those that search by themselves. */
const completionsModels = /^(?:ft:)?(?:gpt-audio|gpt-4o-(?:mini-)?audio|gpt-4o-(?:mini-)?search|gpt-5-search-api)/;

/** Chat of OpenAI: over the API that serves the model, or the one that `settings.api` names. `kind` marks provider state. */
export function createOpenAIChat(kind: string, connection: ProviderConnection, upstream: Upstream): Chat {
  const completions = createChatCompletions({ kind, dialect: dialects.openai, connection }, upstream);
  const responses = createResponses(kind, connection, upstream);
  const choose = (model: string) => {
    const named = connection.settings.api;
    return (named === undefined ? completionsModels.test(model) : named === "chat") ? completions : responses;
  };
  return {
    stream: (request, signal) => choose(request.model).stream(request, signal),
    generate: (request, signal) => choose(request.model).generate(request, signal),
  };
}
