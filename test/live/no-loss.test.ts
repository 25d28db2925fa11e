import fc from "fast-check";
import { expect, test } from "vitest";
import type { NumberedSegment, TranscriptionInput } from "../../src/live/transcription-event.ts";
import { planOf, transcribe } from "./live-call.ts";
import { numberAt, numberedSamples, samplesOf } from "./numbered-audio.ts";
import { createRecogniser, type Recogniser, readsNumbers } from "./scripted-recogniser.ts";

const secondsOfAudio = 1.5;

/** The audio, cut into pieces of these sizes, again and again. */
async function* cut(audio: Uint8Array, sizes: readonly number[]): AsyncGenerator<TranscriptionInput> {
  for (let at = 0, i = 0; at < audio.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield { type: "audio", data: audio.subarray(at, at + size) };
    at += size;
  }
}

async function finalsOf(recognisers: readonly Recogniser[], input: AsyncIterable<TranscriptionInput>) {
  const finals: NumberedSegment[] = [];
  for await (const event of transcribe(planOf(...recognisers), input)) {
    if (event.type === "segment" && event.segment.final) finals.push(event.segment);
  }
  return finals;
}

/** Whether these samples follow one another as they do in the audio. */
function isUnbroken(audio: Uint8Array): boolean {
  const samples = samplesOf(audio);
  const place = samples[0] ?? 0;
  return samples.every((sample, i) => sample === numberAt(place + i));
}

test("whenever targets die and however the audio is cut, every sample is heard and every segment is final once", async () => {
  const everyMs = fc.constantFrom(20, 60, 100, 140);
  const deaths = fc.array(fc.integer({ min: 10, max: 700 }), { minLength: 1, maxLength: 3 });
  const sizes = fc.array(fc.integer({ min: 31, max: 9000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(everyMs, deaths, sizes, async (every, diesAt, pieces) => {
      const frames = 16_000 * secondsOfAudio;
      const recognisers = [
        ...diesAt.map((diesAtMs) => readsNumbers({ everyMs: every, diesAtMs })),
        readsNumbers({ everyMs: every }),
      ];
      const scripted = recognisers.map((script) => createRecogniser(script));
      const finals = await finalsOf(scripted, cut(numberedSamples(0, frames), pieces));
      expect(finals.map(({ index }) => index)).toEqual(finals.map((_, i) => i));
      let at = 0;
      for (const { startMs = -1, endMs = -1, text } of finals) {
        expect(startMs).toBe(at);
        expect(text).toBe(`${numberAt(startMs * 16)}-${numberAt(endMs * 16 - 1)}`);
        at = endMs;
      }
      expect(at).toBe(secondsOfAudio * 1000);
      const sessions = scripted.flatMap((recogniser) => recogniser.sessions);
      expect(sessions.map((session) => isUnbroken(session.audio()))).toEqual(sessions.map(() => true));
    }),
    { numRuns: 60 },
  );
});
