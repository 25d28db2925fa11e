/** What a metric is: its name and unit as OpenTelemetry writes them (`s`, `By`, `{token}`). */
export interface MetricDescription {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** The names of its attributes. */
  readonly attributes: readonly string[];
}

/** Enough for every provider, model and method in use; what callers make up beyond it is counted together. */
const maxSeries = 2000;

/** One metric with a series for each combination of its attributes' values. */
export class MetricFamily<Series> {
  readonly description: MetricDescription;
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly series: Series }>();
  readonly #create: () => Series;
  readonly #maxSeries: number;
  #overflow: Series | undefined;

  constructor(description: MetricDescription, create: () => Series, limit = maxSeries) {
    this.description = description;
    this.#create = create;
    this.#maxSeries = limit;
  }

  /**
   * The series of these values, in the order of the attributes; keep it where the same values come again. Beyond the limit
   * it is one that all others share, as OpenTelemetry has it (metrics SDK, cardinality limits).
   */
  with(...values: readonly string[]): Series {
    const key = values.join("\u0000");
    const known = this.#series.get(key);
    if (known) return known.series;
    if (this.#series.size >= this.#maxSeries) {
      this.#overflow ??= this.#create();
      return this.#overflow;
    }
    const series = this.#create();
    this.#series.set(key, { values, series });
    return series;
  }

  /** Every series with its attributes; those that were not given a value are left out. */
  *entries(): Generator<readonly [attributes: Readonly<Record<string, string>>, series: Series]> {
    const { attributes: names } = this.description;
    for (const { values, series } of this.#series.values()) {
      const given = names.map((name, i) => [name, values[i] ?? ""] as const).filter(([, value]) => value !== "");
      yield [Object.fromEntries(given), series];
    }
    if (this.#overflow !== undefined) yield [{ "otel.metric.overflow": "true" }, this.#overflow];
  }
}
