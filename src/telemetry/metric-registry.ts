import { type MetricDescription, MetricFamily } from "./metric-family.ts";
import { CounterSeries, HistogramSeries } from "./metric-series.ts";
import type { MetricSnapshot, NumberPoint } from "./metric-snapshot.ts";

/** A metric whose values are looked up when they are asked for. */
export interface ObservedMetric extends MetricDescription {
  readonly type: "counter" | "gauge";
  observe(): Iterable<NumberPoint>;
}

/**
 * The metrics of this process. They are counted here and not by OpenTelemetry's SDK, so that a measurement costs an addition
 * and a server that exports nothing loads nothing; what is exported is made of the snapshot.
 */
export class MetricRegistry {
  readonly #collectors = new Map<string, () => MetricSnapshot>();
  /** When counting began, in milliseconds of the epoch. */
  readonly startTimeMs = Date.now();

  counter(description: MetricDescription, maxSeries?: number): MetricFamily<CounterSeries> {
    const family = new MetricFamily(description, () => new CounterSeries(), maxSeries);
    this.#add(description, () => ({ type: "counter", points: numberPoints(family) }));
    return family;
  }

  /** `boundaries` in the metric's unit, ascending. */
  histogram(description: MetricDescription, boundaries: readonly number[]): MetricFamily<HistogramSeries> {
    const family = new MetricFamily(description, () => new HistogramSeries(boundaries));
    this.#add(description, () => ({ type: "histogram", boundaries, points: histogramPoints(family) }));
    return family;
  }

  observe({ observe, type, ...description }: ObservedMetric): void {
    this.#add(description, () => ({ type, points: [...observe()] }));
  }

  /** Every metric as it stands, in the order in which they were added. */
  snapshot(): readonly MetricSnapshot[] {
    return [...this.#collectors.values()].map((collect) => collect());
  }

  #add({ name, unit, description, attributes }: MetricDescription, collect: () => Values): void {
    if (this.#collectors.has(name)) throw new Error(`the metric ${name} is there twice`);
    this.#collectors.set(name, () => ({ name, unit, description, attributeNames: attributes, ...collect() }));
  }
}

/** What a snapshot has besides its description. */
type Values = MetricSnapshot extends infer One
  ? One extends MetricSnapshot
    ? Omit<One, keyof Described>
    : never
  : never;
type Described = Pick<MetricSnapshot, "name" | "unit" | "description" | "attributeNames">;

function numberPoints(family: MetricFamily<CounterSeries>): readonly NumberPoint[] {
  return Array.from(family.entries(), ([attributes, { value }]) => ({ attributes, value }));
}

function histogramPoints(family: MetricFamily<HistogramSeries>) {
  return Array.from(family.entries(), ([attributes, { count, sum, buckets }]) => {
    return { attributes, count, sum, buckets: [...buckets] };
  });
}
