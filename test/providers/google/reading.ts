import { type GenerateContentResponse, GoogleGenAI, type Part } from "@google/genai";
import type { AnswerContext } from "../../../src/providers/google/chat-answer.ts";
import { readGenerateContentStream } from "../../../src/providers/google/chat-stream.ts";
import { assemble, fixture, pieces, type Reading, read } from "../openai-compatible/reading.ts";

export const kind = "google";

export const body = (name: string): Buffer => fixture(`google/${name}.sse`);

/** Feeds a body to the reader, in pieces that end at the given offsets. */
export function readBody(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  context: Partial<AnswerContext> = {},
): Promise<Reading> {
  return read(() => readGenerateContentStream(pieces(bytes, cuts), { kind, ...context }), new Uint8Array());
}

/** The answer in a fixture that holds a whole one. */
export async function answerOf(name: string, context: Partial<AnswerContext> = {}) {
  const { events, error } = await readBody(body(name), [], context);
  if (error) throw error;
  return assemble(events);
}

/** A stream of chunks with these parts, for what no fixture holds. */
export function chunks(...candidates: readonly object[]): Buffer {
  const events = candidates.map((candidate) => `data: ${JSON.stringify({ candidates: [candidate] })}\r\n\r\n`);
  return Buffer.from(events.join(""));
}

/** The official SDK, reading the given body whatever it asks for. */
export function officialSdk(bytes: Uint8Array): GoogleGenAI {
  const headers = { "content-type": "text/event-stream" };
  return new GoogleGenAI({
    apiKey: "none",
    apiVersion: "v1beta",
    httpOptions: { fetch: async () => new Response(new Uint8Array(bytes), { headers }) },
  });
}

/** All that the official SDK reads from a body. */
export async function sdkChunks(name: string): Promise<readonly GenerateContentResponse[]> {
  const stream = await officialSdk(body(name)).models.generateContentStream({
    model: "m",
    contents: "",
    config: { automaticContinuation: false },
  });
  return Array.fromAsync(stream);
}

/** The parts that the official SDK reads, in their order. */
export async function sdkParts(name: string): Promise<readonly Part[]> {
  return (await sdkChunks(name)).flatMap((chunk) => chunk.candidates?.[0]?.content?.parts ?? []);
}
