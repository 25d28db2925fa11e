/** How much memory a process held, and when. */
export interface MemorySample {
  readonly atMs: number;
  readonly bytes: number;
}

/**
 * Bytes an hour, of the line that lies nearest to the low points: within each of twenty spans the least counts, because what a
 * collector has not yet given back is no leak.
 */
export function slopePerHour(samples: readonly MemorySample[]): number {
  const lows = lowPoints(samples);
  const [meanX, meanY] = [mean(lows.map(({ atMs }) => atMs)), mean(lows.map(({ bytes }) => bytes))];
  const covariance = lows.reduce((sum, { atMs, bytes }) => sum + (atMs - meanX) * (bytes - meanY), 0);
  const variance = lows.reduce((sum, { atMs }) => sum + (atMs - meanX) ** 2, 0);
  return variance === 0 ? 0 : (covariance / variance) * 3_600_000;
}

function lowPoints(samples: readonly MemorySample[]): readonly MemorySample[] {
  const size = Math.max(1, Math.ceil(samples.length / 20));
  const spans = Array.from({ length: Math.ceil(samples.length / size) }, (_, i) =>
    samples.slice(i * size, (i + 1) * size),
  );
  return spans.flatMap((span) => span.toSorted((a, b) => a.bytes - b.bytes).slice(0, 1));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
