import { LivellmError } from "../core/error.ts";
import { type Batched, batched } from "../streams/batches.ts";

/** The longest line we keep, in UTF-16 code units. */
const maxLineLength = 32 * 1024 * 1024;

/** Reads lines from bytes cut anywhere; LF and CRLF end a line, empty ones are left out, the last needs no end. */
export function readLines(bytes: AsyncIterable<Uint8Array>): Batched<string> {
  return batched(readBatches(bytes));
}

async function* readBatches(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[], void> {
  // A BOM at the beginning goes with the white space of the first line. Left to node's decoder, one that follows a broken
  // code point is kept or not as the bytes happen to be cut.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let fragments: string[] = [];
  let length = 0;
  const complete = (end: string) => {
    const line = fragments.length > 0 ? fragments.join("") + end : end;
    fragments = [];
    length = 0;
    return line.trim();
  };
  for await (const chunk of bytes) {
    const pieces = decoder.decode(chunk, { stream: true }).split("\n");
    const rest = pieces.pop() ?? "";
    const lines = pieces.map(complete).filter((line) => line !== "");
    if (lines.length > 0) yield lines;
    if (rest !== "") fragments.push(rest);
    length += rest.length;
    if (length > maxLineLength) throw tooLong();
  }
  const last = complete(decoder.decode());
  if (last !== "") yield [last];
}

function tooLong(): LivellmError {
  return new LivellmError(
    "internal",
    "bad_provider_response",
    `the provider sent a line of more than ${maxLineLength / 1024 / 1024} MiB`,
  );
}
