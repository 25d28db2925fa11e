import type { TextMessage } from "../../core/upstream.ts";
import { writeJson } from "./json-text.ts";

/** Stands in a message where its audio goes: before any text that is not of the adapter's own. */
export const audioHere = "{audio}";

/**
 * Makes messages of JSON that hold audio in base64: `message` is one of them, with {@link audioHere} for its audio. Hot: 100 ms at
 * 24,000 Hz take 1 µs; by way of JSON.stringify, which copies the text five times, they took 7 µs and left 30 KB behind.
 */
export function audioWriter(message: object): (audio: Uint8Array) => TextMessage {
  const json = writeJson(message);
  const at = json.indexOf(`"${audioHere}"`) + 1;
  const before = Buffer.from(json.slice(0, at));
  const after = Buffer.from(json.slice(at + audioHere.length));
  return (audio) => {
    const base64 = Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength).toString("base64");
    return {
      byteLength: before.length + base64.length + after.length,
      write(target, offset) {
        target.set(before, offset);
        target.write(base64, offset + before.length, "latin1");
        target.set(after, offset + before.length + base64.length);
      },
    };
  };
}
