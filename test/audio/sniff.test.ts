import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeSamples } from "../../src/audio/sample-encoding.ts";
import { containerName, sniffAudio } from "../../src/audio/sniff.ts";
import { wavHeader } from "../../src/audio/wav.ts";
import { noise, tone } from "./measure.ts";
import { noSox, sox } from "./oracles.ts";

const bytes = (...parts: readonly (string | readonly number[])[]) =>
  new Uint8Array(
    Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part)))),
  );

/** MPEG 1 layer III, 128 kbit/s, 44,100 Hz: frames of 417 bytes. */
const mp3Frame = bytes([0xff, 0xfb, 0x90, 0x00], Array(413).fill(0));
/** AAC LC, 44,100 Hz, 2 channels, 200 bytes a frame. */
const adtsFrame = bytes([0xff, 0xf1, 0x50, 0x80, 200 >> 3, ((200 & 7) << 5) | 0x1f, 0xfc], Array(193).fill(0));

describe("recognises by the first bytes", () => {
  test.each([
    ["WAV", "audio/wav", wavHeader({ mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 })],
    ["Ogg", "audio/ogg", bytes("OggS\0\x02", Array(22).fill(0), "OpusHead")],
    ["WebM or Matroska", "audio/webm", bytes([0x1a, 0x45, 0xdf, 0xa3, 0x9f, 0x42, 0x86])],
    ["FLAC", "audio/flac", bytes("fLaC", [0, 0, 0, 34])],
    ["MP4 or M4A", "audio/mp4", bytes([0, 0, 0, 32], "ftypM4A ")],
    ["MP3", "audio/mpeg", bytes("ID3\x04\0\0\0\0\x0f\x76")],
    ["MP3", "audio/mpeg", bytes([...mp3Frame], [...mp3Frame])],
    ["AAC (ADTS)", "audio/aac", bytes([...adtsFrame], [...adtsFrame])],
  ])("%s", (name, mimeType, head) => {
    expect(sniffAudio(head)).toEqual({ name, mimeType });
  });

  test("what sox writes", ({ skip }) => {
    if (noSox) skip(noSox);
    const pcm = encodeSamples("pcm16", tone(440, 44_100, 44_100));
    const source = ["-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", "44100", "-"];
    for (const [type, name] of [
      ["wav", "WAV"],
      ["ogg", "Ogg"],
      ["flac", "FLAC"],
    ] as const) {
      expect(containerName(sox([...source, "-t", type, "-"], pcm))).toBe(name);
    }
  });
});

describe("takes samples for samples", () => {
  test.each(["pcm16", "ulaw", "alaw"] as const)("%s: silence, tones, noise, all ones", (encoding) => {
    const sounds = [new Float32Array(4000), tone(440, 8000, 4000), new Float32Array(4000).fill(-1 / 32768)];
    for (const sound of sounds) expect(sniffAudio(encodeSamples(encoding, sound))).toBeUndefined();
    for (let seed = 1; seed <= 300; seed++) {
      expect(sniffAudio(encodeSamples(encoding, noise(1000, seed)))).toBeUndefined();
    }
    expect(sniffAudio(new Uint8Array(4000).fill(0xff))).toBeUndefined();
  });

  test("a frame of MP3 that is not followed by another is chance", () => {
    expect(sniffAudio(bytes([...mp3Frame], [1, 2, 3, 4]))).toBeUndefined();
    expect(sniffAudio(mp3Frame.subarray(0, 4))).toBeUndefined();
  });

  test("too little of a container is nothing yet", () => {
    const heads = ["RIFF\0\0\0\0WAV", "OggS", "fLaC", "\0\0\0\x20ftyp"].map((head) => bytes(head));
    for (const head of heads) expect(sniffAudio(head.subarray(0, 3))).toBeUndefined();
    expect(sniffAudio(new Uint8Array(0))).toBeUndefined();
  });

  test("never throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), (some) => void sniffAudio(some)));
  });
});
