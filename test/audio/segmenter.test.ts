import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSegmenter, type SegmenterEvent, type SegmenterOptions } from "../../src/audio/segmenter.ts";

/** Frames of 10 ms at 1,000 Hz: a sample is a millisecond. */
const frame = { sampleRateHertz: 1000, frameSamples: 10 };

/** `"__###_"`: a frame each; `#` is surely speech, `_` surely none, a digit so many tenths. */
function run(picture: string, options: Partial<SegmenterOptions> = {}, { flush = true } = {}): SegmenterEvent[] {
  const segmenter = createSegmenter({ ...frame, minSpeechMs: 20, silenceMs: 50, prefixMs: 30, ...options });
  const events = [...picture].flatMap((letter) => segmenter.push(probability(letter)));
  return flush ? [...events, ...segmenter.flush()] : events;
}

function probability(letter: string): number {
  return letter === "#" ? 1 : letter === "_" ? 0 : Number(letter) / 10;
}

const started = (sample: number): SegmenterEvent => ({ type: "speech-started", sample });
const ended = (sample: number): SegmenterEvent => ({ type: "speech-ended", sample });

/** The utterances as [start, speech start, speech end, end], in samples. */
const spans = (events: readonly SegmenterEvent[]) =>
  events
    .filter((event) => event.type === "utterance")
    .map((u) => [u.startSample, u.speechStartSample, u.speechEndSample, u.endSample]);

describe("an utterance", () => {
  test("is told where it starts, where it ended, and whole", () => {
    expect(run("_____####________")).toEqual([
      started(50),
      ended(90),
      {
        type: "utterance",
        startSample: 20,
        endSample: 140,
        speechStartSample: 50,
        speechEndSample: 90,
        complete: true,
      },
    ]);
  });

  test("is told as soon as it can be: after the speech that it takes, and after the silence", () => {
    expect(run("_____#", {}, { flush: false })).toEqual([]);
    expect(run("_____##", {}, { flush: false })).toEqual([started(50)]);
    expect(run("_____####____", {}, { flush: false })).toEqual([started(50)]);
    expect(run("_____####_____", {}, { flush: false })).toHaveLength(3);
  });

  test("a click is none", () => expect(run("____#____#_#____")).toEqual([]));

  test("a pause that is shorter than the silence is inside it", () => {
    expect(spans(run("___##____##_______"))).toEqual([[0, 30, 110, 160]]);
  });

  test("speech goes on a little below the threshold, and does not begin there", () => {
    expect(spans(run("___##4444444______"))).toEqual([[0, 30, 120, 170]]);
    expect(run("___4444444________")).toEqual([]);
    expect(spans(run("___33333333_______", { threshold: 0.3 }))).toEqual([[0, 30, 110, 160]]);
  });

  test("at the very beginning has no prefix, at the very end no silence", () => {
    expect(spans(run("####"))).toEqual([[0, 0, 40, 40]]);
  });

  test("the prefix does not reach into the one before", () => {
    const events = run("##______##______", { silenceMs: 10, prefixMs: 200 });
    expect(spans(events)).toEqual([
      [0, 0, 20, 30],
      [30, 80, 100, 110],
    ]);
  });

  test("a silence of 0 ends it with the first quiet frame", () => {
    expect(spans(run("_##_##_", { silenceMs: 0 }))).toEqual([
      [0, 10, 30, 40],
      [40, 40, 60, 70],
    ]);
  });

  test("at most 300 ms of silence stay behind it", () => {
    expect(spans(run(`##${"_".repeat(100)}`, { silenceMs: 900 }))).toEqual([[0, 0, 20, 320]]);
  });
});

describe("the caller's turns", () => {
  const manual = { silenceMs: Number.POSITIVE_INFINITY };

  test("without a silence only a flush ends it", () => {
    expect(run(`##${"_".repeat(500)}##`, manual, { flush: false })).toEqual([started(0)]);
    expect(spans(run(`##${"_".repeat(500)}##`, manual))).toEqual([[0, 0, 5040, 5040]]);
  });

  test("a flush where nobody spoke is nothing; frames go on counting", () => {
    const segmenter = createSegmenter({ ...frame, ...manual, minSpeechMs: 20, prefixMs: 100 });
    segmenter.push(0);
    expect(segmenter.flush(17)).toEqual([]);
    segmenter.push(1);
    expect(segmenter.push(1)).toEqual([started(17)]);
    expect(spans(segmenter.flush(35))).toEqual([[17, 17, 30, 35]]);
  });
});

describe("an utterance that is too long", () => {
  test("is cut at the quietest place of its last quarter, and loses nothing", () => {
    const events = run(`${"#".repeat(8)}6#${"#".repeat(3)}______`, { maxUtteranceMs: 100 });
    expect(spans(events)).toEqual([
      [0, 0, 90, 90],
      [90, 90, 130, 180],
    ]);
    expect(events.filter(({ type }) => type === "speech-started")).toHaveLength(1);
    expect(events.map((event) => (event.type === "utterance" ? event.complete : event.type))).toEqual([
      "speech-started",
      false,
      "speech-ended",
      true,
    ]);
  });

  test("what is left of it may be silence: then there is no other", () => {
    const events = run(`${"#".repeat(8)}${"_".repeat(30)}`, { maxUtteranceMs: 100, silenceMs: 200 });
    expect(spans(events)).toEqual([[0, 0, 80, 100]]);
    expect(events.at(-1)).toEqual(ended(80));
  });
});

test("whatever is heard, utterances are in order, apart, and hold all the speech that was told", () => {
  const options = fc.record({
    silenceMs: fc.integer({ min: 0, max: 100 }),
    prefixMs: fc.integer({ min: 0, max: 100 }),
    minSpeechMs: fc.integer({ min: 0, max: 40 }),
    maxUtteranceMs: fc.integer({ min: 100, max: 400 }),
  });
  const heard = fc.array(fc.constantFrom(0, 0, 0.4, 0.6, 1, 1), { maxLength: 200 });
  const property = fc.property(options, heard, (chosen, probabilities) => {
    const segmenter = createSegmenter({ ...frame, ...chosen });
    const events: SegmenterEvent[] = [];
    for (const one of probabilities) {
      const needed = segmenter.neededSample;
      const found = segmenter.push(one);
      for (const event of found)
        if (event.type === "utterance") expect(event.startSample).toBeGreaterThanOrEqual(needed);
      events.push(...found);
    }
    events.push(...segmenter.flush());
    const starts = events.filter(({ type }) => type === "speech-started");
    expect(events.filter(({ type }) => type === "speech-ended")).toHaveLength(starts.length);
    let last = 0;
    for (const [start = 0, speechStart = 0, speechEnd = 0, end = 0] of spans(events)) {
      expect(start).toBeGreaterThanOrEqual(last);
      expect(speechStart).toBeGreaterThanOrEqual(start);
      expect(speechEnd).toBeGreaterThan(speechStart);
      expect(end).toBeGreaterThanOrEqual(speechEnd);
      expect(end - start).toBeLessThanOrEqual(chosen.maxUtteranceMs + 300);
      last = end;
    }
    expect(last).toBeLessThanOrEqual(probabilities.length * 10);
  });
  fc.assert(property, { numRuns: 300 });
});
