import type { ChatEvent } from "../../core/chat.ts";
import { isJsonObject } from "../../core/json.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { type AnswerContext, finishAnswer, newGeminiAnswer, readChunk, takeEvents } from "./chat-answer.ts";
import { readStreamBody } from "./stream-body.ts";

/**
 * Reads the body of `streamGenerateContent?alt=sse`. A candidate with a `finishReason` is its end; usage comes with it or
 * after it, and older models repeat it in every chunk, so that the body is read to its own end.
 */
export function readGenerateContentStream(
  bytes: AsyncIterable<Uint8Array>,
  context: AnswerContext,
): Batched<ChatEvent> {
  const answer = newGeminiAnswer(context);
  return converted(
    readStreamBody(bytes, () => answer.finishWord !== ""),
    {
      read(chunks) {
        for (const chunk of chunks) readChunk(answer, chunk);
        return false;
      },
      end(failure) {
        if (failure) throw failure.error;
        finishAnswer(answer);
      },
      take: () => takeEvents(answer),
    },
  );
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
