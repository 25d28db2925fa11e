/** A sine at 0.9 of full scale. */
export function tone(hertz: number, rateHertz: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => 0.9 * Math.sin((2 * Math.PI * hertz * i) / rateHertz));
}

/** White noise at half of full scale, the same for the same seed (a linear congruential generator). */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

/** The power of a signal against full scale, in dB; of the middle three fifths, where no edge is heard. */
export function levelDb(samples: Float32Array): number {
  return 10 * Math.log10(power(middle(samples)) + 1e-30);
}

/** How far everything but a tone lies below it, in dB: signal to noise and distortion. */
export function sinadDb(samples: Float32Array, hertz: number, rateHertz: number): number {
  const heard = middle(samples);
  const fitted = fitTone(heard, (2 * Math.PI * hertz) / rateHertz);
  return 10 * Math.log10(power(fitted) / (power(heard.map((sample, i) => sample - (fitted[i] ?? 0))) + 1e-30));
}

/** How far the difference of two signals lies below the first, in dB. */
export function agreementDb(a: Float32Array, b: Float32Array): number {
  const first = middle(a);
  const second = middle(b.subarray(0, a.length));
  return 10 * Math.log10(power(first) / (power(first.map((sample, i) => sample - (second[i] ?? 0))) + 1e-30));
}

function middle(samples: Float32Array): Float32Array {
  return samples.subarray(Math.floor(samples.length * 0.2), Math.floor(samples.length * 0.8));
}

function power(samples: Iterable<number> & { readonly length: number }): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum / samples.length;
}

/** The sine and cosine of a known frequency that fit best, by least squares. */
function fitTone(samples: Float32Array, radians: number): Float64Array {
  const cosines = Float64Array.from(samples, (_, i) => Math.cos(radians * i));
  const sines = Float64Array.from(samples, (_, i) => Math.sin(radians * i));
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
    return sum;
  };
  const [cc, ss, cs] = [dot(cosines, cosines), dot(sines, sines), dot(cosines, sines)];
  const [xc, xs] = [dot(samples, cosines), dot(samples, sines)];
  const determinant = cc * ss - cs * cs;
  const [a, b] = [(xc * ss - xs * cs) / determinant, (xs * cc - xc * cs) / determinant];
  return cosines.map((cosine, i) => a * cosine + b * (sines[i] ?? 0));
}
