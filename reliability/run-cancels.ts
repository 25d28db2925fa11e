import { setTimeout as wait } from "node:timers/promises";
import { createProvider } from "../test/support/json-call.ts";
import { type CancelForm, cancelForms } from "./cancel-forms.ts";
import { type EndlessVendor, type Phase, startEndlessVendor, startMuteServer } from "./cancel-phases.ts";
import type { ClientFace } from "./client-faces.ts";
import { concurrently, percentile } from "./concurrently.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { connectionsTo, openFiles } from "./process-figures.ts";

/** How long vendors' sockets stayed open after their callers had left, for one form, phase and face. */
export interface CancelFigures {
  readonly form: string;
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

/** Starts calls of every form through every face, leaves each in one of the phases, and waits for the vendor to be let go. */
export async function runCancels(
  gateway: FaultGateway,
  count: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<CancelRun> {
  await using vendor = await startEndlessVendor();
  const combinations = cancelForms.flatMap((form) => combinationsOf(form, gateway.url));
  for (const form of cancelForms) await createProviders(gateway, form, vendor);
  const each = Math.ceil(count / combinations.length);
  await concurrently(
    Array.from({ length: combinations.length * 3 }, (_, i) => i),
    atOnce,
    async (i) => {
      const combination = combinations[i % combinations.length] ?? unreachable();
      await cancelOnce({ vendor, ...combination, key: `warm-${i}` });
    },
  );
  const before = openFiles(gateway.pid);
  let afterQuarter = gateway.residentBytes();
  const jobs = Array.from({ length: each }, (_, round) => combinations.map((one) => ({ ...one, round }))).flat();
  await concurrently(jobs, atOnce, async ({ form, phase, face, times }, i) => {
    times.push(await cancelOnce({ vendor, form, phase, face, key: `call-${i}` }));
    if (i > 0 && i % 2_000 === 0) onProgress(i);
    if (i === Math.floor(jobs.length / 4)) afterQuarter = gateway.residentBytes();
  });
  const files = await settled(() => Math.max(0, openFiles(gateway.pid) - before));
  const vendorPort = Number(new URL(vendor.url).port);
  const vendorSockets = await settled(() => connectionsTo(gateway.pid, vendorPort));
  return {
    figures: combinations.map(summary),
    all: summary({
      form: { name: "all" },
      phase: "mid-stream",
      face: { name: "all" },
      times: combinations.flatMap(({ times }) => times),
    }),
    left: {
      exchanges: vendor.open(),
      vendorSockets,
      files,
    },
    residentBytes: { afterQuarter, afterAll: gateway.residentBytes() },
  };
}

interface Combination {
  readonly form: CancelForm;
  readonly phase: Phase;
  readonly face: ClientFace;
  /** How long each cancel took, in milliseconds. */
  readonly times: number[];
}

function combinationsOf(form: CancelForm, url: string): readonly Combination[] {
  const faces = form.faces(url);
  return form.phases.flatMap((phase) => faces.map((face) => ({ form, phase, face, times: [] })));
}

async function createProviders({ url }: FaultGateway, form: CancelForm, vendor: EndlessVendor): Promise<void> {
  for (const phase of form.phases) {
    const baseUrl = `${vendor.url}/${encodeURIComponent(phase)}${form.path}`;
    await createProvider(url, { id: idOf(form, phase), kind: form.kind, baseUrl, apiKey });
  }
}

const apiKey = "key-of-the-cancels";

interface Cancel extends Omit<Combination, "times"> {
  readonly vendor: EndlessVendor;
  readonly key: string;
}

/** Milliseconds from the caller's leaving to the vendor's socket being closed; infinite when it never was. */
async function cancelOnce({ vendor, form, phase, face, key }: Cancel): Promise<number> {
  const controller = new AbortController();
  const begun = Promise.withResolvers<void>();
  await using mute = phase === "connecting" ? await startMuteServer() : undefined;
  const inline = mute && { kind: form.kind, baseUrl: mute.url, apiKey };
  const target = inline ? { inlineProvider: inline, model: key } : { provider: idOf(form, phase), model: key };
  const tools = phase === "inside an MCP tool" ? [{ mcpServer: { url: `${vendor.url}/mcp/${key}` } }] : [];
  const onEvent = (event: object) => void (form.begins && form.begins in event && begun.resolve());
  const call = { ...form.call({ target, tools, signal: controller.signal }), onEvent };
  const outcome = face.call(call, controller.signal).catch(() => undefined);
  const arrival = await Promise.race([mute?.arrival() ?? vendor.arrival(key), outcome.then(neverArrived)]);
  if (phase === "mid-stream" && form.begins) await Promise.race([begun.promise, outcome]);
  const left = performance.now();
  controller.abort();
  const closed = await Promise.race([arrival.closed, wait(patienceMs, Number.POSITIVE_INFINITY, { ref: false })]);
  await outcome;
  return closed - left;
}

function idOf({ name }: CancelForm, phase: Phase): string {
  return `${name} ${phase}`.replace(/\W+/g, "-");
}

function neverArrived(outcome: unknown): never {
  throw new Error(`the call ended before the vendor was asked: ${JSON.stringify(outcome)}`);
}

interface Times extends Pick<Combination, "phase" | "times"> {
  readonly form: Pick<CancelForm, "name">;
  readonly face: Pick<ClientFace, "name">;
}

function summary({ form, phase, face, times }: Times): CancelFigures {
  const [p50Ms, p99Ms, worstMs] = [percentile(times, 0.5), percentile(times, 0.99), Math.max(...times)];
  return { form: form.name, phase, face: face.name, count: times.length, p50Ms, p99Ms, worstMs };
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
