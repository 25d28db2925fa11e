import { sampleKernel } from "./sample-kernel.ts";

/**
 * 16-bit signed little-endian samples as numbers from -1 up to, and without, 1. `bytes` holds whole samples; `samples`, where
 * they go, is as long.
 */
export function pcmToFloat(
  bytes: Uint8Array,
  samples: Float32Array = new Float32Array(bytes.byteLength >> 1),
): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < samples.length; i++) samples[i] = view.getInt16(i * 2, true) / 32768;
  return samples;
}

/** The reverse of {@link pcmToFloat}, exact for what came from it; what is louder than full scale is clipped. */
export function floatToPcm(samples: Float32Array): Uint8Array {
  return sampleKernel ? sampleKernel.toPcm(samples) : toPcm(samples);
}

function toPcm(samples: Float32Array): Uint8Array {
  const bytes = new Uint8Array(samples.length * 2);
  for (let i = 0, at = 0; i < samples.length; i++, at += 2) {
    const sample = toInt16(samples[i] as number);
    bytes[at] = sample;
    bytes[at + 1] = sample >> 8;
  }
  return bytes;
}

/** A number from -1 to 1 as a 16-bit sample, rounded and clipped; what is no number is silence. */
export function toInt16(sample: number): number {
  const rounded = Math.floor(sample * 32768 + 0.5);
  if (rounded > 32767) return 32767;
  return rounded < -32768 ? -32768 : rounded | 0;
}

/**
 * Hands on whole frames of so many bytes and carries what is left over to the next call: a chunk may end inside a
 * sample. What it returns may be a view of what it was given.
 */
export function createFrameCarry(frameBytes: number): (bytes: Uint8Array) => Uint8Array {
  let rest = nothing;
  return (bytes) => {
    const all = joinBytes(rest, bytes);
    const left = all.length % frameBytes;
    rest = left === 0 ? nothing : new Uint8Array(all.subarray(-left)); // a copy: the caller may reuse its buffer
    return left === 0 ? all : all.subarray(0, -left);
  };
}

const nothing: Uint8Array = new Uint8Array(0);

/** One after the other; the second itself when the first is empty. */
export function joinBytes(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second;
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}

/** One after the other; the second itself when the first is empty. */
export function joinSamples(first: Float32Array, second: Float32Array): Float32Array {
  if (first.length === 0) return second;
  const joined = new Float32Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
