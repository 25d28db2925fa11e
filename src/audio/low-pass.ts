/**
 * The filter of a resampler: a row of coefficients for each place that an output sample can have between two inputs.
 */
export interface PolyphaseFilter {
  /** Coefficients in a row: even, and a multiple of 4. */
  readonly taps: number;
  readonly rowCount: number;
  /** All the rows, one after the other; one more than `rowCount`, for interpolation. */
  readonly rows: Float32Array;
}

/** Above it rows are interpolated: an error of 0.41 / rows², -128 dB. */
const mostRows = 1024;

/** Of the lower of both Nyquist frequencies: -6 dB here, and flat up to 0.8 of it (going down; 0.7 going up). */
const cutoff = 0.9;

/** Kaiser's window for 100 dB. Its transition is then 0.2 wide with 64 taps, 0.4 with 32, in the unit of `cutoff`. */
const beta = 0.1102 * (100 - 8.7);

/**
 * A windowed sinc for the rational ratio `up` / `down`. 32 taps going up, where nothing aliases and images lie an
 * octave away for speech; 64 going down, counted at the slower rate, so that at 0.9 + 0.1 nothing is left that could
 * alias.
 */
export function designLowPass(up: number, down: number): PolyphaseFilter {
  const slowdown = Math.max(1, down / up);
  const taps = Math.ceil(((down > up ? 64 : 32) * slowdown) / 4) * 4;
  const rowCount = Math.min(up, mostRows);
  const rows = new Float32Array((rowCount + 1) * taps);
  for (let row = 0; row <= rowCount; row++) {
    rows.set(coefficients(taps, row / rowCount, cutoff / slowdown), row * taps);
  }
  return { taps, rowCount, rows };
}

/** One row, for an output `fraction` of an input sample behind the tap in the middle. Sums to 1: no ripple at 0 Hz. */
function coefficients(taps: number, fraction: number, bandwidth: number): Float64Array {
  const half = taps / 2;
  const row = Float64Array.from({ length: taps }, (_, tap) => {
    const distance = tap - (half - 1) - fraction;
    return sinc(bandwidth * distance) * kaiser(distance / half);
  });
  const sum = row.reduce((total, coefficient) => total + coefficient, 0);
  return row.map((coefficient) => coefficient / sum);
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return bessel(beta * Math.sqrt(Math.max(0, 1 - x * x)));
}

/** The modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
