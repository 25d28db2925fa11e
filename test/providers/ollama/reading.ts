import type { AnswerContext } from "../../../src/providers/ollama/chat-answer.ts";
import { readChatLines } from "../../../src/providers/ollama/chat-stream.ts";
import { readLines } from "../../../src/upstream/lines.ts";
import { assemble, fixture, pieces, type Reading, read } from "../openai-compatible/reading.ts";

export const body = (name: string): Buffer => fixture(`ollama/${name}.ndjson`);

/** Feeds a body to the reader, in pieces that end at the given offsets. */
export function readBody(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  context: Partial<AnswerContext> = {},
): Promise<Reading> {
  const whole = { warnings: [], hideReasoning: false, ...context };
  return read(() => readChatLines(readLines(pieces(bytes, cuts)), whole), new Uint8Array());
}

/** The answer in a fixture that holds a whole one. */
export async function answerOf(name: string, context: Partial<AnswerContext> = {}) {
  const { events, error } = await readBody(body(name), [], context);
  if (error) throw error;
  return assemble(events);
}
