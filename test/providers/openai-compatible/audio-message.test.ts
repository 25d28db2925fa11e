import { describe, expect, test } from "vitest";
import type { TextMessage } from "../../../src/core/upstream.ts";
import { audioHere, audioWriter } from "../../../src/providers/openai-compatible/audio-message.ts";

function written({ byteLength, write }: TextMessage): string {
  const target = Buffer.alloc(byteLength + 2, "-");
  write(target, 1);
  expect(`${target.at(0)}${target.at(-1)}`).toBe("4545");
  return target.toString("utf8", 1, byteLength + 1);
}

describe("messages that hold audio", () => {
  test("are the JSON that they would be", () => {
    const write = audioWriter({ type: "ärger", audio: audioHere, final: false });
    for (const length of [0, 1, 2, 3, 4, 4799, 4800, 4801]) {
      const audio = Uint8Array.from({ length: length + 1 }, (_, i) => i * 37).subarray(1);
      const said = JSON.stringify({ type: "ärger", audio: Buffer.from(audio).toString("base64"), final: false });
      expect(written(write(audio)), `${length} bytes`).toBe(said);
    }
  });

  test("leave text behind the audio alone, whatever it says", () => {
    const write = audioWriter({ audio: audioHere, text: audioHere });
    expect(JSON.parse(written(write(Uint8Array.of(1, 2, 3))))).toEqual({
      audio: "AQID",
      text: audioHere,
    });
  });
});
