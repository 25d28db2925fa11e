import { describe, expect, test } from "vitest";
import { chooseFormat, chooseInputFormat } from "../../src/audio/choose-format.ts";
import { createConverter } from "../../src/audio/convert.ts";
import type { AudioFormat } from "../../src/core/audio-format.ts";

const form = (name: string, sampleRateHertz = 0, channelCount = 0): AudioFormat => ({
  mimeType: `audio/${name}`,
  sampleRateHertz,
  channelCount,
});

/** As OpenAI's /audio/speech, as ElevenLabs', and one with MP3 alone. */
const openai = [form("pcm", 24_000, 1), form("mpeg"), form("ogg"), form("aac"), form("flac"), form("wav", 24_000, 1)];
const eleven = [
  form("mpeg", 44_100),
  form("mpeg", 22_050),
  form("pcm", 16_000),
  form("pcm", 44_100),
  form("ulaw", 8000),
];
const mp3Only = [form("mpeg", 24_000)];

describe("asks for what is offered", () => {
  test.each([
    ["nothing wanted: the preferred", undefined, openai, form("pcm", 24_000, 1)],
    ["the same", form("pcm", 24_000, 1), openai, form("pcm", 24_000, 1)],
    ["any rate", form("pcm"), openai, form("pcm", 24_000, 1)],
    ["another name of it", form("mp3"), openai, form("mpeg")],
    ["with a header, its own rate", form("opus"), openai, form("ogg")],
    ["WAV", form("wav"), openai, form("wav", 24_000, 1)],
    ["that rate", form("mpeg", 22_050), eleven, form("mpeg", 22_050)],
    ["µ-law, which is 8,000 Hz", form("ulaw"), eleven, form("ulaw", 8000)],
  ])("%s", (_, wanted, offered, ask) => {
    expect(chooseFormat(wanted, offered)).toEqual({ ask, warnings: [] });
  });

  test("a rate that cannot be asked for is said to be ignored", () => {
    const choice = chooseFormat(form("mpeg", 16_000), openai);
    expect(choice).toMatchObject({ ask: form("mpeg"), warnings: [{ code: "option-ignored" }] });
    expect(choice.convertTo).toBeUndefined();
  });
});

describe("converts samples and WAV", () => {
  test.each([
    ["another rate", form("pcm", 16_000, 1), openai, form("pcm", 24_000, 1), "audio-resampled"],
    ["a law", form("ulaw"), openai, form("pcm", 24_000, 1), "audio-resampled"],
    ["WAV of samples", form("wav", 16_000), eleven, form("pcm", 16_000), "audio-converted"],
    ["the lowest rate that is enough", form("pcm", 24_000), eleven, form("pcm", 44_100), "audio-resampled"],
    ["the highest where none is", form("pcm", 48_000), eleven, form("pcm", 44_100), "audio-resampled"],
    ["two channels", form("pcm", 24_000, 2), openai, form("pcm", 24_000, 1), "audio-converted"],
    ["samples of WAV", form("pcm", 8000), [form("mpeg"), form("wav", 22_050)], form("wav", 22_050), "audio-resampled"],
    ["samples of µ-law", form("pcm", 16_000), [form("ulaw", 8000)], form("ulaw", 8000), "audio-resampled"],
    [
      "an unknown rate last",
      form("pcm", 8000),
      [form("pcm"), form("pcm", 24_000)],
      form("pcm", 24_000),
      "audio-resampled",
    ],
  ])("%s", (_, wanted, offered, ask, code) => {
    const choice = chooseFormat(wanted, offered);
    expect(choice.ask).toEqual(ask);
    expect(choice.convertTo).toMatchObject({ mimeType: wanted.mimeType, channelCount: wanted.channelCount || 1 });
    expect(choice.warnings).toMatchObject([{ code, field: "config.format" }]);
    if (choice.convertTo && ask.sampleRateHertz)
      expect(() => createConverter(ask, choice.convertTo ?? ask)).not.toThrow();
  });

  test("the rate that was not said is that of the source, or the telephone's", () => {
    expect(chooseFormat(form("wav"), [form("pcm", 24_000)]).convertTo?.sampleRateHertz).toBe(24_000);
    expect(chooseFormat(form("wav"), [form("pcm")]).convertTo?.sampleRateHertz).toBe(0);
    expect(chooseFormat(form("alaw"), [form("pcm", 24_000)]).convertTo?.sampleRateHertz).toBe(8000);
  });
});

describe("refuses, and names what could be made", () => {
  test.each([
    [form("flac"), eleven, "audio/pcm, audio/ulaw, audio/alaw and audio/wav at 8000 to 48000 Hz can be made"],
    [form("pcm", 16_000), mp3Only, "this model does not make audio/pcm at 16000 Hz; it makes audio/mpeg at 24000 Hz"],
    [form("mpeg", 16_000), eleven, "it makes audio/mpeg at 44100 Hz, audio/mpeg at 22050 Hz"],
    [form("what"), openai, "does not make audio/what"],
  ])("%o", (wanted, offered, why) => {
    const choose = () => chooseFormat(wanted, offered);
    expect(choose).toThrow(expect.objectContaining({ code: "failed_precondition", reason: "unsupported" }));
    expect(choose).toThrow(why);
  });

  test("and promises no more than it can", () => {
    expect(() => chooseFormat(form("pcm"), mp3Only)).toThrow(/^((?!can be made).)*$/);
  });
});

describe("live input", () => {
  const realtime = [form("pcm", 24_000), form("ulaw", 8000), form("alaw", 8000)];
  const scribe = [8000, 16_000, 22_050, 24_000, 44_100, 48_000].map((rate) => form("pcm", rate));
  test.each([
    ["as it comes", form("ulaw", 8000, 1), realtime, form("ulaw", 8000)],
    ["as it comes", form("pcm", 44_100, 1), scribe, form("pcm", 44_100)],
    ["at the model's rate", form("pcm", 48_000, 1), realtime, form("pcm", 24_000)],
    ["at the next rate up", form("pcm", 12_000, 1), scribe, form("pcm", 16_000)],
    ["A-law at its own rate", form("alaw", 8000, 1), scribe, form("pcm", 8000)],
    ["two channels become one", form("pcm", 24_000, 2), realtime, form("pcm", 24_000)],
    ["any rate", form("pcm", 12_000, 1), [form("pcm")], form("pcm", 12_000)],
    ["not at all", form("pcm", 12_000, 1), [form("ogg")], undefined],
  ])("%s", (_, given, accepted, expected) => {
    expect(chooseInputFormat(given, accepted)).toEqual(expected);
  });
});
