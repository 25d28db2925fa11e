import type { ChatEvent } from "../../core/chat.ts";
import { isJsonObject } from "../../core/json.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { type AnswerContext, finishAnswer, newGeminiAnswer, readChunk, takeEvents } from "./chat-answer.ts";
import { readStreamBody } from "./stream-body.ts";

/**
 * Reads the body of `streamGenerateContent?alt=sse`. A candidate with a `finishReason` is its end; usage comes with it or
 * after it, and older models repeat it in every chunk, so that the body is read to its own end.
 */
export async function* readGenerateContentStream(
  bytes: AsyncIterable<Uint8Array>,
  context: AnswerContext,
): AsyncGenerator<ChatEvent> {
  const answer = newGeminiAnswer(context);
  for await (const chunk of readStreamBody(bytes, () => answer.finishWord !== "")) {
    readChunk(answer, chunk);
    yield* takeEvents(answer);
  }
  finishAnswer(answer);
  yield* takeEvents(answer);
}

/** Reads a unary answer: the events that the stream would have given. */
export function readGenerateContent(value: unknown, context: AnswerContext): readonly ChatEvent[] {
  if (!isJsonObject(value)) throw unreadableAnswer("an answer that is not a JSON object");
  const answer = newGeminiAnswer(context);
  readChunk(answer, value);
  if (answer.finishWord === "") throw unreadableAnswer("an answer without a finishReason");
  finishAnswer(answer);
  return takeEvents(answer);
}
