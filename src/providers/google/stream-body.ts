import { LivellmError } from "../../core/error.ts";
import type { Batched } from "../../streams/batches.ts";
import { converted } from "../../streams/converted.ts";
import { mapped } from "../../streams/mapped.ts";
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
export function readStreamBody(bytes: AsyncIterable<Uint8Array>, isComplete: () => boolean): Batched<unknown> {
  const kept: Uint8Array[] = [];
  let chunks: unknown[] = [];
  return converted(readServerSentEvents(keepEnd(bytes, kept)), {
    read(events) {
      for (const { data } of events) if (data !== "[DONE]") chunks.push(parse(data));
      return false;
    },
    end(failure) {
      if (failure && !(isComplete() && isLost(failure.error))) throw failure.error;
      const error = bareError(afterEvents(Buffer.concat(kept).toString("utf8")));
      if (error) chunks.push(error);
    },
    take() {
      const taken = chunks;
      chunks = [];
      return taken;
    },
  });
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

function keepEnd(bytes: AsyncIterable<Uint8Array>, kept: Uint8Array[]): AsyncIterable<Uint8Array> {
  let size = 0;
  return mapped(bytes, (chunk) => {
    kept.push(chunk);
    size += chunk.length;
    while (size - (kept[0]?.length ?? 0) > keptBytes) size -= kept.shift()?.length ?? 0;
    return chunk;
  });
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
