import { describe, expect, test } from "vitest";
import { designLowPass, type PolyphaseFilter } from "../../src/audio/low-pass.ts";
import { toInt16 } from "../../src/audio/pcm.ts";
import { type FilterRun, type SampleKernel, sampleKernel } from "../../src/audio/sample-kernel.ts";
import { agreementDb, noise } from "./measure.ts";

/** On every processor that the tests run on. */
const kernel = sampleKernel as SampleKernel;

/** The same in 64 bits, one product after the other. */
function filtered(length: number, { filter, up, down, window, start, phase }: FilterRun): Float32Array {
  const { rows, taps } = filter;
  return Float32Array.from({ length }, (_, i) => {
    const place = phase + i * down;
    const [row, first] = [(place % up) * taps, start + Math.floor(place / up)];
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) sum += (rows[row + tap] ?? 0) * (window[first + tap] ?? 0);
    return sum;
  });
}

describe("the filter", () => {
  test.each([
    [3, 2, 2400],
    [2, 3, 1067],
    [1, 6, 500],
    [6, 1, 3000],
    [160, 147, 40_000],
    [147, 160, 33_000],
    [80, 441, 5000],
  ])("%i / %i, %i outputs: what products and sums come to", (up, down, length) => {
    const filter = designLowPass(up, down);
    expect(kernel.takes(filter)).toBe(true);
    const phase = up - 1;
    const window = noise(3 + Math.floor((phase + (length - 1) * down) / up) + filter.taps);
    const run = { filter, up, down, window, start: 3, phase };
    const output = kernel.filter(length, run);
    expect(agreementDb(filtered(length, run), output)).toBeGreaterThan(130);
  });

  test("of another ratio in between changes nothing", () => {
    const run = (filter: PolyphaseFilter) => ({ filter, up: 3, down: 2, window: noise(200), start: 0, phase: 0 });
    const [one, other, again] = [2, 4, 2].map((down) => kernel.filter(100, run(designLowPass(3, down))).slice());
    expect(other).not.toEqual(one);
    expect(again).toEqual(one);
  });

  test("has no room for any number of coefficients", () => {
    expect(kernel.takes(designLowPass(1000, 5999))).toBe(false);
  });
});

describe("16 bits", () => {
  const edges = [0, -0, 1, -1, 2, -2, 1e9, -1e9, 1e-40, 0.999_984_7, -0.999_984_7, Number.NaN, Infinity, -Infinity];
  const halves = [-32_768, -32_767, -3, -2, -1, 0, 1, 2, 32_766, 32_767].flatMap((whole) =>
    [whole + 0.5, Math.fround(whole + 0.499_999), whole + 0.500_001].map((sample) => sample / 32_768),
  );

  test.each([0, 1, 7, 8, 9, 2400, 16_384, 16_385, 40_000])("%i samples are what each of them is", (length) => {
    const some = [...edges, ...halves, 0.499_999_97 / 32_768];
    const samples = noise(length).map((sample, i) => (i % 3 === 0 ? (some[i % some.length] ?? 0) : sample));
    const pcm = kernel.toPcm(samples);
    expect(pcm.length).toBe(length * 2);
    expect(new Int16Array(pcm.buffer)).toEqual(Int16Array.from(samples, toInt16));
  });
});
