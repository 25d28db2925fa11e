import { alaw, g711ToFloat, ulaw } from "./g711.ts";
import { floatToPcm, pcmToFloat, toInt16 } from "./pcm.ts";

/** How one sample is written; everything but the laws little-endian, 8 bits unsigned, as WAV has them. */
export type SampleEncoding = "pcm8" | "pcm16" | "pcm24" | "pcm32" | "float32" | "float64" | "ulaw" | "alaw";

/** Bytes of a sample. */
export const sampleBytes: Readonly<Record<SampleEncoding, number>> = {
  pcm8: 1,
  pcm16: 2,
  pcm24: 3,
  pcm32: 4,
  float32: 4,
  float64: 8,
  ulaw: 1,
  alaw: 1,
};

/** Whole samples as numbers from -1 to 1; `samples`, where they go, is as long. */
export function decodeSamples(
  encoding: SampleEncoding,
  bytes: Uint8Array,
  samples: Float32Array = new Float32Array(Math.floor(bytes.length / sampleBytes[encoding])),
): Float32Array {
  switch (encoding) {
    case "pcm16":
      return pcmToFloat(bytes, samples);
    case "ulaw":
      return g711ToFloat(ulaw, bytes, samples);
    case "alaw":
      return g711ToFloat(alaw, bytes, samples);
    default:
      return decodeEach(bytes, samples, { size: sampleBytes[encoding], read: readers[encoding] });
  }
}

/** The reverse, into the three that are made here; what is louder than full scale is clipped. */
export function encodeSamples(encoding: "pcm16" | "ulaw" | "alaw", samples: Float32Array): Uint8Array {
  if (encoding === "pcm16") return floatToPcm(samples);
  const { encode } = encoding === "ulaw" ? ulaw : alaw;
  const codes = new Uint8Array(samples.length);
  for (let i = 0; i < codes.length; i++) codes[i] = encode[toInt16(samples[i] ?? 0) & 0xffff] ?? 0;
  return codes;
}

type ReadSample = (view: DataView, offset: number) => number;

const readers: Readonly<Record<Exclude<SampleEncoding, "pcm16" | "ulaw" | "alaw">, ReadSample>> = {
  pcm8: (view, offset) => (view.getUint8(offset) - 128) / 128,
  pcm24: (view, offset) => (view.getUint16(offset, true) / 256 + view.getInt8(offset + 2) * 256) / 32768,
  pcm32: (view, offset) => view.getInt32(offset, true) / 2147483648,
  float32: (view, offset) => finite(view.getFloat32(offset, true)),
  float64: (view, offset) => finite(view.getFloat64(offset, true)),
};

interface SampleForm {
  /** In bytes. */
  readonly size: number;
  readonly read: ReadSample;
}

function decodeEach(bytes: Uint8Array, samples: Float32Array, { size, read }: SampleForm): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < samples.length; i++) samples[i] = read(view, i * size);
  return samples;
}

/** One sample that is no number would spoil a whole filter's length. */
function finite(sample: number): number {
  return Number.isFinite(sample) ? sample : 0;
}
