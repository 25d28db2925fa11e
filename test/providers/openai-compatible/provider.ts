import type { Chat, ChatRequest } from "../../../src/core/chat.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { Models } from "../../../src/core/models.ts";
import type { ProviderKind } from "../../../src/core/provider.ts";
import { Secret } from "../../../src/core/secret.ts";
import { createUpstream } from "../../../src/upstream/upstream.ts";
import { assemble, type Reading, read } from "./reading.ts";

export interface BuiltProvider extends AsyncDisposable {
  readonly chat: Required<Chat>;
  readonly models: Models;
}

interface Connection {
  readonly baseUrl: string;
  readonly settings?: JsonObject;
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A provider as the gateway builds it, over a real connection pool. */
export function buildProvider(kind: ProviderKind, { baseUrl, settings = {}, ...secrets }: Connection): BuiltProvider {
  const apiKey = secrets.apiKey === undefined ? undefined : new Secret(secrets.apiKey);
  const headers = Object.entries(secrets.headers ?? {}).map(([name, value]) => [name, new Secret(value)] as const);
  const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: apiKey ? [apiKey] : [] });
  const { chat, models } = kind.create({ apiKey, baseUrl, headers: Object.fromEntries(headers), settings }, upstream);
  if (!chat?.generate || !models) throw new Error(`${kind.kind} lacks a capability`);
  return {
    chat: { stream: chat.stream, generate: chat.generate },
    models,
    [Symbol.asyncDispose]: () => upstream.close(),
  };
}

/** Runs a request to its end, or to its error. */
export function runStream(chat: Chat, request: ChatRequest, signal = new AbortController().signal): Promise<Reading> {
  return read(() => chat.stream(request, signal), new Uint8Array());
}

export async function runWhole(chat: Chat, request: ChatRequest) {
  const { events, error } = await runStream(chat, request);
  if (error) throw error;
  return assemble(events);
}
