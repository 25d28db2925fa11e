import type { Chat, ChatEvent, ChatRequest } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream, UpstreamRequest } from "../../core/upstream.ts";
import { batched, inBatches } from "../../streams/batches.ts";
import type { AnswerContext } from "./chat-answer.ts";
import { type OllamaCall, toOllamaRequest } from "./chat-request.ts";
import { readChatAnswer, readChatLines } from "./chat-stream.ts";
import { toPost } from "./endpoint.ts";
import { explainOllamaError, wantsPull } from "./error.ts";
import { pullModel } from "./pull.ts";
import { SharedPulls } from "./shared-pulls.ts";

/** Chat over `POST /api/chat`; a missing model is pulled first when the settings say so. */
export function createChat(connection: ProviderConnection, upstream: Upstream): Chat {
  const pulls = new SharedPulls((model, signal) => pullModel(model, { connection, upstream }, signal));
  const pullsMissing = connection.settings.pull === "missing";
  async function* open<T>(
    call: () => Promise<T>,
    model: string,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChatEvent[], T, undefined> {
    try {
      return await call();
    } catch (error) {
      if (!pullsMissing || !wantsPull(error)) throw error;
    }
    for await (const note of pulls.follow(model, signal)) yield [{ type: "progress", note }];
    return await call();
  }
  async function* read(
    request: ChatRequest,
    signal: AbortSignal,
  ): AsyncGenerator<readonly ChatEvent[], void, undefined> {
    const call = toOllamaRequest(request);
    const post = toChatPost(connection, call, true);
    const answer = yield* open(() => upstream.lines(post, signal), request.model, signal);
    yield* inBatches(readChatLines(answer.lines, toContext(call, request)));
  }
  return {
    stream: (request, signal) => batched(read(request, signal)),
    async generate(request, signal) {
      const call = toOllamaRequest(request);
      const post = toChatPost(connection, call, false);
      const answer = await resultOf(open(() => upstream.json(post, signal), request.model, signal));
      return readChatAnswer(answer.value, toContext(call, request));
    },
  };
}

function toChatPost(connection: ProviderConnection, { body }: OllamaCall, stream: boolean): UpstreamRequest {
  const explain = explainOllamaError(body.model);
  return toPost(connection, { path: "chat", body: { ...body, stream }, explain });
}

function toContext({ warnings }: OllamaCall, { generation }: ChatRequest): AnswerContext {
  return { warnings, hideReasoning: generation.reasoning?.hidden ?? false };
}

/** What a generator returns in the end; what it yields on the way is for those who watch. */
async function resultOf<T>(steps: AsyncGenerator<unknown, T, undefined>): Promise<T> {
  for (;;) {
    const { done, value } = await steps.next();
    if (done) return value;
  }
}
