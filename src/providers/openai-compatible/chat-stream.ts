import type { ChatEvent } from "../../core/chat.ts";
import { LivellmError } from "../../core/error.ts";
import { isJsonObject } from "../../core/json.ts";
import type { ServerSentEvent } from "../../core/upstream.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
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
  const answer = newChatAnswer(context);
  return converted(events, {
    read(batch) {
      for (const event of batch) {
        if (event.data !== "[DONE]") readChunk(answer, parseEvent(event, context));
        else return finish(answer);
      }
      return false;
    },
    end(failure) {
      if (failure && !isComplete(answer, failure.error)) throw failure.error;
      finishAnswer(answer);
    },
    take: () => takeEvents(answer),
  });
}

function finish(answer: ChatAnswer): true {
  finishAnswer(answer);
  return true;
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
