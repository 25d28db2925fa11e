import { createParser, type EventSourceMessage } from "eventsource-parser";
import { LivellmError } from "../core/error.ts";
import type { ServerSentEvent } from "../core/upstream.ts";
import { type Batched, batched } from "../streams/batches.ts";

/** The longest line or event we keep, in UTF-16 code units; vendors send images as one line of base64. */
const maxEventLength = 32 * 1024 * 1024;

/**
 * Reads server-sent events from bytes cut anywhere: CRLF, lone CR, BOM, comments, split code points and long lines are fine.
 * An event at the very end that no empty line closes counts when it is whole (JSON that parses, or a word such as [DONE]):
 * some servers leave out the last newline. A piece of one is dropped, so that the missing terminal event shows.
 */
export function readServerSentEvents(bytes: AsyncIterable<Uint8Array>): Batched<ServerSentEvent> {
  return batched(readEvents(bytes));
}

async function* readEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly ServerSentEvent[], void> {
  const decoder = new TextDecoder();
  let ready: ServerSentEvent[] = [];
  const parser = createParser({
    maxBufferSize: maxEventLength,
    onEvent: (message) => ready.push(toEvent(message)),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw tooLong();
    },
  });
  const take = () => {
    const events = ready;
    ready = [];
    return events;
  };
  for await (const chunk of bytes) {
    parser.feed(decoder.decode(chunk, { stream: true }));
    if (ready.length > 0) yield take();
  }
  parser.feed(`${decoder.decode()}\n\n`);
  yield take().filter((event) => isWhole(event.data));
}

function toEvent(message: EventSourceMessage): ServerSentEvent {
  return { event: message.event ?? "message", data: message.data };
}

function isWhole(data: string): boolean {
  if (!/^\s*[{["]/.test(data) || data.trim() === "[DONE]") return data.trim() !== "";
  try {
    JSON.parse(data);
    return true;
  } catch {
    return false;
  }
}

function tooLong(): LivellmError {
  return new LivellmError(
    "internal",
    "bad_provider_response",
    `the provider sent an event of more than ${maxEventLength / 1024 / 1024} MiB`,
  );
}
