import { setImmediate } from "node:timers/promises";
import { keepInput, readCorpus } from "./corpus.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { fuzzNames, fuzzTarget } from "./fuzz-targets.ts";
import { mutate } from "./mutate.ts";
import { createRandom } from "./random.ts";

export interface FuzzFigures {
  readonly target: string;
  readonly inputs: number;
  /** What broke it, and the file that does. */
  readonly finds: readonly string[];
  /** How long the slowest input took. */
  readonly slowestMs: number;
  /** The most that the gateway held, over what it held before. */
  readonly growthBytes: number;
}

/** Inputs at once: the doors of a gateway have many users. */
const atOnce = 8;
/** An input that takes longer than this hangs. */
const hangMs = 8_000;

export interface FuzzRun {
  readonly millisecondsEach: number;
  readonly seed: number;
  /** Told once a minute how it stands. */
  readonly onProgress?: (inputs: number, finds: number) => void;
}

/** Feeds every target for so long, one after the other; first with the corpus as it is. */
export async function runFuzz(gateway: FaultGateway, run: FuzzRun): Promise<readonly FuzzFigures[]> {
  const all: FuzzFigures[] = [];
  for (const name of fuzzNames) all.push(await fuzzOne(gateway, name, run));
  return all;
}

/** Feeds the target of this name. */
export async function fuzzOne(
  gateway: FaultGateway,
  name: string,
  { millisecondsEach, seed, onProgress }: FuzzRun,
): Promise<FuzzFigures> {
  const target = fuzzTarget(name, gateway);
  const corpus = readCorpus(target.name);
  const random = createRandom(seed);
  const finds: string[] = [];
  const before = gateway.residentBytes();
  let [inputs, slowestMs, most] = [0, 0, before];
  const until = performance.now() + millisecondsEach;
  let saidAt = performance.now();
  const feed = async (input: Buffer) => {
    const begun = performance.now();
    const problem = await problemOf(target.feed(input, random));
    const took = performance.now() - begun;
    slowestMs = Math.max(slowestMs, took);
    if (problem || took > hangMs) finds.push(`${problem ?? `${took} ms`}: ${keepInput(target.name, input)}`);
    if (inputs++ % 100 === 0) most = Math.max(most, gateway.residentBytes());
    if (performance.now() - saidAt < 60_000) return;
    saidAt = performance.now();
    onProgress?.(inputs, finds.length);
  };
  const worker = async () => {
    while (performance.now() < until && finds.length < 20) {
      await feed(mutate(random.pick(corpus), random, corpus));
      // The readers of this process wait for nothing: without a pause no timer and no socket would have its turn.
      if (inputs % 50 === 0) await setImmediate();
    }
  };
  for (const input of corpus) await feed(input);
  await Promise.all(Array.from({ length: atOnce }, worker));
  await assertAlive(gateway);
  return { target: target.name, inputs, finds, slowestMs, growthBytes: most - before };
}

async function problemOf(work: Promise<void>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

/** Throws when the gateway no longer answers. */
async function assertAlive(gateway: FaultGateway): Promise<void> {
  const init = { headers: { connection: "close" }, signal: AbortSignal.timeout(10_000) };
  const response = await fetch(`${gateway.url}/ping`, init);
  if (!response.ok) throw new Error(`the gateway answers ${response.status} to a ping`);
}
