import { writeJson } from "./json-text.ts";

/** Stands in a message where its audio goes: before any text that is not of the adapter's own. */
export const audioHere = "{audio}";

/**
 * Makes messages of JSON that hold audio in base64, as UTF-8: `message` is one of them, with {@link audioHere} for its audio.
 * Hot: 100 ms at 24,000 Hz take 1 µs; by way of a string, which is copied five times, they took 7 µs and left 30 KB behind.
 */
export function audioWriter(message: object): (audio: Uint8Array) => Uint8Array {
  const json = writeJson(message);
  const at = json.indexOf(`"${audioHere}"`) + 1;
  const before = Buffer.from(json.slice(0, at));
  const after = Buffer.from(json.slice(at + audioHere.length));
  return (audio) => {
    const base64 = Buffer.from(audio.buffer, audio.byteOffset, audio.byteLength).toString("base64");
    const text = Buffer.allocUnsafe(before.length + base64.length + after.length);
    text.set(before);
    text.write(base64, before.length, "latin1");
    text.set(after, before.length + base64.length);
    return text;
  };
}
