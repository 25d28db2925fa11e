import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeSamples, encodeSamples } from "../../src/audio/sample-encoding.ts";
import { closeWav, readWav, samplesFormat, wavHeader, writeWav } from "../../src/audio/wav.ts";
import { WavReader } from "../../src/audio/wav-reader.ts";
import { chunking, cut } from "./chunkings.ts";
import { agreementDb, tone } from "./measure.ts";
import { noSox, sox } from "./oracles.ts";

const pcm = (sampleRateHertz: number, channelCount = 1) => ({ mimeType: "audio/pcm", sampleRateHertz, channelCount });
const data = encodeSamples("pcm16", tone(440, 16_000, 1600));

/** A RIFF file of any chunks. */
function riff(chunks: readonly (readonly [name: string, body: Uint8Array, size?: number])[], id = "RIFF"): Uint8Array {
  const parts = chunks.flatMap(([name, body, size = body.length]) => [
    Buffer.from(name, "latin1"),
    uint32(size),
    Buffer.from(body),
    Buffer.alloc(body.length % 2),
  ]);
  return new Uint8Array(Buffer.concat([Buffer.from(id), uint32(0), Buffer.from("WAVE"), ...parts]));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** The body of a fmt chunk. */
function format(
  tag: number,
  bits: number,
  { channels = 1, rate = 16_000, extension = Buffer.alloc(0) } = {},
): Uint8Array {
  const body = Buffer.alloc(16);
  const block = (channels * bits) / 8;
  [tag, channels].forEach((value, i) => void body.writeUInt16LE(value, i * 2));
  [rate, rate * block].forEach((value, i) => void body.writeUInt32LE(value, 4 + i * 4));
  [block, bits].forEach((value, i) => void body.writeUInt16LE(value, 12 + i * 2));
  return new Uint8Array(Buffer.concat([body, extension]));
}

function extensible(tag: number, bits: number): Uint8Array {
  const extension = Buffer.alloc(24);
  extension.writeUInt16LE(22, 0);
  extension.writeUInt16LE(bits, 2);
  extension.writeUInt16LE(tag, 8);
  Buffer.from("000000001000800000aa00389b71", "hex").copy(extension, 10);
  return format(0xfffe, bits, { extension });
}

describe("writing", () => {
  test.each([
    ["audio/pcm", 2, 44],
    ["audio/ulaw", 1, 58],
    ["audio/alaw", 1, 58],
  ])("%s comes back", (mimeType, sampleSize, headerBytes) => {
    const samples = { mimeType, sampleRateHertz: 8000, channelCount: 2 };
    const body = data.subarray(0, 8 * sampleSize * 2 * 10);
    const file = writeWav(samples, body);
    expect(file.length).toBe(headerBytes + body.length);
    const read = readWav(file);
    expect(samplesFormat(read.layout)).toEqual(samples);
    expect(read.data).toEqual(body);
    expect(read.durationMs).toBe(10);
  });

  test("the lengths are those of the file, and an odd one is padded", () => {
    const file = writeWav({ mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 }, data.subarray(0, 7));
    const view = new DataView(file.buffer);
    expect(file.length % 2).toBe(0);
    expect(view.getUint32(4, true)).toBe(file.length - 8);
    expect(readWav(file).data).toEqual(data.subarray(0, 7));
  });

  test("a stream's header has no length; readers go to the end", () => {
    const file = new Uint8Array(Buffer.concat([wavHeader(pcm(16_000)), data]));
    expect(readWav(file).data).toEqual(data);
    const closed = closeWav(file);
    expect(closed).toEqual(writeWav(pcm(16_000), data));
    expect(closeWav(closed)).toBe(closed);
  });

  test("sox reads both", ({ skip }) => {
    if (noSox) skip(noSox);
    const raw = ["-t", "raw", "-e", "signed", "-b", "16", "-"];
    const wav = ["-D", "-t", "wav", "--ignore-length", "-"];
    expect(sox([...wav, ...raw], new Uint8Array(Buffer.concat([wavHeader(pcm(16_000)), data])))).toEqual(data);
    expect(sox(["-D", "-t", "wav", "-", ...raw], writeWav(pcm(16_000), data))).toEqual(data);
    const ulaw = { mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 };
    const codes = encodeSamples("ulaw", tone(440, 8000, 800));
    const decoded = sox(["-D", "-t", "wav", "-", ...raw], writeWav(ulaw, codes));
    expect(decodeSamples("pcm16", decoded)).toEqual(decodeSamples("ulaw", codes));
  });

  test("what WAV cannot hold is refused", () => {
    expect(() => wavHeader({ mimeType: "audio/mpeg", sampleRateHertz: 8000, channelCount: 1 })).toThrow(RangeError);
  });
});

describe("reading", () => {
  const sound = tone(440, 16_000, 1600);

  test.for([
    [8, "unsigned-integer", 35],
    [16, "signed", 85],
    [24, "signed", 120],
    [32, "signed", 120],
    [32, "floating-point", 120],
    [64, "floating-point", 120],
    [8, "mu-law", 30],
    [8, "a-law", 30],
  ] as const)("%i bits %s by sox", ([bits, encoding, leastDb], { skip }) => {
    if (noSox) skip(noSox);
    const raw = ["-t", "raw", "-e", "floating-point", "-b", "32", "-c", "1", "-r", "16000", "-"];
    const wav = ["-t", "wav", "-e", encoding, "-b", `${bits}`, "-"];
    const { layout, data: samples } = readWav(sox(["-D", ...raw, ...wav], new Uint8Array(sound.buffer)));
    expect(layout).toMatchObject({ sampleRateHertz: 16_000, channelCount: 1 });
    expect(agreementDb(sound, decodeSamples(layout.encoding, samples))).toBeGreaterThan(leastDb);
  });

  test.each([
    ["pcm16", format(1, 16)],
    ["pcm16", extensible(1, 16)],
    ["float32", extensible(3, 32)],
    ["ulaw", format(7, 8, { extension: Buffer.alloc(2) })],
    ["pcm24", format(1, 24)],
  ])("%s", (encoding, fmt) => {
    const file = readWav(
      riff([
        ["fmt ", fmt],
        ["data", data.subarray(0, 48)],
      ]),
    );
    expect(file.layout.encoding).toBe(encoding);
    expect(file.data).toEqual(data.subarray(0, 48));
  });

  test("the ends of the scale", () => {
    expect([...decodeSamples("pcm8", Uint8Array.of(0, 128, 255))]).toEqual([-1, 0, 127 / 128]);
    expect([...decodeSamples("pcm24", Uint8Array.of(0, 0, 0x80, 0xff, 0xff, 0xff, 0, 0, 0x40))]).toEqual([
      -1,
      -(2 ** -23),
      0.5,
    ]);
    const broken = new Uint8Array(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, 0.5).buffer);
    expect([...decodeSamples("float32", broken)]).toEqual([0, 0, 0.5]);
  });

  test("chunks of any kind and size before and after the samples are passed over", () => {
    const junk = new Uint8Array(70_001).fill(7);
    const file = riff([
      ["JUNK", junk],
      ["bext", new Uint8Array(0)],
      ["fmt ", format(1, 16)],
      ["LIST", junk.subarray(0, 27)],
      ["data", data],
      ["id3 ", junk],
    ]);
    expect(readWav(file).data).toEqual(data);
  });

  test("tells what has not come of the samples that the file says it has", () => {
    const reader = new WavReader();
    const file = writeWav(pcm(16_000), data);
    expect(reader.missingBytes).toBe(0);
    reader.push(file.subarray(0, 44));
    expect(reader.missingBytes).toBe(data.length);
    reader.push(file.subarray(44, -100));
    expect(reader.missingBytes).toBe(100);
    reader.push(file.subarray(-100));
    expect(reader.missingBytes).toBe(0);
  });

  test.each([0, 0x7ffff000, 0xffffffdb, 0xffffffff])("a length of %i means to the end", (size) => {
    const file = riff([
      ["fmt ", format(1, 16)],
      ["data", data, size],
    ]);
    expect(readWav(file).data).toEqual(data);
    const reader = new WavReader();
    reader.push(file);
    expect(reader.missingBytes).toBe(0);
  });

  test("RF64", () => {
    const file = riff(
      [
        ["ds64", new Uint8Array(28)],
        ["fmt ", format(1, 16)],
        ["data", data, 0xffffffff],
      ],
      "RF64",
    );
    expect(readWav(file).data).toEqual(data);
  });

  test("may be cut anywhere", () => {
    const file = riff([
      ["JUNK", new Uint8Array(501)],
      ["fmt ", format(1, 16)],
      ["data", data],
      ["LIST", new Uint8Array(9)],
    ]);
    const property = fc.property(chunking, (sizes) => {
      const reader = new WavReader();
      const parts = cut(file, sizes).map((piece) => Buffer.from(reader.push(piece)));
      reader.end();
      expect(new Uint8Array(Buffer.concat(parts))).toEqual(data);
      expect(reader.layout?.sampleRateHertz).toBe(16_000);
    });
    fc.assert(property);
  });
});

describe("what cannot be read is refused, saying why", () => {
  const cases: readonly (readonly [why: string, file: Uint8Array])[] = [
    ["it does not begin with RIFF", data],
    ["it is Ogg", new Uint8Array(Buffer.from("OggS\0\x02aaaaaaaaaaaa"))],
    ['it is a RIFF file of "AVI "', new Uint8Array(Buffer.from("RIFF\0\0\0\0AVI LIST"))],
    ["it ends before its data chunk", wavHeader(pcm(16_000)).subarray(0, 40)],
    ["it ends before its data chunk", new Uint8Array(0)],
    ["its data chunk comes before its fmt chunk", riff([["data", data]])],
    [
      "its fmt chunk has 4 bytes",
      riff([
        ["fmt ", new Uint8Array(4)],
        ["data", data],
      ]),
    ],
    ["its fmt chunk has 5000 bytes", riff([["fmt ", new Uint8Array(5000)]])],
    [
      "format 2 with 4 bits",
      riff([
        ["fmt ", format(2, 4)],
        ["data", data],
      ]),
    ],
    [
      "format 1 with 12 bits",
      riff([
        ["fmt ", format(1, 12)],
        ["data", data],
      ]),
    ],
    [
      "it has 0 channels",
      riff([
        ["fmt ", format(1, 16, { channels: 0 })],
        ["data", data],
      ]),
    ],
    [
      "it has 9 channels",
      riff([
        ["fmt ", format(1, 16, { channels: 9 })],
        ["data", data],
      ]),
    ],
    [
      "its sample rate of 0 Hz",
      riff([
        ["fmt ", format(1, 16, { rate: 0 })],
        ["data", data],
      ]),
    ],
    [
      "its sample rate of 2000000000 Hz",
      riff([
        ["fmt ", format(1, 16, { rate: 2_000_000_000 })],
        ["data", data],
      ]),
    ],
    [
      "is too short for it",
      riff([
        ["fmt ", format(0xfffe, 16)],
        ["data", data],
      ]),
    ],
    ["in a form that is not known", riff([["fmt ", format(0xfffe, 16, { extension: Buffer.alloc(24) })]])],
  ];
  test.each(cases)("%s", (why, file) => {
    const read = () => readWav(file);
    expect(read).toThrow(expect.objectContaining({ code: "invalid_argument", reason: "invalid_request" }));
    expect(read).toThrow(why);
  });

  test.each(cases)("%s, also when it comes byte by byte", (why, file) => {
    const reader = new WavReader();
    const read = () => {
      for (const byte of file) reader.push(Uint8Array.of(byte));
      reader.end();
    };
    expect(read).toThrow(why);
  });

  test("frames of another length than the encoding has", () => {
    const fmt = format(1, 16);
    fmt[12] = 3;
    expect(() =>
      readWav(
        riff([
          ["fmt ", fmt],
          ["data", data],
        ]),
      ),
    ).toThrow("frames are said to have 3 bytes");
  });

  test("any bytes give a WAV or that error", () => {
    const heads = fc.constantFrom("", "RIFF", "RIFF\0\0\0\0WAVE", "RIFF\0\0\0\0WAVEfmt ");
    const property = fc.property(heads, fc.uint8Array({ maxLength: 80 }), (head, rest) => {
      try {
        readWav(new Uint8Array(Buffer.concat([Buffer.from(head, "latin1"), rest])));
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid_argument" });
      }
    });
    fc.assert(property, { numRuns: 500 });
  });
});
