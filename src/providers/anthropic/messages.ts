import type { Chat, ChatEvent, ChatRequest } from "../../core/chat.ts";
import { isJsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream, UpstreamHead, UpstreamRequest } from "../../core/upstream.ts";
import { batched, inBatches } from "../../streams/batches.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { allowsSampling, requestHeaders, requestIdOf, urlOf, versionFor } from "./endpoint.ts";
import { explainAnthropicError } from "./error.ts";
import {
  finishAnswer,
  isPaused,
  type MessagesAnswer,
  newMessagesAnswer,
  pausedContent,
  takeEvents,
} from "./messages-answer.ts";
import { type MessagesBody, type MessagesCall, toMessagesRequest } from "./messages-request.ts";
import { readMessage, readMessageEvents } from "./messages-stream.ts";

/** How often a turn that the vendor paused is gone on with: each time its own tools may run ten times more. */
const maxContinuations = 10;

/** Chat over `POST /v1/messages`. `kind` marks provider state. */
export function createMessages(kind: string, connection: ProviderConnection, upstream: Upstream): Chat {
  const setup = { kind, sampling: allowsSampling(connection) };
  async function* readTurns(
    request: ChatRequest,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChatEvent[], void, undefined> {
    const call = toMessagesRequest(request, setup);
    const answer = newMessagesAnswer(toContext(kind, call, request));
    for (let continuations = 0; ; continuations++) {
      const body = { ...goOn(call.body, answer), stream: true };
      const reply = await upstream.events(toPost(body, connection), signal);
      yield* inBatches(readMessageEvents(reply.events, named(answer, reply)));
      if (!isPaused(answer) || continuations === maxContinuations) break;
    }
    finishAnswer(answer);
    yield takeEvents(answer);
  }
  return {
    stream: (request, signal) => batched(readTurns(request, signal)),
    async generate(request, signal) {
      const call = toMessagesRequest(request, setup);
      const answer = newMessagesAnswer(toContext(kind, call, request));
      for (let continuations = 0; ; continuations++) {
        const reply = await upstream.json(toPost(goOn(call.body, answer), connection), signal);
        readMessage(reply.value, named(answer, reply));
        if (!isPaused(answer) || continuations === maxContinuations) break;
      }
      finishAnswer(answer);
      return takeEvents(answer);
    },
  };
}

function toPost(body: MessagesBody, connection: ProviderConnection): UpstreamRequest {
  return {
    url: urlOf(connection, "messages"),
    headers: { "content-type": "application/json", ...requestHeaders(connection, versionFor(body, connection)) },
    body: writeJson(body),
    explain: explainAnthropicError,
  };
}

function toContext(kind: string, { warnings, answerTool }: MessagesCall, { generation }: ChatRequest) {
  return { kind, warnings, answerTool, hideReasoning: generation.reasoning?.hidden };
}

/** The id of the request that begins the answer is told with its first event. */
function named(answer: MessagesAnswer, head: UpstreamHead): MessagesAnswer {
  answer.requestId = requestIdOf(head);
  return answer;
}

/** The same call with what has been said so far, in the same container: "Handling stop reasons, pause_turn". */
function goOn(body: MessagesBody, answer: MessagesAnswer): MessagesBody {
  const content = pausedContent(answer);
  if (content.length === 0) return body;
  const { container } = answer;
  const resumed = isJsonObject(body.container) ? { ...body.container, id: container } : container;
  return {
    ...body,
    messages: [...body.messages, { role: "assistant", content }],
    ...(container && { container: resumed }),
  };
}
