import { createParser, type EventSourceMessage } from "eventsource-parser";
import { LivellmError } from "../core/error.ts";
import type { ServerSentEvent } from "../core/upstream.ts";
import type { Batched } from "../streams/batches.ts";
import { type Conversion, converted } from "../streams/converted.ts";

/** The longest line or event we keep, in UTF-16 code units; vendors send images as one line of base64. */
const maxEventLength = 32 * 1024 * 1024;

/**
 * Reads server-sent events from bytes cut anywhere: CRLF, lone CR, BOM, comments, split code points and long lines are fine.
 * An event at the very end that no empty line closes counts when it is whole (JSON that parses, or a word such as [DONE]):
 * some servers leave out the last newline. A piece of one is dropped, so that the missing terminal event shows.
 */
export function readServerSentEvents(bytes: AsyncIterable<Uint8Array>): Batched<ServerSentEvent> {
  return converted(bytes, readEvents());
}

function readEvents(): Conversion<Uint8Array, ServerSentEvent> {
  const decoder = new TextDecoder();
  let ready: ServerSentEvent[] = [];
  const parser = createParser({
    maxBufferSize: maxEventLength,
    onEvent: (message) => ready.push(toEvent(message)),
    onError: (error) => {
      if (error.type === "max-buffer-size-exceeded") throw tooLong();
    },
  });
  return {
    read(chunks) {
      for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }));
      return false;
    },
    end(failure) {
      if (failure) throw failure.error;
      parser.feed(`${decoder.decode()}\n\n`);
      ready = ready.filter((event) => isWhole(event.data));
    },
    take() {
      const events = ready;
      ready = [];
      return events;
    },
  };
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
