import { describe, expect, test } from "vitest";
import type { SessionEvent } from "../../src/live/session-event.ts";
import { Transcript } from "../../src/live/transcript.ts";

type Segment = Extract<SessionEvent, { type: "segment" }>;

function segment(key: string, text: string, times: { startMs?: number; endMs?: number; final?: boolean }): Segment {
  const { startMs, endMs, final = false } = times;
  return {
    type: "segment",
    key,
    text,
    startMs,
    endMs,
    final,
    ...(final && endMs !== undefined && { coveredMs: endMs }),
  };
}

function told(transcript: Transcript, ...events: readonly SessionEvent[]) {
  return events.flatMap((event) => transcript.read(event));
}

describe("what is covered", () => {
  test("is up to the end of the last final segment", () => {
    const transcript = new Transcript(false);
    told(transcript, segment("a", "one", { startMs: 0, endMs: 500, final: true }));
    expect(transcript.coveredMs).toBe(500);
  });

  test("stops at a segment before it that is not final", () => {
    const transcript = new Transcript(false);
    told(
      transcript,
      segment("a", "one", { startMs: 100, endMs: 500 }),
      segment("b", "two", { startMs: 500, endMs: 900, final: true }),
    );
    expect(transcript.coveredMs).toBe(100);
    told(transcript, segment("a", "one.", { startMs: 100, endMs: 500, final: true }));
    expect(transcript.coveredMs).toBe(900);
  });
});

describe("another target", () => {
  test("does not repeat a final segment that is ahead of one that was not", () => {
    const transcript = new Transcript(false);
    told(
      transcript,
      segment("a", "one", { startMs: 100, endMs: 500 }),
      segment("b", "two", { startMs: 500, endMs: 900, final: true }),
    );
    transcript.startSession();
    const again = told(
      transcript,
      segment("x", "one!", { startMs: 100, endMs: 490, final: true }),
      segment("y", "two!", { startMs: 510, endMs: 880, final: true }),
      segment("z", "three", { startMs: 900, endMs: 1200, final: true }),
    );
    expect(again.map((event) => event.type === "segment" && [event.segment.index, event.segment.text])).toEqual([
      [0, "one!"],
      [2, "three"],
    ]);
    expect(transcript.text).toBe("one! two three");
  });

  test("says nothing twice of who speaks when", () => {
    const transcript = new Transcript(false);
    expect(told(transcript, { type: "speech-started", offsetMs: 100 })).toHaveLength(1);
    transcript.startSession();
    expect(told(transcript, { type: "speech-started", offsetMs: 100 })).toEqual([]);
    expect(told(transcript, { type: "speech-ended", offsetMs: 50 })).toEqual([]);
    expect(told(transcript, { type: "speech-ended", offsetMs: 700 })).toHaveLength(1);
  });

  test("what nobody said again is taken back in the end", () => {
    const transcript = new Transcript(false);
    told(transcript, segment("a", "um", { startMs: 0, endMs: 100 }));
    transcript.startSession();
    expect(transcript.finish(500)).toMatchObject([
      { type: "segment", segment: { index: 0, text: "", final: true } },
      { type: "turn-ended" },
    ]);
    expect(transcript.text).toBe("");
  });
});

test("what the last target never made final is final in the end", () => {
  const transcript = new Transcript(false);
  told(transcript, segment("a", "half a sen", { startMs: 0 }));
  expect(transcript.finish(500)).toMatchObject([
    { segment: { text: "half a sen", final: true } },
    { type: "turn-ended" },
  ]);
});

test("a final segment without words that nobody saw is none", () => {
  const transcript = new Transcript(false);
  expect(told(transcript, segment("a", "", { startMs: 0, endMs: 100, final: true }))).toEqual([]);
  expect(told(transcript, segment("b", "one", { startMs: 100, endMs: 200, final: true }))).toMatchObject([
    { segment: { index: 0 } },
  ]);
});
