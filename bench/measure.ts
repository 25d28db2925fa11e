import type { LoadClient } from "./load-clients.ts";
import { type PinnedProcess, pause } from "./pinned-process.ts";

/** What one round of a load has shown. */
export interface Sample {
  /** Calls, or chunks, a second. */
  readonly rate: number;
  /** CPU-seconds of the program under test for a million operations. */
  readonly cpuPerMillion: number;
  /** Milliseconds to the first chunk, or the whole answer. */
  readonly latencies: readonly number[];
  /** How much of its core the program under test had, from 0 to 1. */
  readonly cores: number;
}

export interface Load {
  readonly client: LoadClient;
  readonly concurrency: number;
  readonly seconds: number;
  readonly streams?: boolean;
}

/** Calls over and over from so many callers, for so long; a stream counts its chunks. Throws at the first failed call. */
export async function closedLoop(target: PinnedProcess, load: Load): Promise<Sample> {
  const { client, concurrency, seconds, streams = false } = load;
  await run(client, { concurrency, streams, endMs: performance.now() + Math.min(700, seconds * 300) });
  const cpu = target.cpuSeconds();
  const begin = performance.now();
  const { operations, latencies } = await run(client, { concurrency, streams, endMs: begin + seconds * 1000 });
  return sampleOf({ operations, latencies, beginMs: begin, cpuSeconds: target.cpuSeconds() - cpu });
}

interface Counted {
  readonly operations: number;
  readonly latencies: readonly number[];
  readonly beginMs: number;
  readonly cpuSeconds: number;
}

function sampleOf({ operations, latencies, beginMs, cpuSeconds }: Counted): Sample {
  const seconds = (performance.now() - beginMs) / 1000;
  return {
    rate: operations / seconds,
    cpuPerMillion: (cpuSeconds / operations) * 1e6,
    latencies,
    cores: cpuSeconds / seconds,
  };
}

/** Calls for so long, so that what comes after is measured of compiled code. */
export async function warmUp({ client, concurrency, seconds, streams = false }: Load): Promise<void> {
  await run(client, { concurrency, streams, endMs: performance.now() + seconds * 1000 });
}

interface Loop {
  readonly concurrency: number;
  readonly streams: boolean;
  readonly endMs: number;
}

async function run(client: LoadClient, { concurrency, streams, endMs }: Loop) {
  const latencies: number[] = [];
  let operations = 0;
  const caller = async (index: number) => {
    while (performance.now() < endMs) {
      const begin = performance.now();
      let first = streams;
      const onChunk = () => {
        operations++;
        if (first) latencies.push(performance.now() - begin);
        first = false;
      };
      await client.call(index, streams ? onChunk : undefined);
      if (streams) continue;
      operations++;
      latencies.push(performance.now() - begin);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, index) => caller(index)));
  return { operations, latencies };
}

/** One stream for each caller, begun spread over a second, so that all do not tick together. */
export async function pacedRound(
  target: PinnedProcess,
  { client, concurrency }: Omit<Load, "seconds">,
): Promise<Sample> {
  const latencies: number[] = [];
  let chunks = 0;
  const cpu = target.cpuSeconds();
  const begin = performance.now();
  const caller = async (index: number) => {
    await pause((index / concurrency) * 1000);
    const start = performance.now();
    let first = true;
    await client.call(index, () => {
      chunks++;
      if (first) latencies.push(performance.now() - start);
      first = false;
    });
  };
  await Promise.all(Array.from({ length: concurrency }, (_, index) => caller(index)));
  return sampleOf({ operations: chunks, latencies, beginMs: begin, cpuSeconds: target.cpuSeconds() - cpu });
}

/** Bytes of memory that each of so many open streams takes; the program has had a call before. */
export async function memoryPerStream(target: PinnedProcess, client: LoadClient, streams: number): Promise<number> {
  const idle = target.residentBytes();
  let open = 0;
  const calls = Array.from({ length: streams }, async (_, index) => {
    await pause(index * 2);
    let first = true;
    await client.call(index, () => {
      if (first) open++;
      first = false;
    });
  });
  const settled = Promise.allSettled(calls);
  for (let waits = 0; open < streams && waits < 300; waits++) await pause(100);
  if (open < streams) throw new Error(`only ${open} of ${streams} streams are open`);
  await pause(2_000);
  const bytes = (target.residentBytes() - idle) / streams;
  await client.close();
  await settled;
  return bytes;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
