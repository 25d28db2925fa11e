/** Boundaries of histograms, in the metric's unit; where the semantic conventions advise some, these are theirs. */
export const buckets = {
  /** Seconds of an RPC; long enough for what a model takes to think. */
  rpc: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 120, 300],
  /** Seconds of a live session. */
  session: [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14_400],
  /** Seconds of one model call (`gen_ai.client.operation.duration`). */
  operation: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  /** Seconds to a first output (`gen_ai.server.time_to_first_token`). */
  first: [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  /** Seconds for each output behind it (`gen_ai.server.time_per_output_token`). */
  further: [0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  /** `gen_ai.client.token.usage` */
  tokens: [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864],
} as const;
