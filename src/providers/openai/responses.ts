import type { Chat, ChatRequest } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { ExplainError, Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import { opened } from "../../streams/batches.ts";
import type { AnswerContext } from "../openai-compatible/answer-context.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { requestHeaders, requestIdOf } from "../openai-compatible/endpoint.ts";
import { explainOpenAIError } from "../openai-compatible/error.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { type ResponsesBody, type ResponsesCall, toResponsesRequest } from "./responses-request.ts";
import { readResponse, readResponsesEvents } from "./responses-stream.ts";

/** Chat over `POST /responses`. `kind` marks provider state. */
export function createResponses(kind: string, connection: ProviderConnection, upstream: Upstream): Required<Chat> {
  return {
    stream(request, signal) {
      return opened(async () => {
        const call = toResponsesRequest(request, kind);
        const answer = await upstream.events(toPost({ ...call.body, stream: true }, request, connection), signal);
        return readResponsesEvents(answer.events, toContext(kind, call, request, answer));
      });
    },
    async generate(request, signal) {
      const call = toResponsesRequest(request, kind);
      const answer = await upstream.json(toPost(call.body, request, connection), signal);
      return readResponse(answer.value, toContext(kind, call, request, answer));
    },
  };
}

function toPost(body: ResponsesBody, { requestId }: ChatRequest, connection: ProviderConnection): UpstreamRequest {
  return {
    url: `${connection.baseUrl}/responses`,
    headers: requestHeaders(connection, dialects.openai, requestId),
    body: writeJson(body),
    explain: explainError,
  };
}

/** Many servers like OpenAI have chat completions alone, and say of this path no more than that it is not there. */
const explainError: ExplainError = (body, status) => {
  const explained = explainOpenAIError(body, status);
  if (status !== 404 || explained.reason) return explained;
  const said = explained.message || "not found";
  const remedy =
    'the kind openai-compatible, or the settings {"api": "chat"}, if there is no Responses API at the base URL';
  return { ...explained, message: `${said}; set ${remedy}`, reason: "provider_rejected" };
};

function toContext(
  kind: string,
  { warnings }: ResponsesCall,
  { generation }: ChatRequest,
  head: UpstreamHead,
): AnswerContext {
  return { kind, warnings, requestId: requestIdOf(head), hideReasoning: generation.reasoning?.hidden };
}
