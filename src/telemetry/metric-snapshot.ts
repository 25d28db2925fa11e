/** One series as it stands. */
export interface NumberPoint {
  readonly attributes: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One histogram as it stands; the buckets are counted each for itself, the last is beyond the last boundary. */
export interface HistogramPoint {
  readonly attributes: Readonly<Record<string, string>>;
  readonly count: number;
  readonly sum: number;
  readonly buckets: readonly number[];
}

interface Described {
  /** As OpenTelemetry writes it: `rpc.server.call.duration`. */
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  /** The names of its attributes, those without a value included. */
  readonly attributeNames: readonly string[];
}

/** A metric with all its series at one moment: plain data, that other processes can be sent. */
export type MetricSnapshot = Described &
  (
    | { readonly type: "counter" | "gauge"; readonly points: readonly NumberPoint[] }
    | {
        readonly type: "histogram";
        readonly boundaries: readonly number[];
        readonly points: readonly HistogramPoint[];
      }
  );
