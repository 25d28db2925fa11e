import { designLowPass, type PolyphaseFilter } from "./low-pass.ts";

/**
 * Changes the rate of one channel. The output is the same, bit for bit, however the input is cut, is not delayed
 * against it, and N samples in give exactly ⌈N × to / from⌉ out. Images and aliases are at least 90 dB down.
 */
export interface Resampler {
  /** What can be told so far; the last 16 to 32 samples of the slower rate wait for what follows them. */
  push(samples: Float32Array): Float32Array;
  /** The rest; then it starts anew. */
  flush(): Float32Array;
}

/** Rates in hertz, whole numbers. */
export function createResampler(fromHertz: number, toHertz: number): Resampler {
  return fromHertz === toHertz ? same : new PolyphaseResampler(fromHertz, toHertz);
}

const same: Resampler = { push: (samples) => samples, flush: () => new Float32Array(0) };

/** Output m lies at input m × down / up: `start` and `phase` are its whole part and the rest, as a count of 1 / up. */
class PolyphaseResampler implements Resampler {
  readonly #up: number;
  readonly #down: number;
  readonly #filter: PolyphaseFilter;
  #window: Float32Array;
  #filled = 0;
  #start = 0;
  #phase = 0;

  constructor(fromHertz: number, toHertz: number) {
    const divisor = greatestCommonDivisor(fromHertz, toHertz);
    this.#up = toHertz / divisor;
    this.#down = fromHertz / divisor;
    this.#filter = designLowPass(this.#up, this.#down);
    this.#window = new Float32Array(this.#filter.taps * 2);
    this.#reset();
  }

  push(samples: Float32Array): Float32Array {
    this.#append(samples);
    const output = new Float32Array(this.#outputsReady());
    for (let i = 0; i < output.length; i++) output[i] = this.#next();
    this.#forget();
    return output;
  }

  /** Half a filter of silence behind the end: the last output still lies before it. */
  flush(): Float32Array {
    const output = this.push(new Float32Array(this.#filter.taps / 2));
    this.#reset();
    return output;
  }

  /** Silence before the beginning, so that the first output lies on the first input. */
  #reset(): void {
    this.#filled = this.#filter.taps / 2 - 1;
    this.#window.fill(0);
    this.#start = 0;
    this.#phase = 0;
  }

  #append(samples: Float32Array): void {
    const needed = this.#filled + samples.length;
    if (needed > this.#window.length) {
      const larger = new Float32Array(needed * 2);
      larger.set(this.#window.subarray(0, this.#filled));
      this.#window = larger;
    }
    this.#window.set(samples, this.#filled);
    this.#filled = needed;
  }

  #outputsReady(): number {
    const room = this.#filled - this.#filter.taps - this.#start;
    return room < 0 ? 0 : Math.floor((room * this.#up + this.#up - 1 - this.#phase) / this.#down) + 1;
  }

  #next(): number {
    const sample = this.#filter.rowCount === this.#up ? this.#at(this.#phase) : this.#between();
    this.#phase += this.#down;
    this.#start += Math.floor(this.#phase / this.#up);
    this.#phase %= this.#up;
    return sample;
  }

  #at(row: number): number {
    const { taps, rows } = this.#filter;
    return dotProduct(rows, row * taps, this.#window, this.#start, taps);
  }

  /** For ratios with more phases than the filter has rows. */
  #between(): number {
    const { taps, rows, rowCount } = this.#filter;
    const place = (this.#phase * rowCount) / this.#up;
    const row = Math.floor(place);
    return blendedProduct(rows, { start: row * taps, taps, weight: place - row }, this.#window, this.#start);
  }

  #forget(): void {
    const gone = Math.min(this.#start, this.#filled);
    this.#window.copyWithin(0, gone, this.#filled);
    this.#filled -= gone;
    this.#start -= gone;
  }
}

/** Hot: four sums side by side make it a fifth to a half faster than one (400 × real time at 48,000 → 8,000 Hz). */
function dotProduct(a: Float32Array, aStart: number, b: Float32Array, bStart: number, length: number): number {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  for (let k = 0, i = aStart, j = bStart; k < length; k += 4, i += 4, j += 4) {
    first += (a[i] as number) * (b[j] as number);
    second += (a[i + 1] as number) * (b[j + 1] as number);
    third += (a[i + 2] as number) * (b[j + 2] as number);
    fourth += (a[i + 3] as number) * (b[j + 3] as number);
  }
  return first + second + third + fourth;
}

/** The same between a row and the one after it. Both at once: half as fast as one, and not slower still. */
function blendedProduct(
  rows: Float32Array,
  { start, taps, weight }: { readonly start: number; readonly taps: number; readonly weight: number },
  window: Float32Array,
  windowStart: number,
): number {
  let [lower, upper, lowerToo, upperToo] = [0, 0, 0, 0];
  for (let k = 0, i = start, j = windowStart; k < taps; k += 2, i += 2, j += 2) {
    const first = window[j] as number;
    const second = window[j + 1] as number;
    lower += (rows[i] as number) * first;
    upper += (rows[i + taps] as number) * first;
    lowerToo += (rows[i + 1] as number) * second;
    upperToo += (rows[i + 1 + taps] as number) * second;
  }
  return (lower + lowerToo) * (1 - weight) + (upper + upperToo) * weight;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
