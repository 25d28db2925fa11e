import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { convertAudio } from "../../../src/audio/convert.ts";
import { encodeSamples } from "../../../src/audio/sample-encoding.ts";
import { writeWav } from "../../../src/audio/wav.ts";
import type { AudioFormat } from "../../../src/core/audio-format.ts";
import { createDetokenizer } from "../../../src/providers/local/detokenize.ts";
import { endOfRepetition } from "../../../src/providers/local/repetition.ts";
import { noise } from "../../audio/measure.ts";
import { between, forever, type Local, notInstalled, openLocal, pcm16k, speak, transcriptionCall } from "./engine.ts";
import { loopShare } from "./event-loop.ts";
import { wordErrors } from "./word-errors.ts";

const sentences = [
  "My order number is 4721 and the package never arrived at my house.",
  "Please call me back tomorrow morning before ten o'clock.",
  "The weather in the mountains was cold and very windy.",
  "Could you tell me how much the train to Geneva costs?",
  "We have moved the meeting to Thursday afternoon.",
  "The children were playing in the garden behind the school.",
];

const form = (name: string, sampleRateHertz: number): AudioFormat => ({
  mimeType: `audio/${name}`,
  sampleRateHertz,
  channelCount: 1,
});

/** What lies between the speaker and the recogniser. */
const paths: Readonly<Record<string, readonly AudioFormat[]>> = {
  "24,000 Hz": [form("pcm", 24_000)],
  "µ-law at 8,000 Hz": [form("ulaw", 8000)],
  "A-law at 8,000 Hz, then 24,000 Hz": [form("alaw", 8000), form("pcm", 24_000)],
};

function recording(audio: Uint8Array, mimeType = "audio/wav", model = "moonshine-base") {
  return { ...transcriptionCall({ model }), audio, mimeType, filename: "recording" };
}

const wavOf = (pcm: Uint8Array) => writeWav(pcm16k, pcm);

describe("what was said is written down", () => {
  test.for(Object.keys(paths))(
    "through %s: at most 15 of 100 words wrong",
    { timeout: 120_000 },
    async (name, { skip }) => {
      if (notInstalled) skip(notInstalled);
      await using local = openLocal();
      for (const voice of ["slt", "rms"]) {
        const found = await Promise.all(sentences.map((sentence) => hear(local, voice, sentence, paths[name] ?? [])));
        const errors = found.reduce((sum, one) => sum + one.errors, 0);
        const words = found.reduce((sum, one) => sum + one.words, 0);
        expect(words).toBeGreaterThan(55);
        expect(errors / words, voice).toBeLessThanOrEqual(0.15);
      }
    },
  );

  test("in segments that lie where they were said", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const [first, second] = [sentences[1] ?? "", sentences[2] ?? ""];
    const [a, b] = [await speak(local, "rms", first), await speak(local, "slt", second)];
    const pcm = between(0, between(1000, a, 1500), b.length / 32 + 1000);
    pcm.set(b, 2500 * 32 + a.length);
    const result = await local.transcription.transcribe(recording(wavOf(pcm)), forever);
    expect(result).toMatchObject({ languageCode: "en", model: "moonshine-base", warnings: [] });
    expect(result.durationMs).toBe(Math.round(pcm.length / 32));
    expect(result.usage).toEqual({ inputAudioMs: result.durationMs });
    expect(result.segments.map(({ text }) => wordErrors(text, text).words)).toEqual([9, 10]);
    const starts = [1000, 2500 + a.length / 32];
    result.segments.forEach(({ startMs = 0, endMs = 0 }, i) => {
      expect(Math.abs(startMs - (starts[i] ?? 0))).toBeLessThan(350);
      expect(endMs).toBeGreaterThan(startMs + 1500);
    });
    expect(result.text).toBe(result.segments.map(({ text }) => text).join(" "));
  });

  test("what is longer than a model takes, whole", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const pcm = await speak(local, "rms", sentences.slice(1).join(" ").repeat(3));
    expect(pcm.length / 32_000).toBeGreaterThan(40);
    const { text, segments } = await local.transcription.transcribe(recording(wavOf(pcm)), forever);
    expect(segments.length).toBeGreaterThan(2);
    const { errors, words } = wordErrors(`${sentences.slice(1).join(" ")} `.repeat(3), text);
    expect(errors / words).toBeLessThan(0.15);
  });

  test("tiny does too", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const file = wavOf(between(500, await speak(local, "rms", sentences[2] ?? ""), 500));
    const { text } = await local.transcription.transcribe(recording(file, "audio/wav", "moonshine-tiny"), forever);
    expect(wordErrors(sentences[2] ?? "", text).errors).toBeLessThanOrEqual(1);
  });

  test("nothing of silence, of noise, and of no audio", async ({ skip }) => {
    if (notInstalled) skip(notInstalled);
    await using local = openLocal();
    const hiss = encodeSamples(
      "pcm16",
      noise(48_000).map((sample) => sample / 50),
    );
    for (const pcm of [new Uint8Array(96_000), hiss, new Uint8Array(0)]) {
      const result = await local.transcription.transcribe(recording(wavOf(pcm)), forever);
      expect(result).toMatchObject({ text: "", segments: [], durationMs: pcm.length / 32 });
    }
  });
});

/** Speaks a sentence, sends it through some forms, and counts what was heard wrongly. */
async function hear(local: Local, voice: string, sentence: string, forms: readonly AudioFormat[]) {
  const file = through(between(500, await speak(local, voice, sentence), 600), forms);
  const { text } = await local.transcription.transcribe(recording(file), forever);
  return wordErrors(sentence, text);
}

/** As a WAV file of the last form. */
function through(pcm: Uint8Array, forms: readonly AudioFormat[]): Uint8Array {
  let [audio, is] = [pcm, pcm16k as AudioFormat];
  for (const next of forms) [audio, is] = [convertAudio(audio, is, next), next];
  return writeWav(is, audio);
}

describe("refuses", () => {
  const ogg = new Uint8Array(Buffer.from(`OggS${"\0".repeat(40)}`));
  test.each([
    [recording(ogg, "audio/ogg"), "failed_precondition", "reads WAV and samples without a header; this is Ogg"],
    [recording(new Uint8Array(100), "audio/mpeg"), "failed_precondition", "this is audio/mpeg"],
    [recording(wavOf(new Uint8Array(4)).subarray(0, 30)), "invalid_argument", "it ends before its data chunk"],
    [recording(ogg, "audio/wav", "whisper-1"), "not_found", "no transcription model whisper-1; it has moonshine-base"],
    [{ ...recording(ogg), languageCode: "fr" }, "failed_precondition", "moonshine-base knows English only"],
    [{ ...recording(ogg), options: { beam: 5 } }, "invalid_argument", "options.beam: moonshine-base has no options"],
  ])("%#: what it cannot do", async (request, code, message) => {
    await using local = openLocal();
    const call = local.transcription.transcribe(request, forever);
    await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  test("without the models, saying which command to run; the voices are there all the same", async () => {
    await using local = openLocal(path.join(os.tmpdir(), "livellm-no-engine"));
    const call = local.transcription.transcribe(recording(wavOf(new Uint8Array(4))), forever);
    await expect(call).rejects.toMatchObject({
      code: "failed_precondition",
      reason: "unsupported",
      message: expect.stringContaining("npm run setup:local"),
    });
    expect((await local.models.list(forever)).map(({ id }) => id)).toEqual(["echo", "flite"]);
    expect((await speak(local, "slt", "Hello.")).length).toBeGreaterThan(10_000);
  });

  test("with broken models, as a failure of its own; what is asked later is asked anew", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "livellm-engine-"));
    try {
      mkdirSync(path.join(folder, "models"));
      writeFileSync(path.join(folder, "installed.json"), "{}");
      await using local = openLocal(folder);
      for (let i = 0; i < 2; i++) {
        const call = local.transcription.transcribe(recording(wavOf(new Uint8Array(64_000))), forever);
        await expect(call).rejects.toMatchObject({ code: "internal", message: expect.stringContaining("Silero") });
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("lists the models that are there", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  const ids = (await local.models.list(forever)).map(({ id }) => id);
  expect(ids).toEqual(["echo", "flite", "moonshine-base", "moonshine-tiny"]);
});

test("warns of what it has no use for", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  const request = {
    ...recording(wavOf(new Uint8Array(32))),
    prompt: "Hi",
    phrases: ["a"],
    wordTimings: true,
    speakerLabels: true,
  };
  const { warnings } = await local.transcription.transcribe(request, forever);
  expect(warnings?.map(({ field }) => field)).toEqual([
    "config.prompt",
    "config.phrases",
    "config.wordTimings",
    "config.speakerLabels",
  ]);
});

test("the event loop does not wait while it writes down", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  const file = wavOf(await speak(local, "slt", sentences.join(" ")));
  const share = await loopShare(() => local.transcription.transcribe(recording(file), forever));
  expect(share).toBeLessThan(0.5);
});

test("a cancel is heard at once, before and during, and the next call is served", async ({ skip }) => {
  if (notInstalled) skip(notInstalled);
  await using local = openLocal();
  const file = wavOf(await speak(local, "slt", sentences.join(" ").repeat(4)));
  const reason = new Error("gone");
  const before = new AbortController();
  before.abort(reason);
  await expect(local.transcription.transcribe(recording(file), before.signal)).rejects.toBe(reason);
  const during = new AbortController();
  const call = local.transcription.transcribe(recording(file), during.signal);
  while (local.engine.moonshine.idle) await new Promise(setImmediate); // until it is being written down
  during.abort(reason);
  await expect(call).rejects.toBe(reason);
  const short = wavOf(between(300, await speak(local, "rms", sentences[2] ?? ""), 300));
  expect((await local.transcription.transcribe(recording(short), forever)).text).toContain("mountains");
});

describe("tokens", () => {
  test("become text: spaces, bytes of UTF-8, marks without text", () => {
    const vocabulary = ["<unk>", "<s>", "</s>", "<0xE2>", "<0x82>", "<0xAC>", "▁Hello", ",", "▁caf", "é", "▁5"];
    const detokenize = createDetokenizer(vocabulary);
    expect(detokenize([1, 6, 7, 8, 9, 10, 3, 4, 5, 2, 99])).toBe("Hello, café 5€");
    expect(detokenize([])).toBe("");
  });

  test("that repeat six times end behind the first", () => {
    expect(endOfRepetition([5, 7, 7, 7, 7, 7, 7])).toBe(2);
    expect(endOfRepetition([5, 7, 8, 7, 8, 7, 8, 7, 8, 7, 8, 7, 8])).toBe(3);
    expect(endOfRepetition([5, 7, 7, 7, 7, 7])).toBeUndefined();
    expect(endOfRepetition([])).toBeUndefined();
  });
});
