import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { convertAudio, createConverter } from "../../src/audio/convert.ts";
import { decodeSamples, encodeSamples } from "../../src/audio/sample-encoding.ts";
import { closeWav, readWav, writeWav } from "../../src/audio/wav.ts";
import type { AudioFormat } from "../../src/core/audio-format.ts";
import { chunking, cut } from "./chunkings.ts";
import { noise, sinadDb, tone } from "./measure.ts";

const form = (mimeType: string, sampleRateHertz: number, channelCount = 1): AudioFormat => ({
  mimeType: `audio/${mimeType}`,
  sampleRateHertz,
  channelCount,
});
const names = ["pcm", "ulaw", "alaw", "wav"] as const;
const rates = [8000, 16_000, 24_000, 44_100, 48_000];
const encodings = { pcm: "pcm16", ulaw: "ulaw", alaw: "alaw" } as const;

/** A sound in some form. */
function make(name: (typeof names)[number], rate: number, samples: Float32Array, channels = 1): Uint8Array {
  if (name !== "wav") return encodeSamples(encodings[name], samples);
  return writeWav(form("pcm", rate, channels), encodeSamples("pcm16", samples));
}

/** The samples of a form. */
function hear(name: (typeof names)[number], bytes: Uint8Array): Float32Array {
  if (name !== "wav") return decodeSamples(encodings[name], bytes);
  const { layout, data } = readWav(bytes);
  return decodeSamples(layout.encoding, data);
}

describe("any form at any rate into any other", () => {
  const cases = names.flatMap((from) => names.map((to) => [from, to] as const));
  test.each(cases)("%s → %s", (from, to) => {
    for (const fromRate of rates) {
      for (const toRate of rates) {
        const input = make(from, fromRate, tone(1000, fromRate, fromRate / 5));
        const output = hear(to, convertAudio(input, form(from, fromRate), form(to, toRate)));
        expect(output.length).toBe(toRate / 5);
        const least = [from, to].some((name) => name === "ulaw" || name === "alaw") ? 30 : 85;
        expect(sinadDb(output, 1000, toRate), `${fromRate} → ${toRate} Hz`).toBeGreaterThan(least);
      }
    }
  });

  test("to a law and back is what the law makes of it, to PCM and back nothing", () => {
    for (const law of ["ulaw", "alaw"] as const) {
      const codes = encodeSamples(law, noise(2000));
      const pcm = convertAudio(codes, form(law, 8000), form("pcm", 8000));
      expect(pcm).toEqual(encodeSamples("pcm16", decodeSamples(law, codes)));
      const oneZero = codes.map((code) => (law === "ulaw" && code === 0x7f ? 0xff : code)); // µ-law has -0 too
      expect(convertAudio(pcm, form("pcm", 8000), form(law, 8000))).toEqual(oneZero);
    }
  });

  test("there and back through other rates keeps the sound and the length", () => {
    const original = encodeSamples("pcm16", tone(700, 16_000, 16_000));
    for (const rate of [24_000, 44_100, 48_000]) {
      const there = convertAudio(original, form("pcm", 16_000), form("pcm", rate));
      const back = convertAudio(there, form("pcm", rate), form("pcm", 16_000));
      expect(back.length).toBe(original.length);
      expect(sinadDb(decodeSamples("pcm16", back), 700, 16_000)).toBeGreaterThan(85);
    }
  });

  test("the same form goes through untouched, and unread", () => {
    const some = Uint8Array.of(1, 2, 3);
    const converter = createConverter(form("pcm", 16_000), form("pcm", 0, 0));
    expect(converter.push(some)).toBe(some);
    expect(converter.flush()).toHaveLength(0);
    expect(createConverter(form("mpeg", 24_000), form("mpeg", 24_000)).push(some)).toBe(some);
  });

  test("other names of the same forms", () => {
    const codes = encodeSamples("ulaw", noise(100));
    const usual = convertAudio(codes, form("ulaw", 8000), form("wav", 8000));
    expect(convertAudio(codes, form("PCMU; channels=1", 8000), form("x-wav", 8000))).toEqual(usual);
  });
});

describe("channels", () => {
  const left = tone(500, 16_000, 1600);
  const right = tone(900, 16_000, 1600);
  const both = Float32Array.from({ length: 3200 }, (_, i) => ((i % 2 === 0 ? left : right)[i >> 1] ?? 0) / 2);

  test("two become one: their mean", () => {
    const mono = hear("pcm", convertAudio(make("pcm", 16_000, both), form("pcm", 16_000, 2), form("pcm", 16_000)));
    expect(mono.length).toBe(1600);
    mono.forEach((sample, i) => void expect(sample).toBeCloseTo(((left[i] ?? 0) + (right[i] ?? 0)) / 4, 3));
  });

  test("one becomes two equal ones", () => {
    const stereo = hear("pcm", convertAudio(make("pcm", 16_000, left), form("pcm", 16_000), form("pcm", 16_000, 2)));
    expect(stereo.filter((_, i) => i % 2 === 0)).toEqual(stereo.filter((_, i) => i % 2 === 1));
    expect(stereo.length).toBe(3200);
  });

  test("two stay apart through a change of rate", () => {
    const file = make("wav", 16_000, both, 2);
    const stereo = hear("pcm", convertAudio(file, form("wav", 0, 0), form("pcm", 24_000, 2)));
    const channel = (first: number) => stereo.filter((_, i) => i % 2 === first);
    expect(sinadDb(channel(0), 500, 24_000)).toBeGreaterThan(80);
    expect(sinadDb(channel(1), 900, 24_000)).toBeGreaterThan(80);
  });
});

describe("the input may be cut anywhere", () => {
  const stereo = make("wav", 44_100, noise(4000), 2);
  test.each([
    [form("pcm", 24_000), form("ulaw", 8000), encodeSamples("pcm16", noise(3000))],
    [form("alaw", 8000), form("pcm", 24_000), encodeSamples("alaw", noise(3000))],
    [form("pcm", 48_000, 2), form("wav", 16_000), encodeSamples("pcm16", noise(4000))],
    [form("wav", 0), form("pcm", 16_000), stereo],
    [form("wav", 0), form("wav", 0), stereo],
  ])("%o → %o", (from, to, input) => {
    const expected = convertAudio(input, from, to);
    const property = fc.property(chunking, (sizes) => {
      const converter = createConverter(from, to);
      const parts = cut(input, sizes).map((piece) => new Uint8Array(converter.push(Buffer.from(piece))));
      expect(new Uint8Array(Buffer.concat([...parts, converter.flush()]))).toEqual(expected);
    });
    fc.assert(property, { numRuns: 25 });
  });

  test("a buffer that is used again does not change what was carried", () => {
    const input = encodeSamples("pcm16", noise(500));
    const converter = createConverter(form("pcm", 8000), form("pcm", 16_000));
    const reused = Buffer.alloc(3);
    const parts = [];
    for (let at = 0; at < input.length; at += 3) {
      const size = Buffer.from(input).copy(reused, 0, at, at + 3);
      parts.push(Buffer.from(converter.push(reused.subarray(0, size))));
      reused.fill(0x55);
    }
    const all = Buffer.concat([...parts, converter.flush()]);
    expect(new Uint8Array(all)).toEqual(convertAudio(input, form("pcm", 8000), form("pcm", 16_000)));
  });
});

describe("WAV out", () => {
  test("begins with the first piece, and its lengths can be closed", () => {
    const input = encodeSamples("pcm16", tone(440, 24_000, 2400));
    const converter = createConverter(form("pcm", 24_000), form("wav", 8000));
    const head = converter.push(input.subarray(0, 2));
    expect(Buffer.from(head).toString("latin1", 0, 4)).toBe("RIFF");
    const all = new Uint8Array(Buffer.concat([head, converter.push(input.subarray(2)), converter.flush()]));
    const { layout, durationMs } = readWav(closeWav(all));
    expect(layout).toEqual({ encoding: "pcm16", sampleRateHertz: 8000, channelCount: 1 });
    expect(durationMs).toBe(100);
    expect(new DataView(closeWav(all).buffer).getUint32(40, true)).toBe(1600);
  });

  test("no audio is a file without samples", () => {
    expect(readWav(convertAudio(new Uint8Array(0), form("pcm", 16_000), form("wav", 8000))).data).toHaveLength(0);
  });
});

describe("refuses", () => {
  test.each([
    [form("mpeg", 24_000), form("pcm", 16_000), "audio/mpeg cannot be converted"],
    [form("pcm", 24_000), form("ogg", 16_000), "audio/ogg cannot be converted"],
    [form("pcm", 0), form("ulaw", 8000), "audio/pcm without a sample rate"],
    [form("pcm", 8000), form("pcm", 8000, 3), "3 channels"],
  ])("%o → %o", (from, to, why) => {
    const create = () => createConverter(from, to);
    expect(create).toThrow(expect.objectContaining({ code: "failed_precondition", reason: "unsupported" }));
    expect(create).toThrow(why);
  });

  test("a WAV file that is none, or that ends in its header", () => {
    const converter = () => createConverter(form("wav", 0), form("pcm", 16_000));
    expect(() => converter().push(Buffer.from("fLaC"))).toThrow("it is FLAC");
    const ended = converter();
    ended.push(Buffer.from("RIFF"));
    expect(() => ended.flush()).toThrow("it ends before its data chunk");
  });
});
