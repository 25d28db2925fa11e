import { LivellmError } from "../../core/error.ts";
import { readServerSentEvents } from "../../upstream/server-sent-events.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { errorOf } from "./error.ts";

/** The end of a body that is kept: an error of Google's has a few kilobytes. */
const keptBytes = 64 * 1024;

/**
 * Reads the chunks of a streamed answer, as JSON. Google breaks off with an error object that is no event, but bare JSON at
 * the end of the body (googleapis/js-genai looks for it in every read): it is the last chunk here. Throws
 * `bad_provider_response` for an event that is not JSON. A connection that breaks when the answer `isComplete` loses nothing
 * but, perhaps, the usage.
 */
export async function* readStreamBody(
  bytes: AsyncIterable<Uint8Array>,
  isComplete: () => boolean,
): AsyncGenerator<unknown> {
  const kept: Uint8Array[] = [];
  try {
    for await (const { data } of readServerSentEvents(keepEnd(bytes, kept))) {
      if (data !== "[DONE]") yield parse(data);
    }
  } catch (error) {
    if (!isComplete() || !isLost(error)) throw error;
  }
  const error = bareError(afterEvents(Buffer.concat(kept).toString("utf8")));
  if (error) yield error;
}

function isLost(error: unknown): boolean {
  return error instanceof LivellmError && error.reason === "stream_broken";
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw unreadableAnswer("an event that is not JSON", cause);
  }
}

async function* keepEnd(bytes: AsyncIterable<Uint8Array>, kept: Uint8Array[]): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of bytes) {
    kept.push(chunk);
    size += chunk.length;
    while (size - (kept[0]?.length ?? 0) > keptBytes) size -= kept.shift()?.length ?? 0;
    yield chunk;
  }
}

/** What follows the last line of an event. */
function afterEvents(end: string): string {
  const lines = end.split(/\r\n|\r|\n/);
  return lines
    .slice(lines.findLastIndex((line) => line.startsWith("data:")) + 1)
    .join("\n")
    .trim();
}

/** Whatever else stands there, such as a page of a proxy's, is as good as nothing. */
function bareError(data: string): unknown {
  if (!/^[[{]/.test(data)) return undefined;
  try {
    const value: unknown = JSON.parse(data);
    return errorOf(value) && value;
  } catch {
    return undefined;
  }
}
