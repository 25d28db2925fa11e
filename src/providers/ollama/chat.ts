import type { Chat, ChatEvent, ChatRequest } from "../../core/chat.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream, UpstreamRequest } from "../../core/upstream.ts";
import { batched, inBatches } from "../../streams/batches.ts";
import type { AnswerContext } from "./chat-answer.ts";
import { type OllamaCall, toOllamaRequest, withoutThinking } from "./chat-request.ts";
import { readChatAnswer, readChatLines } from "./chat-stream.ts";
import { toPost } from "./endpoint.ts";
import { explainOllamaError, refusesThinking, wantsPull } from "./error.ts";
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
    const send = (call: OllamaCall) => upstream.lines(toChatPost(connection, call, true), signal);
    const { call, answer } = yield* open(() => ask(toOllamaRequest(request), send), request.model, signal);
    yield* inBatches(readChatLines(answer.lines, toContext(call, request)));
  }
  return {
    stream: (request, signal) => batched(read(request, signal)),
    async generate(request, signal) {
      const send = (call: OllamaCall) => upstream.json(toChatPost(connection, call, false), signal);
      const opening = open(() => ask(toOllamaRequest(request), send), request.model, signal);
      const { call, answer } = await resultOf(opening);
      return readChatAnswer(answer.value, toContext(call, request));
    },
  };
}

/** An answer, and the call that got it. */
interface Answered<T> {
  readonly call: OllamaCall;
  readonly answer: T;
}

/** A model that cannot think refuses to be asked for it, which nothing tells before: it is asked again, without. */
async function ask<T>(call: OllamaCall, send: (call: OllamaCall) => Promise<T>): Promise<Answered<T>> {
  try {
    return { call, answer: await send(call) };
  } catch (error) {
    if (!call.body.think || !refusesThinking(error)) throw error;
  }
  const quiet = withoutThinking(call);
  return { call: quiet, answer: await send(quiet) };
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
