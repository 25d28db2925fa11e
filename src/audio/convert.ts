import { type AudioFormat, isHeaderless } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";
import { joinChannels, mixChannels, splitChannels } from "./channels.ts";
import { plainMediaType } from "./media-type.ts";
import { createFrameCarry, joinBytes } from "./pcm.ts";
import { createResampler, type Resampler } from "./resample.ts";
import { decodeSamples, encodeSamples, type SampleEncoding, sampleBytes } from "./sample-encoding.ts";
import { sampleKernel } from "./sample-kernel.ts";
import { wavHeader } from "./wav.ts";
import type { WavLayout } from "./wav-layout.ts";
import { WavReader } from "./wav-reader.ts";

/** Turns audio of one form into another as it comes. Bytes may be cut anywhere; the result does not depend on where. */
export interface Converter {
  /** What can be made so far; may be empty, and may be a view of what was given. */
  push(bytes: Uint8Array): Uint8Array;
  /** The rest. Half a sample at the very end is dropped. Throws when a WAV file ended inside its header. */
  flush(): Uint8Array;
  /** What has not come of the samples that a WAV file says it has, in bytes; 0 where nothing says how many there are. */
  missingBytes(): number;
}

/**
 * Converts `audio/pcm`, `audio/ulaw`, `audio/alaw` and `audio/wav` into each other, at any rates and with one or two
 * channels. `from` WAV: its own header counts. `to`: a rate of 0 is that of the source, a channel count of 0 is 1; WAV
 * is PCM16, with its lengths open (see `closeWav`). The two being the same, bytes go through untouched.
 *
 * Throws `failed_precondition` for other forms, and `invalid_argument` from `push` for a WAV file that cannot be read.
 */
export function createConverter(from: AudioFormat, to: AudioFormat): Converter {
  const source = { ...from, mimeType: plainMediaType(from.mimeType) };
  const target = { ...to, mimeType: plainMediaType(to.mimeType) };
  if (isSame(source, target)) return unchanged;
  if (source.mimeType === "audio/wav") return new WavConverter(target);
  const encoding = encodingOf(source.mimeType);
  if (source.sampleRateHertz <= 0) throw notConvertible(`${source.mimeType} without a sample rate`);
  return createSampleConverter({ ...source, channelCount: source.channelCount || 1, encoding }, target);
}

/** Converts the whole of some audio. */
export function convertAudio(bytes: Uint8Array, from: AudioFormat, to: AudioFormat): Uint8Array {
  const converter = createConverter(from, to);
  return joinBytes(new Uint8Array(converter.push(bytes)), converter.flush());
}

const nothing = new Uint8Array(0);
const unchanged: Converter = { push: (bytes) => bytes, flush: () => nothing, missingBytes: () => 0 };

function isSame(from: AudioFormat, to: AudioFormat): boolean {
  const sameRate = to.sampleRateHertz === 0 || to.sampleRateHertz === from.sampleRateHertz;
  return from.mimeType === to.mimeType && sameRate && (from.channelCount || 1) === (to.channelCount || 1);
}

/** Reads the header, then converts what it describes. */
class WavConverter implements Converter {
  readonly #reader = new WavReader();
  readonly #to: AudioFormat;
  #samples: Converter | undefined;

  constructor(to: AudioFormat) {
    this.#to = to;
  }

  push(bytes: Uint8Array): Uint8Array {
    const data = this.#reader.push(bytes);
    if (this.#reader.layout) this.#samples ??= createSampleConverter(this.#reader.layout, this.#to);
    return this.#samples?.push(data) ?? nothing;
  }

  flush(): Uint8Array {
    this.#reader.end();
    return this.#samples?.flush() ?? nothing;
  }

  missingBytes(): number {
    return this.#reader.missingBytes;
  }
}

function createSampleConverter(from: WavLayout, to: AudioFormat): Converter {
  const target = {
    mimeType: to.mimeType,
    sampleRateHertz: to.sampleRateHertz || from.sampleRateHertz,
    channelCount: to.channelCount || 1,
  };
  if (target.channelCount > 2) throw notConvertible(`${target.channelCount} channels`);
  if (target.mimeType !== "audio/wav") return new SampleConverter(from, target);
  const samples = { ...target, mimeType: "audio/pcm" };
  return withHeader(wavHeader(samples), new SampleConverter(from, samples));
}

/** Decode, mix, resample, encode. The resampler works on the fewer channels of the two. */
class SampleConverter implements Converter {
  readonly #from: WavLayout;
  readonly #to: AudioFormat;
  readonly #wholeFrames: (bytes: Uint8Array) => Uint8Array;
  readonly #resamplers: readonly Resampler[];
  readonly #encoding: "pcm16" | "ulaw" | "alaw";

  constructor(from: WavLayout, to: AudioFormat) {
    this.#from = from;
    this.#to = to;
    this.#encoding = encodingOf(to.mimeType);
    this.#wholeFrames = createFrameCarry(sampleBytes[from.encoding] * from.channelCount);
    this.#resamplers = Array.from({ length: this.#innerChannels() }, () =>
      createResampler(from.sampleRateHertz, to.sampleRateHertz),
    );
  }

  push(bytes: Uint8Array): Uint8Array {
    const mixed = mixChannels(this.#decode(this.#wholeFrames(bytes)), this.#from.channelCount, this.#innerChannels());
    const channels = splitChannels(mixed, this.#innerChannels());
    return this.#encode(this.#resampled((resampler, i) => resampler.push(channels[i] ?? mixed)));
  }

  flush(): Uint8Array {
    return this.#encode(this.#resampled((resampler) => resampler.flush()));
  }

  missingBytes(): number {
    return 0;
  }

  #decode(bytes: Uint8Array): Float32Array {
    const { encoding } = this.#from;
    return decodeSamples(encoding, bytes, sampleKernel?.lend(bytes.length / sampleBytes[encoding]));
  }

  /** What a resampler has lent is copied before the next one is asked. */
  #resampled(resample: (resampler: Resampler, index: number) => Float32Array): readonly Float32Array[] {
    const several = this.#resamplers.length > 1;
    return this.#resamplers.map((resampler, i) => (several ? resample(resampler, i).slice() : resample(resampler, i)));
  }

  #innerChannels(): number {
    return this.#from.channelCount === this.#to.channelCount ? this.#to.channelCount : 1;
  }

  #encode(channels: readonly Float32Array[]): Uint8Array {
    const samples = mixChannels(joinChannels(channels), this.#innerChannels(), this.#to.channelCount);
    return encodeSamples(this.#encoding, samples);
  }
}

function withHeader(header: Uint8Array, samples: Converter): Converter {
  let pending = header;
  const after = (bytes: Uint8Array) => {
    const all = joinBytes(pending, bytes);
    pending = nothing;
    return all;
  };
  return {
    push: (bytes) => after(samples.push(bytes)),
    flush: () => after(samples.flush()),
    missingBytes: () => samples.missingBytes(),
  };
}

const encodings: Readonly<Record<string, SampleEncoding & ("pcm16" | "ulaw" | "alaw")>> = {
  "audio/pcm": "pcm16",
  "audio/ulaw": "ulaw",
  "audio/alaw": "alaw",
};

function encodingOf(mimeType: string): "pcm16" | "ulaw" | "alaw" {
  const encoding = isHeaderless(mimeType) ? encodings[mimeType] : undefined;
  if (encoding) return encoding;
  throw notConvertible(mimeType);
}

function notConvertible(what: string): LivellmError {
  return new LivellmError(
    "failed_precondition",
    "unsupported",
    `audio conversion: ${what} cannot be converted; audio/pcm, audio/ulaw, audio/alaw and audio/wav can`,
  );
}
