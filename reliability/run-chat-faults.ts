import type { JsonObject } from "@bufbuild/protobuf";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { agentDialects } from "../test/support/agent-dialects.ts";
import { callJson, createProvider } from "../test/support/json-call.ts";
import { type ChatFaultCase, chatFaultCases } from "./chat-fault-cases.ts";
import { type ClientFace, openFaces } from "./client-faces.ts";
import { concurrently } from "./concurrently.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { type FaultVendor, startFaultVendor } from "./fault-vendor.ts";
import { judgeChat, type Verdict } from "./judge-chat.ts";
import type { VendorReply } from "./vendor-reply.ts";

/** What came of one injected fault. */
export interface FaultResult {
  readonly name: string;
  readonly fault: string;
  readonly verdict: Verdict;
}

export interface FaultRun {
  readonly count: number;
  readonly seed: number;
  /** Runs the cases alone whose name holds this. */
  readonly only?: string;
  readonly onResult?: (result: FaultResult) => void;
}

const atOnce = 12;
const longestMs = 60_000;
const nextText = "from the next target";

/** Breaks chat vendors in front of a started gateway, and says for each case what the caller was told. */
export async function runChatFaults(gateway: FaultGateway, run: FaultRun): Promise<readonly FaultResult[]> {
  await using vendor = await startFaultVendor();
  const faces = openFaces(gateway.url);
  const next = await addNext(gateway, vendor);
  const results: FaultResult[] = [];
  const names = faces.map(({ name }) => name);
  const all = chatFaultCases(run.count, run.seed, names);
  const cases = run.only === undefined ? all : all.filter(({ name }) => name.includes(run.only ?? ""));
  await concurrently(cases, atOnce, async (one, i) => {
    const face = faces.find(({ name }) => name === one.face);
    if (!face) throw new Error(`there is no face ${one.face}`);
    const verdict = await runCase({ gateway, vendor, face, next, id: `fault-${i}` }, one);
    results.push({ name: one.name, fault: one.fault.name, verdict });
    run.onResult?.({ name: one.name, fault: one.fault.name, verdict });
  });
  return results;
}

/** A provider that always answers. */
async function addNext(gateway: FaultGateway, vendor: FaultVendor): Promise<JsonObject> {
  const answer = agentDialects["openai-compatible"]?.answer({ text: nextText }, 1) ?? [];
  const url = vendor.answerAt("next", { headers: { "content-type": "text/event-stream" }, chunks: [...answer] });
  await createProvider(gateway.url, { id: "next", kind: "openai-compatible", baseUrl: `${url}/v1` });
  return { provider: "next", model: "m-1" };
}

interface Stage {
  readonly gateway: FaultGateway;
  readonly vendor: FaultVendor;
  readonly face: ClientFace;
  readonly next: JsonObject;
  /** Of the provider; one for each case, because the gateway remembers who has failed. */
  readonly id: string;
}

async function runCase(stage: Stage, one: ChatFaultCase): Promise<Verdict> {
  const { gateway, vendor, id } = stage;
  const { wire, injection } = one;
  const url = injection.address?.(vendor.port) ?? vendor.answerAt(id, replyTo(injection.reply, one, gateway));
  await createProvider(gateway.url, { id, kind: wire.kind, apiKey: "key-of-the-faults", baseUrl: url + wire.basePath });
  try {
    return await tell(stage, one);
  } finally {
    vendor.forget(id);
    await callJson(gateway.url, "ProvidersService/DeleteProvider", { id });
  }
}

function replyTo(reply: VendorReply = {}, { injection }: ChatFaultCase, gateway: FaultGateway): VendorReply {
  return injection.jumpsClock ? { ...reply, beforeLast: () => gateway.kill("SIGUSR2") } : reply;
}

async function tell({ face, next, id }: Stage, { injection, hasNext }: ChatFaultCase): Promise<Verdict> {
  const patience = `${(injection.patienceMs ?? 30_000) / 1000}s`;
  const targets = [{ provider: id, model: "m-1", attemptTimeout: patience }, ...(hasNext ? [next] : [])];
  const request = {
    route: { targets, stallTimeout: patience },
    messages: [{ text: "Hello!" }],
    config: { tools: toolsOf(injection.turn.calls ?? []) },
  };
  try {
    const call = { method: AgentService.method.runStream, requests: [request] };
    const outcome = await face.call(call, AbortSignal.timeout(longestMs));
    const { turn, truth } = injection;
    return judgeChat(outcome, { turn, truth, ...(hasNext && { nextText }) });
  } catch (error) {
    return { told: "an untruth", why: `no status: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function toolsOf(calls: readonly { readonly name: string }[]): readonly object[] {
  return calls.map(({ name }) => ({ function: { name, description: `To ${name}.`, inputSchema: { type: "object" } } }));
}
