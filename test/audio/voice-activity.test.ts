import { describe, expect, test } from "vitest";
import { convertAudio } from "../../src/audio/convert.ts";
import { createFvadLoader } from "../../src/audio/fvad.ts";
import { pcmToFloat } from "../../src/audio/pcm.ts";
import type { SegmenterEvent } from "../../src/audio/segmenter.ts";
import { createSpeechSegmenter } from "../../src/audio/speech-segmenter.ts";
import type { VoiceActivity } from "../../src/audio/vad.ts";
import { createVoiceActivityFactory } from "../../src/audio/voice-activity.ts";
import { between, type Local, notInstalled, openLocal, pcm16k, speak } from "../providers/local/engine.ts";
import { cut } from "./chunkings.ts";
import { noise } from "./measure.ts";

const text = "The weather in the mountains was cold and very windy.";

const detectors = [
  { name: "WebRTC's", why: undefined, open: () => createFvadLoader()() },
  {
    name: "Silero's",
    why: notInstalled,
    open: async (local: Local) => local.engine.voiceActivity(),
  },
];

/** Where it is louder than -40 dB, in samples. */
function loudEdges(samples: Float32Array): readonly [number, number] {
  const loud = (sample: number) => Math.abs(sample) > 0.01;
  return [samples.findIndex(loud), samples.findLastIndex(loud)];
}

async function segment(vad: VoiceActivity, samples: Float32Array, sizes: readonly number[]): Promise<SegmenterEvent[]> {
  const segmenter = createSpeechSegmenter(vad, {});
  const events: SegmenterEvent[] = [];
  for (const piece of cut(samples, sizes)) events.push(...(await segmenter.push(piece)));
  events.push(...segmenter.flush());
  segmenter.close();
  return events;
}

describe.each(detectors)("$name voice activity detection", ({ why, open }) => {
  test("finds two sentences where they are, also through µ-law, however the audio is cut", async ({ skip }) => {
    if (why) skip(why);
    await using local = openLocal();
    for (const voice of ["slt", "rms"]) {
      const one = await speak(local, voice, text);
      const pcm = between(0, between(700, one, 1000), one.length / 32 + 1000);
      pcm.set(one, 1700 * 32 + one.length);
      const ulaw = { mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 };
      const narrow = convertAudio(convertAudio(pcm, pcm16k, ulaw), ulaw, pcm16k);
      const [first, last] = loudEdges(pcmToFloat(one));
      const offsets = [700 * 16, 1700 * 16 + one.length / 2];
      for (const heard of [pcm, narrow]) {
        const samples = pcmToFloat(heard);
        const events = await segment(await open(local), samples, [320]);
        const spans = events.filter((event) => event.type === "utterance");
        expect(spans).toHaveLength(2);
        for (const [i, offset] of offsets.entries()) {
          const { speechStartSample = 0, speechEndSample = 0 } = spans[i] ?? {};
          expect(Math.abs(speechStartSample - (offset + first)) / 16, "start, ms").toBeLessThan(200);
          expect(Math.abs(speechEndSample - (offset + last)) / 16, "end, ms").toBeLessThan(250);
        }
        expect(await segment(await open(local), samples, [1, 700, 3000])).toEqual(events);
      }
    }
  });

  test("silence and soft noise are no speech", async ({ skip }) => {
    if (why) skip(why);
    await using local = openLocal();
    const soft = noise(64_000).map((sample) => sample / 200);
    for (const sound of [new Float32Array(64_000), soft]) {
      expect(await segment(await open(local), sound, [320])).toEqual([]);
    }
  });

  test("two streams do not disturb each other", async ({ skip }) => {
    if (why) skip(why);
    await using local = openLocal();
    const samples = pcmToFloat(between(500, await speak(local, "slt", text), 1000));
    const alone = await segment(await open(local), samples, [512]);
    const both = await Promise.all([
      segment(await open(local), samples, [512]),
      segment(await open(local), samples.toReversed(), [512]),
    ]);
    expect(both[0]).toEqual(alone);
  });
});

describe("the factory", () => {
  test("takes the better one where there is one, else WebRTC's", async () => {
    const better = { frameSamples: 512, sampleRateHertz: 16_000, probability: () => 0, close: () => undefined };
    expect(await createVoiceActivityFactory(async () => better)()).toBe(better);
    for (const create of [createVoiceActivityFactory(), createVoiceActivityFactory(async () => undefined)]) {
      const vad = await create();
      expect(vad).toMatchObject({ frameSamples: 480, sampleRateHertz: 16_000 });
      vad.close();
    }
  });
});

test("the segmenter gives the audio of what it found", async () => {
  await using local = openLocal();
  const samples = pcmToFloat(between(400, await speak(local, "rms", text), 900));
  const segmenter = createSpeechSegmenter(await createFvadLoader()(), {});
  let found = 0;
  for (const piece of cut(samples, [333])) {
    for (const event of await segmenter.push(piece)) {
      if (event.type !== "utterance") continue;
      found++;
      expect(segmenter.audio(event.startSample, event.endSample)).toEqual(
        samples.slice(event.startSample, event.endSample),
      );
    }
  }
  expect(found).toBe(1);
  expect(segmenter.endSample).toBe(samples.length);
  expect(segmenter.flush()).toEqual([]);
  segmenter.close();
});
