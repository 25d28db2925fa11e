import type { Chat, ChatRequest } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import { opened } from "../../streams/batches.ts";
import type { AnswerContext } from "./answer-context.ts";
import {
  asStream,
  type ChatCompletionsBody,
  type ChatCompletionsCall,
  toChatCompletionsRequest,
} from "./chat-request.ts";
import { readChatCompletion, readChatCompletionEvents } from "./chat-stream.ts";
import type { Dialect } from "./dialect.ts";
import { chatUrl, requestHeaders, requestIdOf } from "./endpoint.ts";
import { explainOpenAIError } from "./error.ts";
import { object, text } from "./json-fields.ts";
import { writeJson } from "./json-text.ts";

interface ChatCompletionsSetup {
  /** The kind of the adapter: it marks provider state. */
  readonly kind: string;
  readonly dialect: Dialect;
  readonly connection: ProviderConnection;
}

/** Chat over `POST /chat/completions`. */
export function createChatCompletions(setup: ChatCompletionsSetup, upstream: Upstream): Required<Chat> {
  const { kind, dialect } = setup;
  return {
    stream(request, signal) {
      return opened(async () => {
        const call = toChatCompletionsRequest(request, dialect, kind);
        const answer = await upstream.events(toPost(asStream(call.body, dialect), request, setup), signal);
        return readChatCompletionEvents(answer.events, toContext(call, request, answer, setup));
      });
    },
    async generate(request, signal) {
      const call = toChatCompletionsRequest(request, dialect, kind);
      const answer = await upstream.json(toPost(call.body, request, setup), signal);
      return readChatCompletion(answer.value, toContext(call, request, answer, setup));
    },
  };
}

function toPost(
  body: ChatCompletionsBody,
  { model, requestId }: ChatRequest,
  { connection, dialect }: ChatCompletionsSetup,
): UpstreamRequest {
  return {
    url: chatUrl(connection, dialect, model),
    headers: requestHeaders(connection, dialect, requestId),
    body: writeJson(body),
    explain: explainOpenAIError,
  };
}

function toContext(
  { body, warnings, answerTool }: ChatCompletionsCall,
  { generation }: ChatRequest,
  head: UpstreamHead,
  { kind, dialect }: ChatCompletionsSetup,
): AnswerContext {
  return {
    kind,
    warnings,
    answerTool,
    requestId: requestIdOf(head),
    hideReasoning: generation.reasoning?.hidden,
    reasoning: dialect.reasoning,
    reasoningOutsideCompletion: dialect.reasoningOutsideCompletion,
    audioFormat: text(object(body.audio).format) || undefined,
  };
}
