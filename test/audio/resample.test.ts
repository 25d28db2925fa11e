import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { floatToPcm, pcmToFloat } from "../../src/audio/pcm.ts";
import { createResampler, type Resampler } from "../../src/audio/resample.ts";
import { chunking, cut } from "./chunkings.ts";
import { agreementDb, levelDb, noise, sinadDb, tone } from "./measure.ts";
import { noSox, sox, speexResample } from "./oracles.ts";

const usual = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const pairs = usual.flatMap((from) => usual.filter((to) => to !== from).map((to) => [from, to] as const));
const odd = [
  [8001, 47_999],
  [47_999, 8001],
  [12_347, 16_000],
  [47_992, 8000],
] as const;

function whole(resampler: Resampler, samples: Float32Array): Float32Array {
  return Float32Array.of(...resampler.push(samples), ...resampler.flush());
}

const resample = (samples: Float32Array, from: number, to: number) => whole(createResampler(from, to), samples);

describe("quality", () => {
  test.each([...pairs, ...odd])("%i → %i Hz: SINAD of 1 kHz and of the upper band at least 95 dB", (from, to) => {
    const upper = Math.round(Math.min(from, to) * 0.35);
    for (const hertz of [1000, upper]) {
      expect(sinadDb(resample(tone(hertz, from, from / 2), from, to), hertz, to), `${hertz} Hz`).toBeGreaterThan(95);
    }
  });

  test.each([...pairs, ...odd].filter(([from, to]) => to < from))(
    "%i → %i Hz: what lies above the new Nyquist frequency is at least 90 dB down",
    (from, to) => {
      const full = levelDb(tone(1000, 8000, 8000));
      const places = [1, 1.01, 1.05, 1.2, 1.5, 1.9, 2.5, 3.9].map((place) => Math.round((place * to) / 2));
      const aliases = places.filter((hertz) => hertz < from / 2);
      expect(aliases.length).toBeGreaterThan(0);
      for (const hertz of aliases) {
        const alias = levelDb(resample(tone(hertz, from, from / 2), from, to)) - full;
        expect(alias, `${hertz} Hz`).toBeLessThan(-90);
      }
    },
  );

  test.each(pairs)("%i → %i Hz: speech up to 0.7 of the band stays as loud as it was", (from, to) => {
    for (const place of [0.05, 0.3, 0.5, 0.68]) {
      const hertz = (place * Math.min(from, to)) / 2;
      const before = tone(hertz, from, from / 2);
      expect(Math.abs(levelDb(resample(before, from, to)) - levelDb(before)), `${hertz} Hz`).toBeLessThan(0.1);
    }
  });

  test("there is no delay: a pulse stays where it was", () => {
    for (const [from, to] of [...pairs, ...odd]) {
      const pulse = new Float32Array(from / 10);
      pulse[Math.floor(from * 0.05)] = 1;
      const after = resample(pulse, from, to);
      const peak = after.indexOf(Math.max(...after));
      expect(Math.abs(peak / to - Math.floor(from * 0.05) / from)).toBeLessThan(0.6 / Math.min(from, to));
    }
  });
});

describe("the input may be cut anywhere", () => {
  test.each([
    [8000, 24_000],
    [24_000, 16_000],
    [44_100, 16_000],
    [48_000, 8000],
    [44_100, 48_000],
    [8001, 47_999],
  ])("%i → %i Hz: the same samples, bit for bit", (from, to) => {
    const input = noise(5000);
    const expected = resample(input, from, to);
    const property = fc.property(chunking, (sizes) => {
      const resampler = createResampler(from, to);
      const pieces = cut(input, sizes).map((piece) => resampler.push(piece).slice());
      expect(Float32Array.of(...pieces.flatMap((piece) => [...piece]), ...resampler.flush())).toEqual(expected);
    });
    fc.assert(property, { numRuns: 25 });
  });

  test("sample by sample too", () => {
    const input = noise(700);
    const resampler = createResampler(44_100, 16_000);
    const one = [...input].flatMap((sample) => [...resampler.push(Float32Array.of(sample))]);
    expect(Float32Array.of(...one, ...resampler.flush())).toEqual(resample(input, 44_100, 16_000));
  });

  test("the count is exact for any length and any rates, the tail included", () => {
    const rate = fc.integer({ min: 8000, max: 48_000 });
    const property = fc.property(rate, rate, fc.integer({ min: 0, max: 2000 }), (from, to, length) => {
      expect(resample(noise(length), from, to).length).toBe(Math.ceil((length * to) / from));
    });
    fc.assert(property, { numRuns: 60 });
  });

  test("after a flush it starts anew", () => {
    const resampler = createResampler(48_000, 16_000);
    const first = whole(resampler, noise(3000));
    expect(whole(resampler, noise(3000))).toEqual(first);
  });

  test("the same rate passes through", () => {
    const input = noise(10);
    expect(resample(input, 16_000, 16_000)).toEqual(input);
  });
});

/** Up to 0.6 of the lower band, where every good resampler is flat. */
function chord(from: number, to: number): Float32Array {
  const places = [0.04, 0.11, 0.23, 0.41, 0.6];
  const tones = places.map((place) => tone((place * Math.min(from, to)) / 2, from, from / 2));
  return Float32Array.from({ length: from / 2 }, (_, i) =>
    tones.reduce((sum, one) => sum + (one[i] ?? 0) / places.length, 0),
  );
}

const some = [
  [8000, 24_000],
  [24_000, 16_000],
  [44_100, 16_000],
  [48_000, 8000],
  [44_100, 48_000],
] as const;

describe("others come to the same", () => {
  test.each(some)("Speex, %i → %i Hz", async (from, to) => {
    const input = chord(from, to);
    const other = await speexResample(input, from, to);
    expect(agreementDb(other, resample(input, from, to))).toBeGreaterThan(80);
  });

  test.for(some)("sox, %i → %i Hz", ([from, to], { skip }) => {
    if (noSox) skip(noSox);
    const pcm = floatToPcm(chord(from, to));
    const raw = (rate: number) => ["-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", String(rate), "-"];
    const other = pcmToFloat(sox(["-D", ...raw(from), ...raw(to), "rate", "-v"], pcm));
    const ours = resample(pcmToFloat(pcm), from, to);
    expect(other.length).toBe(ours.length);
    expect(agreementDb(other, ours)).toBeGreaterThan(75);
  });
});
