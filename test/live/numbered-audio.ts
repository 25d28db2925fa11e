/** Samples that count: each is its own place in the audio, so that what is lost, doubled or moved shows. 16-bit PCM. */
export function numberedSamples(from: number, count: number): Uint8Array {
  return new Uint8Array(Int16Array.from({ length: count }, (_, i) => numberAt(from + i)).buffer);
}

/** Never loud: voice activity hears nothing in it. */
export function numberAt(place: number): number {
  return place % 3000;
}

/** The samples of PCM16. */
export function samplesOf(bytes: Uint8Array): Int16Array {
  return new Int16Array(new Uint8Array(bytes).buffer);
}

/** 20 ms of PCM16 at 16,000 Hz are 320 samples. */
const frameSamples = 320;

/** Frames of 20 ms, counted on from frame `from`. */
export function* numberedFrames(from: number, count: number): Generator<Uint8Array> {
  for (let i = from; i < from + count; i++) yield numberedSamples(i * frameSamples, frameSamples);
}

/** Loud audio of so many milliseconds at 16,000 Hz, or silence. */
export function tone(milliseconds: number, loud: boolean): Uint8Array {
  const samples = Int16Array.from({ length: milliseconds * 16 }, (_, i) => (loud ? (i % 2 ? 12_000 : -12_000) : 0));
  return new Uint8Array(samples.buffer);
}
