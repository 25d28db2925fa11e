import type { JsonObject } from "@bufbuild/protobuf";
import { pino } from "pino";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import type { ModelFacts } from "../../src/agent/context-call.ts";
import type { ChatEvent, ChatRequest } from "../../src/core/chat.ts";
import type { ProviderConfig, ProviderKind } from "../../src/core/provider.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { ProviderPool } from "../../src/routing/provider-pool.ts";
import { createResolver } from "../../src/routing/resolver.ts";
import { createAgentService } from "../../src/services/agent.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { listen } from "../../src/transport/listener.ts";
import { createFetch } from "../../src/upstream/fetch.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { bareDraft } from "../store/provider-drafts.ts";

/** What a scripted model answers to one call. Its events go out as they are. */
export type Script = (request: ChatRequest, signal: AbortSignal) => Iterable<ChatEvent> | AsyncIterable<ChatEvent>;

export interface AgentServer extends AsyncDisposable {
  readonly url: string;
  /** The requests that the scripted models were given, in order. */
  readonly requests: readonly (ChatRequest & { readonly provider: string })[];
  run(request: object): Promise<{ readonly status: number; readonly body: JsonObject }>;
  /** The events, heartbeats left out, and the status. */
  runStream(
    request: object,
    signal?: AbortSignal,
  ): Promise<{ readonly events: JsonObject[]; readonly status: JsonObject }>;
}

export interface AgentServerOptions {
  /** By provider; each call takes the next script, and the last one for good. */
  readonly scripts: Readonly<Record<string, readonly Script[]>>;
  readonly modelFacts?: ModelFacts;
  readonly models?: ProviderConfig["models"];
}

const stamped = { readOnly: false, createTime: new Date(0), updateTime: new Date(0), revision: "1" };

/** The agent behind the product's own transport and interceptors; the models are scripts, each a provider of its own kind. */
export async function startAgentServer(options: AgentServerOptions): Promise<AgentServer> {
  const requests: (ChatRequest & { provider: string })[] = [];
  const kinds = Object.keys(options.scripts).map((name) => scriptedKind(name, options.scripts[name] ?? [], requests));
  const byKind = new Map(kinds.map((kind) => [kind.kind, kind]));
  const configs = kinds.map(({ kind }) => {
    return { ...bareDraft(kind), kind, ...stamped, defaultModel: "m", models: options.models ?? [] };
  });
  const pool = new ProviderPool(() => createUpstream({ connectTimeoutMs: 1_000, secrets: [] }));
  const resolver = createResolver({
    providers: {
      get: (id) => configs.find((config) => config.id === id),
      ids: () => configs.map(({ id }) => id),
      kind: (name) => byKind.get(name),
      kinds: () => [...byKind.keys()],
    },
    pool,
    attemptTimeoutMs: 10_000,
    stallTimeoutMs: 10_000,
  });
  const mcp = createFetch({ connectTimeoutMs: 2_000, maxBodyBytes: 8 * 1024 * 1024 });
  const nothingKnown: ModelFacts = { contextWindowOf: () => undefined, tokenizerOf: () => undefined };
  const { modelFacts = nothingKnown } = options;
  const agent = createAgentService({
    resolver,
    heartbeatIntervalMs: 10_000,
    mcpFetch: mcp.fetch,
    modelFacts,
    maxMediaBytes,
  });
  const server = await serve(agent);
  return {
    url: server.url,
    requests,
    run: (request) => callUnary(server.url, { route: { targets: [{ provider: kinds[0]?.kind }] }, ...request }),
    runStream: (request, signal) =>
      callStream(server.url, { route: { targets: [{ provider: kinds[0]?.kind }] }, ...request }, signal),
    async [Symbol.asyncDispose]() {
      await server.close(100);
      await mcp.close();
      await pool.close();
    },
  };
}

const maxMediaBytes = 1024;

function scriptedKind(
  name: string,
  scripts: readonly Script[],
  requests: (ChatRequest & { provider: string })[],
): ProviderKind {
  let calls = 0;
  return {
    kind: name,
    displayName: name,
    rpcs: ["AgentService/Run"],
    apiKeyRequired: false,
    baseUrlRequired: false,
    defaultBaseUrl: "",
    create: () => ({
      chat: {
        async *stream(request, signal) {
          requests.push({ ...request, provider: name });
          const script = scripts[Math.min(calls++, scripts.length - 1)];
          if (script) yield* script(request, signal);
        },
      },
    }),
  };
}

function serve(implementation: ReturnType<typeof createAgentService>) {
  const logger = pino({ level: "silent" });
  const explainError = createErrorExplainer(logger);
  const handler = createHttpHandler({
    routes: [{ service: AgentService, implementation }],
    interceptors: createInterceptors({ logger, explainError, originKey: callOriginKey, limits: { maxMediaBytes } }),
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 16 * 1024 * 1024 },
    logger,
  });
  return listen({ port: 0, host: "127.0.0.1", handler: handler.handle });
}

async function callUnary(url: string, request: object) {
  const response = await post(`${url}/livellm.v1.AgentService/Run`, request, "application/json");
  return { status: response.status, body: (await response.json()) as JsonObject };
}

async function callStream(url: string, request: object, signal?: AbortSignal) {
  const response = await post(`${url}/livellm.v1.AgentService/RunStream`, request, "application/x-ndjson", signal);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  const all = lines.map((line) => JSON.parse(line) as JsonObject);
  const last = all.pop();
  const status = (last?.status ?? last ?? {}) as JsonObject;
  return { events: all.filter(({ heartbeat }) => heartbeat === undefined), status };
}

function post(url: string, request: object, accept: string, signal?: AbortSignal): Promise<Response> {
  const headers = { "content-type": "application/json", accept };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(request), ...(signal && { signal }) });
}

/** An answer of one text. */
export function says(text: string, usage = { inputTokens: 10, outputTokens: 2 }): Script {
  return () => [
    { type: "response", model: "scripted-1" },
    { type: "part-started", key: "t", part: { type: "text" } },
    { type: "delta", key: "t", text },
    { type: "part-finished", key: "t" },
    { type: "finished", finishReason: "stop", providerFinishReason: "stop", usage },
  ];
}

/** An answer that calls tools; a call is its name and its arguments. */
export function calls(...wanted: readonly (readonly [name: string, input: object | string, id?: string])[]): Script {
  return () => [
    { type: "response" },
    ...wanted.flatMap(
      ([name, input, id = `call_${name}_${wanted.findIndex(([n, i]) => n === name && i === input)}`], i) =>
        callEvents(name, typeof input === "string" ? input : JSON.stringify(input), `${id}`, String(i)),
    ),
    {
      type: "finished" as const,
      finishReason: "tool_calls" as const,
      providerFinishReason: "tool_use",
      usage: { inputTokens: 20, outputTokens: 3 },
    },
  ];
}

function callEvents(name: string, input: string, id: string, key: string): ChatEvent[] {
  return [
    { type: "part-started", key, part: { type: "tool-call", id, name, executor: "client" } },
    { type: "delta", key, text: input },
    { type: "part-finished", key },
  ];
}

/** The names of the events in order. */
export function namesOf(events: readonly JsonObject[]): readonly string[] {
  return events.map((event) => Object.keys(event)[0] ?? "");
}
