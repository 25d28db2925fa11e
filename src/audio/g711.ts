/**
 * ITU-T G.711: 8-bit logarithmic samples. Decoding is a table of 256 numbers, encoding one of 65,536 codes, by the
 * standard's decision values. 16-bit scale.
 */
interface Law {
  /** By code. */
  readonly decode: Int16Array;
  /** The same from -1 to 1. */
  readonly toFloat: Float32Array;
  /** By sample, read as unsigned 16 bits. */
  readonly encode: Uint8Array;
}

/** Segments start at 132 × 2ⁿ, so that shifting by the bias makes every segment a power of two. */
const ulawBias = 132;
/** The loudest that is still in the last segment. */
const ulawClip = 32_635;

/** µ-law, as used in North America and Japan. */
export const ulaw: Law = makeLaw(decodeUlaw, encodeUlaw);

/** A-law, as used everywhere else. */
export const alaw: Law = makeLaw(decodeAlaw, encodeAlaw);

/** Codes as numbers from -1 to 1; `samples`, where they go, is as long. */
export function g711ToFloat(
  { toFloat }: Law,
  codes: Uint8Array,
  samples: Float32Array = new Float32Array(codes.length),
): Float32Array {
  for (let i = 0; i < codes.length; i++) samples[i] = toFloat[codes[i] as number] as number;
  return samples;
}

function makeLaw(decode: (code: number) => number, encode: (sample: number) => number): Law {
  const decoded = Int16Array.from({ length: 256 }, (_, code) => decode(code));
  return {
    decode: decoded,
    toFloat: Float32Array.from(decoded, (sample) => sample / 32_768),
    encode: Uint8Array.from({ length: 65_536 }, (_, bits) => encode((bits << 16) >> 16)),
  };
}

function decodeUlaw(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) << 3) + ulawBias) << ((bits & 0x70) >> 4)) - ulawBias;
  return bits & 0x80 ? -magnitude : magnitude;
}

function encodeUlaw(sample: number): number {
  const magnitude = Math.min(Math.abs(sample), ulawClip) + ulawBias;
  const exponent = 24 - Math.clz32(magnitude);
  const mantissa = (magnitude >> (exponent + 3)) & 0x0f;
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

function decodeAlaw(code: number): number {
  const bits = code ^ 0x55;
  const exponent = (bits & 0x70) >> 4;
  const mantissa = ((bits & 0x0f) << 4) + 8;
  const magnitude = exponent === 0 ? mantissa : (mantissa + 256) << (exponent - 1);
  return bits & 0x80 ? magnitude : -magnitude;
}

/** Negative samples go by their one's complement, as in ITU-T G.191. */
function encodeAlaw(sample: number): number {
  const magnitude = sample < 0 ? ~sample : sample;
  const exponent = Math.max(0, 24 - Math.clz32(magnitude));
  const mantissa = (magnitude >> Math.max(4, exponent + 3)) & 0x0f;
  return ((sample < 0 ? 0 : 0x80) | (exponent << 4) | mantissa) ^ 0x55;
}
