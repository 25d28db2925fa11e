import * as oracle from "alawmulaw";
import { describe, expect, test } from "vitest";
import { alaw, g711ToFloat, ulaw } from "../../src/audio/g711.ts";
import { noSox, sox } from "./oracles.ts";

const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
const everySample = Int16Array.from({ length: 65_536 }, (_, i) => i - 32_768);

const laws = [
  { name: "µ-law", law: ulaw, theirs: oracle.mulaw, soxName: "mu-law" },
  { name: "A-law", law: alaw, theirs: oracle.alaw, soxName: "a-law" },
];

describe.each(laws)("$name", ({ law, theirs, soxName }) => {
  const encode = (sample: number) => law.encode[sample & 0xffff] ?? -1;
  const decode = (code: number) => law.decode[code] ?? Number.NaN;

  test("decodes all 256 codes exactly as alawmulaw does", () => {
    expect([...law.decode]).toEqual([...theirs.decode(codes)]);
  });

  test("as numbers from -1 to 1", () => {
    expect([...g711ToFloat(law, codes)]).toEqual([...law.decode].map((sample) => sample / 32_768));
  });

  test("a code comes back, but for the second zero of µ-law", () => {
    const back = [...codes].map((code) => encode(decode(code)));
    const zero = codes.filter((code) => decode(code) === 0);
    expect(back.filter((code, i) => code !== i)).toHaveLength(Math.max(0, zero.length - 1));
    expect(back.map(decode)).toEqual([...law.decode]);
  });

  test("every sample gets a code that is within half a step of the nearest", () => {
    const levels = [...new Set(law.decode)].sort((a, b) => a - b);
    for (const sample of everySample) {
      const above = levels.findIndex((level) => level >= sample);
      const near = above < 0 ? levels.slice(-2) : levels.slice(Math.max(0, above - 1), above + 2);
      const step = Math.max(...near) - Math.min(...near);
      const error = Math.abs(decode(encode(sample)) - sample);
      const loudest = Math.max(...levels);
      if (error > step / 2 + 4 && Math.abs(sample) < loudest) expect.fail(`${sample} is off by ${error} of ${step}`);
    }
  });

  test("louder never sounds softer", () => {
    for (let sample = -32_767; sample <= 32_767; sample++) {
      if (decode(encode(sample)) < decode(encode(sample - 1))) expect.fail(`${sample}`);
    }
  });

  test("sox decodes what we encode, and we what sox encodes", ({ skip }) => {
    if (noSox) skip(noSox);
    const raw = (encoding: string, bits: string) => [
      "-t",
      "raw",
      "-e",
      encoding,
      "-b",
      bits,
      "-c",
      "1",
      "-r",
      "8000",
      "-",
    ];
    const pcm = new Uint8Array(everySample.buffer);
    const ours = Uint8Array.from(everySample, (sample) => encode(sample));
    const theirPcm = sox(["-D", ...raw(soxName, "8"), ...raw("signed", "16")], ours);
    expect(new Int16Array(theirPcm.buffer, theirPcm.byteOffset, 65_536)).toEqual(
      everySample.map((s) => decode(encode(s))),
    );
    const theirCodes = sox(["-D", ...raw("signed", "16"), ...raw(soxName, "8")], pcm);
    const differ = theirCodes.filter((code, i) => Math.abs(decode(code) - decode(ours[i] ?? 0)) > 0);
    // The standard's decision values are the same but for ties and the clipping of the loudest.
    expect(differ.length / 65_536).toBeLessThan(0.02);
  });
});
