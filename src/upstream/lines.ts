import { LivellmError } from "../core/error.ts";
import type { Batched } from "../streams/batches.ts";
import { type Conversion, converted } from "../streams/converted.ts";

/** The longest line we keep, in UTF-16 code units. */
const maxLineLength = 32 * 1024 * 1024;

/** Reads lines from bytes cut anywhere; LF and CRLF end a line, empty ones are left out, the last needs no end. */
export function readLines(bytes: AsyncIterable<Uint8Array>): Batched<string> {
  return converted(bytes, splitLines());
}

function splitLines(): Conversion<Uint8Array, string> {
  // A BOM at the beginning goes with the white space of the first line. Left to node's decoder, one that follows a broken
  // code point is kept or not as the bytes happen to be cut.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let lines: string[] = [];
  let fragments: string[] = [];
  let length = 0;
  const complete = (end: string) => {
    const line = (fragments.length > 0 ? fragments.join("") + end : end).trim();
    fragments = [];
    length = 0;
    if (line !== "") lines.push(line);
  };
  const readChunk = (chunk: Uint8Array) => {
    const pieces = decoder.decode(chunk, { stream: true }).split("\n");
    const rest = pieces.pop() ?? "";
    for (const piece of pieces) complete(piece);
    if (rest !== "") fragments.push(rest);
    length += rest.length;
    if (length > maxLineLength) throw tooLong();
  };
  return {
    read(chunks) {
      for (const chunk of chunks) readChunk(chunk);
      return false;
    },
    end(failure) {
      if (failure) throw failure.error;
      complete(decoder.decode());
    },
    take() {
      const taken = lines;
      lines = [];
      return taken;
    },
  };
}

function tooLong(): LivellmError {
  return new LivellmError(
    "internal",
    "bad_provider_response",
    `the provider sent a line of more than ${maxLineLength / 1024 / 1024} MiB`,
  );
}
