import { setTimeout as wait } from "node:timers/promises";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { createProvider } from "../test/support/json-call.ts";
import {
  phases as allPhases,
  type EndlessVendor,
  type Phase,
  startEndlessVendor,
  startMuteServer,
} from "./cancel-phases.ts";
import { type ClientFace, openFaces } from "./client-faces.ts";
import { concurrently, percentile } from "./concurrently.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { connectionsTo, openFiles } from "./process-figures.ts";

/** How long vendors' sockets stayed open after their callers had left, for one phase and face. */
export interface CancelFigures {
  readonly phase: Phase;
  readonly face: string;
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

export interface CancelRun {
  readonly figures: readonly CancelFigures[];
  readonly all: CancelFigures;
  /** What was still open when all had left: exchanges at the vendor, the gateway's sockets to it, its open files over those before. */
  readonly left: { readonly exchanges: number; readonly vendorSockets: number; readonly files: number };
  /** The gateway's memory after a quarter of the cancels, and after all: a leak grows with them. */
  readonly residentBytes: { readonly afterQuarter: number; readonly afterAll: number };
}

/** A pause of the machine that is not the gateway's shows in every phase; more at once would measure the queue. */
const atOnce = 4;
/** A socket that is open for longer was not closed. */
const patienceMs = 2_000;

/** Starts calls through every face, leaves each in one of the phases, and waits for the vendor to be let go. */
export async function runCancels(
  gateway: FaultGateway,
  count: number,
  phases: readonly Phase[] = allPhases,
): Promise<CancelRun> {
  await using vendor = await startEndlessVendor();
  const faces = openFaces(gateway.url);
  for (const phase of phases) {
    const baseUrl = `${vendor.url}/${encodeURIComponent(phase)}/v1`;
    await createProvider(gateway.url, { id: idOf(phase), kind: "openai-compatible", baseUrl });
  }
  const combinations = phases.flatMap((phase) => faces.map((face) => ({ phase, face, times: [] as number[] })));
  const each = Math.ceil(count / combinations.length);
  await concurrently(
    Array.from({ length: combinations.length * 8 }, (_, i) => i),
    atOnce,
    async (i) => {
      const { phase, face } = combinations[i % combinations.length] ?? unreachable();
      await cancelOnce({ vendor, phase, face, key: `warm-${i}` });
    },
  );
  const before = openFiles(gateway.pid);
  let afterQuarter = gateway.residentBytes();
  const jobs = Array.from({ length: each }, (_, round) => combinations.map((one) => ({ ...one, round }))).flat();
  await concurrently(jobs, atOnce, async ({ phase, face, times }, i) => {
    times.push(await cancelOnce({ vendor, phase, face, key: `call-${i}` }));
    if (i === Math.floor(jobs.length / 4)) afterQuarter = gateway.residentBytes();
  });
  const files = await settled(() => Math.max(0, openFiles(gateway.pid) - before));
  const vendorPort = Number(new URL(vendor.url).port);
  const vendorSockets = await settled(() => connectionsTo(gateway.pid, vendorPort));
  return {
    figures: combinations.map(({ phase, face, times }) => summary(phase, face.name, times)),
    all: summary(
      "mid-stream",
      "all",
      combinations.flatMap(({ times }) => times),
    ),
    left: {
      exchanges: vendor.open(),
      vendorSockets,
      files,
    },
    residentBytes: { afterQuarter, afterAll: gateway.residentBytes() },
  };
}

interface Cancel {
  readonly vendor: EndlessVendor;
  readonly phase: Phase;
  readonly face: ClientFace;
  readonly key: string;
}

/** Milliseconds from the caller's leaving to the vendor's socket being closed; infinite when it never was. */
async function cancelOnce({ vendor, phase, face, key }: Cancel): Promise<number> {
  const controller = new AbortController();
  const text = Promise.withResolvers<void>();
  await using mute = phase === "connecting" ? await startMuteServer() : undefined;
  const inline = mute && { kind: "openai-compatible", baseUrl: mute.url };
  const target = inline ? { inlineProvider: inline, model: key } : { provider: idOf(phase), model: key };
  const tools = phase === "inside an MCP tool" ? [{ mcpServer: { url: `${vendor.url}/mcp/${key}` } }] : [];
  const request = { route: { targets: [target] }, messages: [{ text: "Hello!" }], config: { tools } };
  const onEvent = (event: object) => void ("textDelta" in event && text.resolve());
  const call = { method: AgentService.method.runStream, requests: [request], onEvent };
  const outcome = face.call(call, controller.signal).catch(() => undefined);
  const arrival = await Promise.race([mute?.arrival() ?? vendor.arrival(key), outcome.then(neverArrived)]);
  if (phase === "mid-stream") await Promise.race([text.promise, outcome]);
  const left = performance.now();
  controller.abort();
  const closed = await Promise.race([arrival.closed, wait(patienceMs, Number.POSITIVE_INFINITY, { ref: false })]);
  await outcome;
  return closed - left;
}

function idOf(phase: Phase): string {
  return phase.replace(/\W+/g, "-");
}

function neverArrived(outcome: unknown): never {
  throw new Error(`the call ended before the vendor was asked: ${JSON.stringify(outcome)}`);
}

function summary(phase: Phase, face: string, times: readonly number[]): CancelFigures {
  const [p50Ms, p99Ms, worstMs] = [percentile(times, 0.5), percentile(times, 0.99), Math.max(...times)];
  return { phase, face, count: times.length, p50Ms, p99Ms, worstMs };
}

/** What it comes to when it no longer falls: connections that idle may be kept for the next call for a while. */
async function settled(read: () => number): Promise<number> {
  let least = read();
  for (let i = 0; i < 50 && least > 0; i++) {
    await wait(200);
    least = Math.min(least, read());
  }
  return least;
}

function unreachable(): never {
  throw new Error("there is no such combination");
}
