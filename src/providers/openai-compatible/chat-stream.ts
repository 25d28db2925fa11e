import type { ChatEvent } from "../../core/chat.ts";
import { LivellmError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import type { ServerSentEvent } from "../../core/upstream.ts";
import { type Batched, batched, inBatches } from "../../streams/batches.ts";
import type { AnswerContext } from "./answer-context.ts";
import { unreadableAnswer } from "./broken-stream.ts";
import { type ChatAnswer, finishAnswer, newChatAnswer, readChunk, takeEvents } from "./chat-answer.ts";
import { parseEvent, toChunk } from "./chat-wire.ts";

/**
 * Reads a chat completions stream. `finish_reason` is its end: `[DONE]` alone is `stream_broken`, a missing `[DONE]` or
 * usage is not. Usage may come after it, so `finished` waits for `[DONE]` or the end of the body. What was read before an
 * error is told before it.
 */
export function readChatCompletionEvents(
  events: AsyncIterable<ServerSentEvent>,
  context: AnswerContext,
): Batched<ChatEvent> {
  return batched(readBatches(events, context));
}

async function* readBatches(
  events: AsyncIterable<ServerSentEvent>,
  context: AnswerContext,
): AsyncGenerator<readonly ChatEvent[], void> {
  const answer = newChatAnswer(context);
  try {
    for await (const batch of inBatches(events)) {
      if (readBatch(answer, batch)) break;
      if (answer.events.length > 0) yield takeEvents(answer);
    }
  } catch (error) {
    if (answer.events.length > 0) yield takeEvents(answer);
    if (!isComplete(answer, error)) throw error;
  }
  try {
    finishAnswer(answer);
  } finally {
    yield takeEvents(answer);
  }
}

/** Whether `[DONE]` was among them. */
function readBatch(answer: ChatAnswer, events: readonly ServerSentEvent[]): boolean {
  for (const event of events) {
    if (event.data === "[DONE]") return true;
    readChunk(answer, parseEvent(event, answer.context));
  }
  return false;
}

/** Reads a unary answer: the events that the stream would have given. */
export function readChatCompletion(value: unknown, context: AnswerContext): readonly ChatEvent[] {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  const answer = newChatAnswer(context);
  readChunk(answer, toChunk(value, context));
  if (answer.finishWord === "") throw unreadableAnswer("an answer without a finish_reason");
  finishAnswer(answer);
  return takeEvents(answer);
}

/** A connection that breaks after `finish_reason` loses nothing but, perhaps, the usage. */
function isComplete(answer: ChatAnswer, error: unknown): boolean {
  return answer.finishWord !== "" && error instanceof LivellmError && error.reason === "stream_broken";
}
