import fc from "fast-check";
import { expect, test } from "vitest";
import { createFramer } from "../../src/audio/frames.ts";
import { chunking, cut } from "./chunkings.ts";

const form = (mimeType: string, sampleRateHertz: number, channelCount = 1) => ({
  mimeType,
  sampleRateHertz,
  channelCount,
});
const some = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

test.each([
  [form("audio/pcm", 16_000), 20, 640],
  [form("audio/pcm", 24_000, 2), 20, 1920],
  [form("audio/ulaw", 8000), 20, 160],
  [form("audio/alaw", 8000), 1000, 8000],
])("%o in frames of %i ms: %i bytes", (format, chunkMs, size) => {
  const input = some(size * 3 + 5);
  const property = fc.property(chunking, (sizes) => {
    const framer = createFramer(format, chunkMs);
    const frames = cut(input, sizes).flatMap((piece) => framer.push(piece).map((frame) => Buffer.from(frame)));
    expect(frames.map(({ length }) => length)).toEqual([size, size, size]);
    const rest = framer.flush();
    expect(rest.map(({ length }) => length)).toEqual([5]);
    expect(new Uint8Array(Buffer.concat([...frames, ...rest]))).toEqual(input);
  });
  fc.assert(property, { numRuns: 30 });
});

test("a rate without whole frames: n of them last n times as long", () => {
  const frames = createFramer(form("audio/pcm", 11_025), 10).push(some(11_025 * 2));
  expect(frames).toHaveLength(100);
  expect(new Set(frames.map(({ length }) => length))).toEqual(new Set([220, 222]));
  expect(frames.reduce((sum, { length }) => sum + length, 0)).toBe(22_050);
});

test("nothing left, no frame", () => {
  const framer = createFramer(form("audio/ulaw", 8000), 20);
  expect(framer.push(some(160))).toHaveLength(1);
  expect(framer.flush()).toEqual([]);
});

test.each([form("audio/wav", 16_000), form("audio/mpeg", 24_000), form("audio/pcm", 0)])(
  "%o cannot be cut",
  (format) => {
    expect(() => createFramer(format, 20)).toThrow(RangeError);
  },
);
