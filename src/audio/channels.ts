/**
 * Changes the number of interleaved channels: the same, any to one (their mean), one to any (the same in each). Whole
 * frames. Throws a RangeError for other changes.
 */
export function mixChannels(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  if (to === 1) return toMono(samples, from);
  if (from === 1) return fromMono(samples, to);
  throw new RangeError(`${from} channels cannot be made ${to}`);
}

function toMono(samples: Float32Array, channels: number): Float32Array {
  const mono = new Float32Array(samples.length / channels);
  for (let frame = 0, at = 0; frame < mono.length; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += samples[at++] ?? 0;
    mono[frame] = sum / channels;
  }
  return mono;
}

function fromMono(mono: Float32Array, channels: number): Float32Array {
  return Float32Array.from({ length: mono.length * channels }, (_, i) => mono[Math.floor(i / channels)] ?? 0);
}

/** Takes interleaved channels apart. */
export function splitChannels(samples: Float32Array, channels: number): readonly Float32Array[] {
  if (channels === 1) return [samples];
  const length = samples.length / channels;
  return Array.from({ length: channels }, (_, channel) =>
    Float32Array.from({ length }, (_, frame) => samples[frame * channels + channel] ?? 0),
  );
}

/** Puts channels of the same length together. */
export function joinChannels(channels: readonly Float32Array[]): Float32Array {
  const [first] = channels;
  if (!first || channels.length === 1) return first ?? new Float32Array(0);
  return Float32Array.from(
    { length: first.length * channels.length },
    (_, i) => channels[i % channels.length]?.[Math.floor(i / channels.length)] ?? 0,
  );
}
