import type { ChatEvent } from "../../core/chat.ts";
import { isJsonObject } from "../../core/json.ts";
import { brokenStream, unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { type AnswerContext, newChatAnswer, readLine } from "./chat-answer.ts";
import { toChatLine } from "./chat-wire.ts";
import { readObjects } from "./json-lines.ts";

/** Reads a streamed answer. The line with `done: true` is its end; without one it is `stream_broken`. */
export async function* readChatLines(
  lines: AsyncIterable<string>,
  context: AnswerContext,
): AsyncGenerator<ChatEvent, void, undefined> {
  const answer = newChatAnswer(context);
  for await (const fields of readObjects(lines)) {
    yield* readLine(answer, toChatLine(fields));
    if (answer.finished) return;
  }
  throw brokenStream('a line with "done": true');
}

/** Reads a unary answer: the events that the stream would have given. */
export function readChatAnswer(value: unknown, context: AnswerContext): readonly ChatEvent[] {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  const answer = newChatAnswer(context);
  const events = readLine(answer, toChatLine(value));
  if (!answer.finished) throw unreadableAnswer('an answer without "done": true');
  return events;
}
