import { callJson, createProvider } from "../test/support/json-call.ts";
import { concurrently } from "./concurrently.ts";
import { type ConversationClient, conversationClients } from "./conversation-clients.ts";
import { type ConversationFault, conversationFaults } from "./conversation-faults.ts";
import { startConversationVendor } from "./conversation-vendor.ts";
import { type ConversationWire, conversationWires, googleWire, type SaidTurn } from "./conversation-wires.ts";
import { type FaultGateway, startFaultGateway } from "./fault-gateway.ts";
import type { Verdict } from "./judge-chat.ts";
import { judgeConversation } from "./judge-conversation.ts";
import type { FaultResult } from "./run-chat-faults.ts";
import { startMuteSessions, startRefusing } from "./unwilling-servers.ts";

/** Where nothing is waited for; a client of the older system cannot say another. */
const patienceMs = 20_000;
/** How long a vendor may be silent, where that is the fault. */
const shortPatienceMs = 2_000;
const questions = ["One, please.", "And another."];

/** The older system's WebSocket opens with a model of the server's choice, before its client can name one. */
async function startConversationGateway(openingUrl: string, stallTimeoutMs: number): Promise<FaultGateway> {
  const gateway = await startFaultGateway({
    LIVELLM_SURFACES: "apc",
    LIVELLM_APC_LIVE_MODELS: "opening/gemini-2.0-flash-exp",
    LIVELLM_ATTEMPT_TIMEOUT_MS: String(stallTimeoutMs),
    LIVELLM_STALL_TIMEOUT_MS: String(stallTimeoutMs),
  });
  await createProvider(gateway.url, {
    id: "opening",
    kind: "google",
    apiKey: "key-of-the-faults",
    baseUrl: openingUrl,
  });
  return gateway;
}

/**
 * Every fault of conversations × kind × client × (written, spoken) × (alone, with a next target), once; or every `stride`th of
 * them. In gateways of its own.
 */
export async function runConversationFaults(stride = 1): Promise<readonly FaultResult[]> {
  await using opening = await startConversationVendor({ wire: googleWire(), turns: [], struckTurn: 0 });
  await using patient = await startConversationGateway(opening.url, patienceMs);
  await using impatient = await startConversationGateway(opening.url, shortPatienceMs);
  const results: FaultResult[] = [];
  const cases = conversationCases().filter((_, i) => i % stride === 0);
  await concurrently(cases, 16, async (one, i) => {
    const isSilent = one.fault.mute || one.fault.name.startsWith("silence");
    const gateway = isSilent ? impatient : patient;
    const [client] = conversationClients(gateway.url).filter(({ name }) => name === one.client);
    if (!client) throw new Error(`there is no client ${one.client}`);
    const stage = { gateway, client, id: `talk-${i}`, patienceMs: isSilent ? shortPatienceMs : patienceMs };
    const verdict = await runCase(stage, { ...one, struckTurn: i % questions.length });
    results.push({ name: nameOf(one), fault: `conversation: ${one.fault.name}`, verdict });
  });
  return results;
}

interface ConversationCase {
  readonly fault: ConversationFault;
  readonly wire: ConversationWire;
  readonly client: string;
  readonly isSpoken: boolean;
  readonly hasNext: boolean;
}

function conversationCases(): readonly ConversationCase[] {
  const clients = conversationClients("http://nowhere").map(({ name }) => name);
  const twice = [false, true];
  return conversationFaults.flatMap((fault) =>
    conversationWires
      .filter((wire) => fault.fits?.(wire) ?? true)
      .flatMap((wire) =>
        clients.flatMap((client) =>
          twice.flatMap((isSpoken) => twice.map((hasNext) => ({ fault, wire, client, isSpoken, hasNext }))),
        ),
      ),
  );
}

function nameOf({ fault, wire, client, isSpoken, hasNext }: ConversationCase): string {
  const form = isSpoken ? "spoken" : "written";
  return ["conversation", fault.name, wire.kind, client, form, hasNext ? "with a next target" : "alone"].join(" / ");
}

interface Stage {
  readonly gateway: FaultGateway;
  readonly client: ConversationClient;
  readonly id: string;
  readonly patienceMs: number;
}

async function runCase(stage: Stage, one: ConversationCase & { readonly struckTurn: number }): Promise<Verdict> {
  const { gateway, client, id } = stage;
  const { fault, wire, isSpoken, hasNext, struckTurn } = one;
  const [turns, nextTurns] = [saidTurns("first", isSpoken), saidTurns("next", isSpoken)];
  await using vendor = await startConversationVendor({ wire, turns, fault, struckTurn });
  await using next = await startConversationVendor({ wire, turns: nextTurns, struckTurn });
  await using refusing = await startRefusing(fault.refusal ?? 404);
  await using mute = await startMuteSessions();
  const elsewhere = (fault.refusal && refusing.url) || (fault.mute && mute.url) || vendor.url;
  const model = wire.model;
  const both = [id, `${id}-next`].map((provider) => ({ provider, model }));
  const fallbacks = hasNext && !client.namesTargets ? both.slice(1) : [];
  const create = (provider: string, url: string, models: readonly object[]) =>
    createProvider(gateway.url, {
      id: provider,
      kind: wire.kind,
      apiKey: "key-of-the-faults",
      baseUrl: url + wire.basePath,
      models,
    });
  await create(`${id}-next`, next.url, []);
  await create(id, fault.address ?? elsewhere, fallbacks.length > 0 ? [{ model, fallbacks }] : []);
  const targets = hasNext && client.namesTargets ? both : both.slice(0, 1);
  const call = { targets, isSpoken, turns: questions, patience: `${stage.patienceMs / 1000}s` };
  try {
    const heard = await client.converse(call, AbortSignal.timeout(60_000));
    return judgeConversation(heard, { fault, turns, nextTurns: hasNext ? nextTurns : undefined });
  } catch (error) {
    return { told: "an untruth", why: `no status: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    for (const name of [id, `${id}-next`]) await callJson(gateway.url, "ProvidersService/DeleteProvider", { id: name });
  }
}

/** An answer to each question; no two answers of any vendor are alike. */
function saidTurns(who: string, isSpoken: boolean): readonly SaidTurn[] {
  return questions.map((_, turn) => {
    const text = Array.from({ length: 12 }, (_, i) => `${who}\u{1F600}-${turn}-wörd${i} `).join("");
    return { text, audio: isSpoken ? soundOf(text) : undefined };
  });
}

/** Twenty times the bytes of a text, each time moved on by one: 24 kHz for some 100 ms. */
function soundOf(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat(Array.from({ length: 20 }, (_, i) => bytes.map((byte) => (byte + i) % 256))).subarray(0, 4_800);
}
