import type { Chat, ChatRequest } from "../../core/chat.ts";
import { LivellmError } from "../../core/error.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { ExplainError, Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import { opened } from "../../streams/batches.ts";
import type { AnswerContext } from "../openai-compatible/answer-context.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { requestHeaders, requestIdOf } from "../openai-compatible/endpoint.ts";
import { explainOpenAIError } from "../openai-compatible/error.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { type ResponsesBody, type ResponsesCall, toResponsesRequest } from "./responses-request.ts";
import { holdsState, withoutState } from "./responses-state.ts";
import { readResponse, readResponsesEvents } from "./responses-stream.ts";

/** Chat over `POST /responses`. `kind` marks provider state. */
export function createResponses(kind: string, connection: ProviderConnection, upstream: Upstream): Required<Chat> {
  return {
    stream(request, signal) {
      return opened(async () => {
        const send = ({ body }: ResponsesCall) =>
          upstream.events(toPost({ ...body, stream: true }, request, connection), signal);
        const { call, answer } = await ask(toResponsesRequest(request, kind), send);
        return readResponsesEvents(answer.events, toContext(kind, call, request, answer));
      });
    },
    async generate(request, signal) {
      const send = ({ body }: ResponsesCall) => upstream.json(toPost(body, request, connection), signal);
      const { call, answer } = await ask(toResponsesRequest(request, kind), send);
      return readResponse(answer.value, toContext(kind, call, request, answer));
    },
  };
}

/** An answer, and the call that got it. */
interface Answered<T> {
  readonly call: ResponsesCall;
  readonly answer: T;
}

/**
 * What one organisation's key has encrypted no other's can read, nor can another model always: a conversation that goes on
 * elsewhere, as after a fallback, is asked again without it, where it would be refused for ever.
 */
async function ask<T>(call: ResponsesCall, send: (call: ResponsesCall) => Promise<T>): Promise<Answered<T>> {
  try {
    return { call, answer: await send(call) };
  } catch (error) {
    if (!refusesState(error) || !holdsState(call)) throw error;
  }
  const bare = withoutState(call);
  return { call: bare, answer: await send(bare) };
}

/** "The encrypted content gAAA… could not be verified", or was not found where the ids of items are looked up. */
function refusesState(error: unknown): boolean {
  if (!(error instanceof LivellmError) || error.facts.httpStatus !== 400) return false;
  return error.facts.providerCode === "invalid_encrypted_content" || /encrypted[ _]content/i.test(error.message);
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
