import type { ChatEvent } from "../../core/chat.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { type AnswerContext, newChatAnswer, readLine } from "./chat-answer.ts";
import { toChatLine } from "./chat-wire.ts";
import { readObjects } from "./json-lines.ts";

/** Reads a streamed answer. The line with `done: true` is its end; without one it is `stream_broken`. */
export function readChatLines(lines: AsyncIterable<string>, context: AnswerContext): Batched<ChatEvent> {
  const answer = newChatAnswer(context);
  let events: ChatEvent[] = [];
  const readFields = (fields: JsonObject) => {
    events.push(...readLine(answer, toChatLine(fields)));
    return answer.finished;
  };
  return converted(readObjects(lines), {
    read: (batch) => batch.some(readFields),
    end(failure) {
      throw failure ? failure.error : brokenStream('a line with "done": true');
    },
    take() {
      const taken = events;
      events = [];
      return taken;
    },
  });
}

/** Reads a unary answer: the events that the stream would have given. */
export function readChatAnswer(value: unknown, context: AnswerContext): readonly ChatEvent[] {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  const answer = newChatAnswer(context);
  const events = readLine(answer, toChatLine(value));
  if (!answer.finished) throw unreadableAnswer('an answer without "done": true');
  return events;
}
