/** The latest samples of a stream, found by their place in it. */
export interface SampleWindow {
  append(samples: Float32Array): void;
  /** A copy of what lies between two places; what is forgotten, or not there yet, is left out. */
  slice(startSample: number, endSample: number): Float32Array;
  /** Lets go of everything before. */
  forget(beforeSample: number): void;
  /** Samples appended so far, forgotten ones included. */
  readonly endSample: number;
}

/** Grows with what is kept, and no further: memory is moved only when half of it is free. */
export function createSampleWindow(): SampleWindow {
  return new GrowingWindow();
}

class GrowingWindow implements SampleWindow {
  #samples = new Float32Array(16_000);
  /** The place in the stream of the first sample kept, and where it is. */
  #firstSample = 0;
  #first = 0;
  #length = 0;

  get endSample(): number {
    return this.#firstSample + this.#length;
  }

  append(samples: Float32Array): void {
    if (this.#first + this.#length + samples.length > this.#samples.length) this.#makeRoom(samples.length);
    this.#samples.set(samples, this.#first + this.#length);
    this.#length += samples.length;
  }

  slice(startSample: number, endSample: number): Float32Array {
    const at = (sample: number) => this.#first + Math.min(this.#length, Math.max(0, sample - this.#firstSample));
    return this.#samples.slice(at(startSample), at(endSample));
  }

  forget(beforeSample: number): void {
    const gone = Math.min(this.#length, Math.max(0, beforeSample - this.#firstSample));
    this.#firstSample += gone;
    this.#first += gone;
    this.#length -= gone;
  }

  #makeRoom(more: number): void {
    const kept = this.#samples.subarray(this.#first, this.#first + this.#length);
    const enough = (this.#length + more) * 2;
    const room = enough > this.#samples.length ? new Float32Array(enough) : this.#samples;
    room.set(kept);
    this.#samples = room;
    this.#first = 0;
  }
}
