import { setTimeout as wait } from "node:timers/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { createProvider } from "../test/support/json-call.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { type HostileResult, othersWork } from "./hostile-result.ts";
import { type PouringVendor, pouredText, startPouringVendor } from "./pouring-vendor.ts";
import { slowOldReaders } from "./slow-old-readers.ts";
import { type SlowCall, slowReaders } from "./slow-readers.ts";

const mebibyte = 2 ** 20;
/** What is poured for those who go on: far more than the sockets between take, and less than a gateway gathers of an answer. */
const answerBytes = 16 * mebibyte;
/** And for those who leave. */
const endlessBytes = 2 ** 31;
/** What a gateway may hold of each: the buffers of the sockets are the kernel's. */
const heldBytes = 16 * mebibyte;
const patienceMs = 20_000;

/** One reader of one vendor that pours. */
interface Reading {
  readonly name: string;
  /** Where the vendor is called for it. */
  readonly path: string;
  readonly call: SlowCall;
}

/** Of the contract, and of the older systems' surfaces. */
export const allSlowReaders = [...slowReaders, ...slowOldReaders];

/**
 * Readers of every framing stop all at once; then half of them go on, and half of them leave. The gateway has to serve
 * `oldSurfaces`.
 */
export async function runSlowReaders(gateway: FaultGateway): Promise<readonly HostileResult[]> {
  await using vendor = await startPouringVendor();
  const before = gateway.residentBytes();
  const going = await openAll(gateway, vendor, "goes on");
  const leaving = await openAll(gateway, vendor, "leaves");
  const all = [...going, ...leaving];
  const most = await held(gateway, vendor, all);
  const results = [await besideThem(gateway, all.length, most - before)];
  for (const reading of going) results.push(await goOn(vendor, reading));
  for (const reading of leaving) results.push(await leave(gateway, vendor, reading));
  return results;
}

async function openAll(
  { url }: FaultGateway,
  vendor: PouringVendor,
  then: "goes on" | "leaves",
): Promise<readonly Reading[]> {
  const bytes = then === "goes on" ? answerBytes : endlessBytes;
  return Promise.all(
    allSlowReaders.map(async ({ name, providers, open }, i) => {
      const base = `/${bytes}/events/${i}/v1`;
      const baseUrl = vendor.url + base;
      const provider = providers?.[then === "goes on" ? 0 : 1] ?? `pours-${bytes}-${i}`;
      await createProvider(url, { id: provider, kind: "openai-compatible", baseUrl });
      return { name, path: `${base}/chat/completions`, call: await open({ url, provider, baseUrl }) };
    }),
  );
}

/** Resolves when the vendor has not been let send anything for a while, with the most memory that the gateway had. */
async function held(gateway: FaultGateway, vendor: PouringVendor, readings: readonly Reading[]): Promise<number> {
  const poured = () => readings.reduce((sum, { path }) => sum + vendor.poured(path), 0);
  let most = gateway.residentBytes();
  for (let [seen, still] = [-1, 0]; still < 20; still = seen === poured() ? still + 1 : 0) {
    seen = poured();
    await wait(50);
    most = Math.max(most, gateway.residentBytes());
  }
  return most;
}

async function besideThem(gateway: FaultGateway, count: number, growth: number): Promise<HostileResult> {
  const { works, tookMs } = await timedWork(gateway);
  return {
    what: `${count} readers of all framings read nothing`,
    came: `at most ${Math.round(growth / mebibyte)} MiB more; a call beside them took ${tookMs.toFixed(0)} ms`,
    isBounded: works && growth < count * heldBytes,
  };
}

async function timedWork(gateway: FaultGateway): Promise<{ readonly works: boolean; readonly tookMs: number }> {
  const begun = performance.now();
  const works = await othersWork(gateway);
  return { works, tookMs: performance.now() - begun };
}

async function goOn(vendor: PouringVendor, { name, path, call }: Reading): Promise<HostileResult> {
  const taken = vendor.poured(path);
  const { text, code } = await answerOf(call);
  const isWhole = code === "ok" && text === pouredText(answerBytes);
  return {
    what: `a reader of ${name} stops, and goes on`,
    came: `${heldAfter(taken)}; then ${isWhole ? `all of the ${answerBytes / mebibyte} MiB in order` : `${text.length} bytes, ${code}`}`,
    isBounded: isWhole && taken < answerBytes,
  };
}

function heldAfter(bytes: number): string {
  return `the vendor was held back after ${(bytes / mebibyte).toFixed(1)} MiB`;
}

interface Answer {
  readonly text: string;
  readonly code: string;
}

/** The text of an answer, and its status; `none` where it has none. */
async function answerOf(call: SlowCall): Promise<Answer> {
  const texts: string[] = [];
  let code = "none";
  for await (const event of call.read()) {
    texts.push(String((event.textDelta as JsonObject | undefined)?.text ?? ""));
    if (event.status !== undefined) code = String((event.status as JsonObject).code);
  }
  return { text: texts.join(""), code };
}

async function leave(gateway: FaultGateway, vendor: PouringVendor, reading: Reading): Promise<HostileResult> {
  const taken = vendor.poured(reading.path);
  const begun = performance.now();
  reading.call.leave();
  const closed = vendor.closed(reading.path).then(() => performance.now() - begun);
  const { works, tookMs } = await timedWork(gateway);
  const closedMs = await Promise.race([closed, wait(patienceMs, undefined, { ref: false })]);
  const ended = closedMs === undefined ? "was left open" : `was closed after ${closedMs.toFixed(0)} ms`;
  return {
    what: `a reader of ${reading.name} stops, and leaves`,
    came: `${heldAfter(taken)}, whose socket ${ended}; a call meanwhile took ${tookMs.toFixed(0)} ms`,
    isBounded: works && closedMs !== undefined && taken < endlessBytes / 16,
  };
}

/** Readers of a WebSocket stop for longer than its heartbeats may be missed: they are taken for dead. */
export async function runDeadSockets(gateway: FaultGateway, longestMs: number): Promise<readonly HostileResult[]> {
  await using vendor = await startPouringVendor();
  const sockets = allSlowReaders.filter(({ name }) => name.includes("WebSocket"));
  const results = sockets.map(async (reader, i) => {
    const base = `/${endlessBytes}/events/dead-${i}/v1`;
    const baseUrl = vendor.url + base;
    const provider = `pours-dead-${i}`;
    await createProvider(gateway.url, { id: provider, kind: "openai-compatible", baseUrl });
    const call = await reader.open({ url: gateway.url, provider, baseUrl });
    const begun = performance.now();
    while (vendor.poured(`${base}/chat/completions`) === 0) await wait(10);
    const closed = vendor.closed(`${base}/chat/completions`).then(() => performance.now() - begun);
    const closedMs = await Promise.race([closed, wait(longestMs, undefined, { ref: false })]);
    call.leave();
    const came =
      closedMs === undefined ? "still open" : `cut, and the vendor let go, after ${Math.round(closedMs / 1_000)} s`;
    const what = `a reader of ${reader.name} reads nothing for longer than two heartbeats`;
    return { what, came, isBounded: closedMs !== undefined && (await othersWork(gateway)) };
  });
  return await Promise.all(results);
}
