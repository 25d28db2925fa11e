/**
 * One sum that only grows. Adding to it is an addition and nothing else: SDKs look the series up by its attributes at every
 * measurement, which costs more than many a part of a stream.
 */
export class CounterSeries {
  value = 0;

  add(amount = 1): void {
    this.value += amount;
  }
}

/** How often values fell into which bucket. A value belongs to the first bucket whose boundary it does not pass. */
export class HistogramSeries {
  count = 0;
  sum = 0;
  /** One more than there are boundaries: the last is for what passes them all. */
  readonly buckets: number[];
  readonly #boundaries: readonly number[];

  constructor(boundaries: readonly number[]) {
    this.#boundaries = boundaries;
    this.buckets = new Array<number>(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    const boundaries = this.#boundaries;
    let i = 0;
    while (i < boundaries.length && value > (boundaries[i] as number)) i++;
    this.buckets[i] = (this.buckets[i] as number) + 1;
    this.count++;
    this.sum += value;
  }
}
