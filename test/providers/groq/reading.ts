import type { ChatRequest } from "../../../src/core/chat.ts";
import type { Upstream } from "../../../src/core/upstream.ts";
import { createChat } from "../../../src/providers/groq/chat.ts";
import { readServerSentEvents } from "../../../src/upstream/server-sent-events.ts";
import { assemble, fixture, type Reading, read } from "../openai-compatible/reading.ts";
import { chatRequest } from "../openai-compatible/request.ts";

export const body = (name: string): Buffer => fixture(`groq/${name}.sse`);

const connection = { baseUrl: "http://vendor.invalid", headers: {}, settings: {} };
const { signal } = new AbortController();

/** Has the adapter read a body, in pieces that end at the given offsets. */
export function readBody(bytes: Uint8Array, cuts: readonly number[] = [], request: Partial<ChatRequest> = {}) {
  const answers: Pick<Upstream, "events"> = {
    events: async () => ({ status: 200, headers: {}, events: readServerSentEvents(pieces(bytes, cuts)) }),
  };
  const chat = createChat("groq", connection, answers as Upstream);
  return read(() => chat.stream(chatRequest(request), signal), new Uint8Array()) satisfies Promise<Reading>;
}

async function* pieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...cuts, bytes.length];
  for (const [index, end] of ends.entries()) yield bytes.subarray(index === 0 ? 0 : ends[index - 1], end);
}

/** The answer in a fixture that holds a whole one. */
export async function answerOf(name: string, request: Partial<ChatRequest> = {}) {
  const { events, error } = await readBody(body(name), [], request);
  if (error) throw error;
  return assemble(events);
}
