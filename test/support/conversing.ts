import type { ConversationEvent, ConversationInput, ConversationRequest, Live } from "../../src/core/live.ts";
import type { ProviderKind } from "../../src/core/provider.ts";
import { Secret } from "../../src/core/secret.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { conversationRequest } from "../live/conversation-request.ts";

/** What a caller says, or something that a test does in between. */
export type Step = ConversationInput | (() => Promise<unknown>);

async function* said(steps: readonly Step[]): AsyncGenerator<ConversationInput> {
  for (const step of steps) {
    if (typeof step === "function") await step();
    else yield step;
  }
}

export interface Conversing {
  readonly steps: readonly Step[];
  readonly request?: Partial<ConversationRequest>;
  readonly signal?: AbortSignal;
  /** What it has said so far is kept here, too. */
  readonly events?: ConversationEvent[];
  readonly see?: (event: ConversationEvent) => void;
}

/** A conversation with an adapter, to its end: what it said, and what it threw. */
export async function converseWith(
  live: Live | undefined,
  { steps, request, signal = new AbortController().signal, events = [], see }: Conversing,
): Promise<{ readonly events: readonly ConversationEvent[]; readonly error: unknown }> {
  try {
    for await (const event of live?.converse(conversationRequest(request), said(steps), signal) ?? []) {
      events.push(event);
      see?.(event);
    }
    return { events, error: undefined };
  } catch (error) {
    return { events, error };
  }
}

/** The same with an adapter that is made for it, as the gateway makes it. */
export async function converseAt(
  kind: ProviderKind,
  baseUrl: string,
  call: Conversing,
): ReturnType<typeof converseWith> {
  const apiKey = new Secret("live-secret-key");
  const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: [apiKey] });
  const { live } = kind.create({ apiKey, baseUrl, headers: {}, settings: {} }, upstream);
  const result = await converseWith(live, call);
  await upstream.close();
  return result;
}

export const written = (text: string): ConversationInput => ({ type: "text", text });
export const spoken = (data: Uint8Array): ConversationInput => ({ type: "audio", data });
export const typesOf = (events: readonly ConversationEvent[]) => events.map(({ type }) => type);

export function wordsOf(events: readonly ConversationEvent[], type: "text" | "output-transcript" = "text"): string {
  return events.flatMap((event) => (event.type === type ? [event.text] : [])).join("");
}

/** A step that waits for the nth event of a type, and what has to see the events for it. */
export function until(type: ConversationEvent["type"], count = 1) {
  const { promise, resolve } = Promise.withResolvers<void>();
  let seen = 0;
  const see = (event: ConversationEvent): void => {
    if (event.type === type && ++seen === count) resolve();
  };
  return Object.assign(() => promise, { see });
}

/** Nobody says anything any more. */
export const forEver = () => new Promise<never>(() => undefined);
