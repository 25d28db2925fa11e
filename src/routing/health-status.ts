import type { Failure } from "../core/route.ts";

/** What one call has shown of a provider. */
export interface Sample {
  readonly atMs: number;
  /** To the first output; absent when it failed. */
  readonly latencyMs?: number;
  /** Absent when it answered. */
  readonly failure?: Failure;
}

/** How a provider, or one of its models, is doing. */
export interface HealthReport {
  readonly status: "healthy" | "degraded" | "unhealthy" | "unknown";
  /** The last one, unless healthy. */
  readonly failure?: Failure;
  /** How long the last answer took. */
  readonly latencyMs?: number;
  /** When the newest of it was seen. */
  readonly atMs?: number;
}

/** Calls that are longer ago say nothing any more. */
const healthWindowMs = 300_000;
/** So many of the newest calls decide. */
const newest = 20;
/** It does not answer when so many of the newest calls failed in a row, or all that there are. */
const inARow = 3;
/** A failure now and then is not yet trouble. */
const toleratedShare = 0.2;

/** What samples say together; they may be in any order. */
export function readHealth(samples: readonly Sample[], nowMs: number): HealthReport {
  const recent = samples
    .filter(({ atMs }) => atMs > nowMs - healthWindowMs)
    .toSorted((a, b) => b.atMs - a.atMs)
    .slice(0, newest);
  const status = statusOf(recent);
  const failure = recent.find((sample) => sample.failure)?.failure;
  const latencyMs = recent.find((sample) => sample.latencyMs !== undefined)?.latencyMs;
  return {
    status,
    ...(failure && status !== "healthy" && { failure }),
    ...(latencyMs !== undefined && { latencyMs }),
    ...(recent[0] && { atMs: recent[0].atMs }),
  };
}

/** `recent` begins with the newest. */
function statusOf(recent: readonly Sample[]): HealthReport["status"] {
  if (recent.length === 0) return "unknown";
  const failed = recent.filter(({ failure }) => failure).length;
  if (recent.slice(0, inARow).every(({ failure }) => failure)) return "unhealthy";
  const fine = !recent[0]?.failure && failed <= recent.length * toleratedShare;
  return fine ? "healthy" : "degraded";
}

/** The middle of the latencies; undefined without any. */
export function typicalLatency(samples: readonly Sample[], nowMs: number): number | undefined {
  const latencies = samples
    .flatMap(({ atMs, latencyMs }) => (latencyMs !== undefined && atMs > nowMs - healthWindowMs ? [latencyMs] : []))
    .toSorted((a, b) => a - b);
  return latencies[Math.floor((latencies.length - 1) / 2)];
}
