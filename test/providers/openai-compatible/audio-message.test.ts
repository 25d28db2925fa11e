import { describe, expect, test } from "vitest";
import { audioHere, audioWriter } from "../../../src/providers/openai-compatible/audio-message.ts";

describe("messages that hold audio", () => {
  test("are the JSON that they would be", () => {
    const write = audioWriter({ type: "ärger", audio: audioHere, final: false });
    for (const length of [0, 1, 2, 3, 4, 4799, 4800, 4801]) {
      const audio = Uint8Array.from({ length: length + 1 }, (_, i) => i * 37).subarray(1);
      const said = JSON.stringify({ type: "ärger", audio: Buffer.from(audio).toString("base64"), final: false });
      expect(Buffer.from(write(audio)).toString("utf8"), `${length} bytes`).toBe(said);
    }
  });

  test("leave text behind the audio alone, whatever it says", () => {
    const write = audioWriter({ audio: audioHere, text: audioHere });
    expect(JSON.parse(Buffer.from(write(Uint8Array.of(1, 2, 3))).toString("utf8"))).toEqual({
      audio: "AQID",
      text: audioHere,
    });
  });
});
