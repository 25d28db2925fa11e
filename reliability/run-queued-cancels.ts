import { setTimeout as wait } from "node:timers/promises";
import type { JsonObject } from "@bufbuild/protobuf";
import { echoRequest } from "../test/support/echo-request.ts";
import { createProvider } from "../test/support/json-call.ts";
import { type CancelForm, cancelForms } from "./cancel-forms.ts";
import { type EndlessVendor, startEndlessVendor } from "./cancel-phases.ts";
import type { ClientFace } from "./client-faces.ts";
import { percentile } from "./concurrently.ts";
import type { FaultGateway } from "./fault-gateway.ts";

/** What a gateway needs for this: one call at a time, and of each caller one that waits. */
export const queueing = { LIVELLM_MAX_CALLS: "1", LIVELLM_MAX_QUEUED_CALLS: "4" };

/** How long places in the queue stayed taken after their callers had left. */
export interface QueuedCancels {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Calls that reached the vendor though their callers had left. */
  readonly asked: number;
  /** Whether the slot is free when all is over. */
  readonly isFree: boolean;
}

const phase = "before the vendor's headers";
const provider = "never-answers";
/** A place that is taken for longer was not given back. */
const patienceMs = 2_000;

/** Calls of every form wait behind one that never ends, and leave. */
export async function runQueuedCancels(gateway: FaultGateway, count: number): Promise<QueuedCancels> {
  await using vendor = await startEndlessVendor();
  const baseUrl = `${vendor.url}/${encodeURIComponent(phase)}/v1`;
  await createProvider(gateway.url, { id: provider, kind: "openai-compatible", baseUrl });
  const all = cancelForms.flatMap((form) => form.faces(gateway.url).map((face) => ({ form, face })));
  const holder = await hold(gateway, vendor, "holder");
  const times: number[] = [];
  while (times.length < count) {
    for (const { form, face } of all) times.push(await leaveQueue(gateway, form, face));
  }
  const asked = vendor.open() - 1;
  await holder.end();
  const next = await Promise.race([hold(gateway, vendor, "next"), wait(patienceMs)]);
  await next?.end();
  return {
    count: times.length,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    worstMs: Math.max(...times),
    asked,
    isFree: next !== undefined,
  };
}

/** A call that has reached the vendor, where it stays until it is ended. */
async function hold({ url }: FaultGateway, vendor: EndlessVendor, key: string): Promise<{ end(): Promise<void> }> {
  const controller = new AbortController();
  const [form] = cancelForms;
  const [face] = form?.faces(url) ?? [];
  if (!form || !face) throw new Error("there is no way to call");
  const call = form.call({ target: { provider, model: key }, tools: [], signal: controller.signal });
  const outcome = face.call(call, controller.signal).catch(() => undefined);
  const { closed } = await vendor.arrival(key);
  return {
    async end() {
      controller.abort();
      await Promise.all([outcome, closed]);
    },
  };
}

/** Milliseconds from the caller's leaving to its place being free; infinite when it never was. */
async function leaveQueue({ url }: FaultGateway, form: CancelForm, face: ClientFace): Promise<number> {
  for (;;) {
    const controller = new AbortController();
    const call = form.call({ target: { provider, model: "waits" }, tools: [], signal: controller.signal });
    let isOver = false;
    const outcome = face.call(call, controller.signal).catch(() => undefined);
    void outcome.then(() => {
      isOver = true;
    });
    // Asking takes the place for a while, so the call is given time to have it.
    do await wait(3 * probeMs);
    while (!isOver && !(await isQueueFull(url)));
    const left = performance.now();
    controller.abort();
    if (isOver) continue; // one of ours, that asked, had the place
    while (await isQueueFull(url)) if (performance.now() - left > patienceMs) return Number.POSITIVE_INFINITY;
    await outcome;
    return Math.max(0, performance.now() - left - probeMs);
  }
}

/** How long a call that asks whether there is a place waits in it. */
const probeMs = 20;

/** Whether a further call is refused at once. One that is not gives up after `probeMs`. */
async function isQueueFull(url: string): Promise<boolean> {
  const response = await fetch(`${url}/livellm.v1.AgentService/Run`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-timeout-ms": `${probeMs}` },
    body: JSON.stringify(echoRequest("Is there a place?")),
  });
  const { code } = (await response.json()) as JsonObject;
  return code === "resource_exhausted";
}
