import { randomBytes } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import { pino } from "pino";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { RoutesService } from "../../gen/livellm/v1/routes_service_pb.ts";
import type { ChatEvent } from "../../src/core/chat.ts";
import type { LivellmError } from "../../src/core/error.ts";
import type { ListedModel } from "../../src/core/models.ts";
import type { Capabilities, ProviderConfig, ProviderKind } from "../../src/core/provider.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { createCatalogue } from "../../src/routing/catalogue.ts";
import { HealthMemory } from "../../src/routing/health.ts";
import { createModelDirectory } from "../../src/routing/model-directory.ts";
import { ProviderPool } from "../../src/routing/provider-pool.ts";
import { createProviderRegistry } from "../../src/routing/provider-registry.ts";
import { createResolver } from "../../src/routing/resolver.ts";
import { createRouteRegistry } from "../../src/routing/route-registry.ts";
import { createAgentService } from "../../src/services/agent.ts";
import { createModelsService } from "../../src/services/models.ts";
import { createProvidersService } from "../../src/services/providers.ts";
import { createRoutesService } from "../../src/services/routes.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { listen } from "../../src/transport/listener.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { bareConfig } from "../store/provider-drafts.ts";

/** A provider of a kind of its own. */
export interface ScriptedProvider {
  /** What it lists; a function may throw, or wait. Without it the provider lists nothing. */
  readonly lists?: readonly ListedModel[] | ((signal: AbortSignal) => Promise<readonly ListedModel[]>);
  /** Throws to fail; called once for each call. */
  readonly answers?: () => void;
  readonly config?: Partial<ProviderConfig>;
  readonly abilities?: Partial<Capabilities>;
  readonly baseUrl?: string;
}

export interface ModelsGateway extends AsyncDisposable {
  readonly url: string;
  /** Moves the time of health and lists. */
  pass(milliseconds: number): void;
  /** The models that were called, as `provider/model`. */
  readonly called: readonly string[];
  /** A unary call as JSON. */
  call(rpc: string, request: object): Promise<{ readonly status: number; readonly body: JsonObject }>;
}

/** The services that find and route models, behind the product's own server on a free port; the providers are scripts. */
export async function startModelsGateway(
  scripts: Readonly<Record<string, ScriptedProvider>>,
  overrides?: unknown,
): Promise<ModelsGateway> {
  let nowMs = Date.parse("2026-11-20T00:00:00Z");
  const clock = () => nowMs;
  const called: string[] = [];
  const kinds = new Map(
    Object.entries(scripts).map(([id, script]) => [script.config?.kind ?? id, scriptedKind(id, script, called)]),
  );
  const store = await openStore("sqlite::memory:", createSealer(randomBytes(32)));
  const warn = () => undefined;
  const configured = Object.entries(scripts).map(([id, script]) => configOf(id, script));
  const registry = await createProviderRegistry({ store, configured, kinds, warn });
  const routes = await createRouteRegistry({ store: store.routes, configured: [], warn });
  const pool = new ProviderPool(() => createUpstream({ connectTimeoutMs: 1_000, secrets: [] }));
  const health = new HealthMemory({ clock });
  const catalogue = createCatalogue(undefined, overrides);
  const models = createModelDirectory({ providers: registry, pool, catalogue, clock, listing: { timeoutMs: 100 } });
  const resolver = createResolver({
    providers: registry,
    pool,
    attemptTimeoutMs: 5_000,
    stallTimeoutMs: 5_000,
    models,
    health,
    routes: { get: routes.get, names: routes.names },
  });
  const agent = createAgentService({
    resolver,
    heartbeatIntervalMs: 10_000,
    mcpFetch: () => Promise.reject(new Error("no MCP servers here")),
    modelFacts: { contextWindowOf: models.contextWindowOf, tokenizerOf: () => undefined },
    maxMediaBytes: 1024,
  });
  const providers = createProvidersService({
    registry,
    health,
    connect: (config) => resolver.trial(config),
    checkSettings: () => [],
  });
  const logger = pino({ level: "silent" });
  const explainError = createErrorExplainer(logger);
  const handler = createHttpHandler({
    routes: [
      { service: AgentService, implementation: agent },
      { service: ProvidersService, implementation: providers },
      { service: ModelsService, implementation: createModelsService({ models, health, registry }) },
      { service: RoutesService, implementation: createRoutesService({ routes, registry }) },
    ],
    interceptors: createInterceptors({
      logger,
      explainError,
      originKey: callOriginKey,
      limits: { maxMediaBytes: 1024 },
    }),
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 1024 * 1024 },
    logger,
  });
  const server = await listen({ port: 0, host: "127.0.0.1", handler: handler.handle });
  return {
    url: server.url,
    called,
    pass: (milliseconds) => {
      nowMs += milliseconds;
    },
    call: (rpc, request) => post(`${server.url}/livellm.v1.${rpc}`, request),
    async [Symbol.asyncDispose]() {
      await server.close(0);
      models.close();
      routes.close();
      registry.close();
      await pool.close();
      await store.close();
    },
  };
}

async function post(url: string, request: object) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(request) });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

function scriptedKind(id: string, script: ScriptedProvider, called: string[]): ProviderKind {
  const { lists } = script;
  return {
    kind: script.config?.kind ?? id,
    displayName: id,
    rpcs: [],
    apiKeyRequired: false,
    baseUrlRequired: false,
    defaultBaseUrl: script.baseUrl ?? "",
    create: () => ({
      ...(lists && { models: { list: typeof lists === "function" ? lists : async () => lists } }),
      chat: {
        async *stream({ model }) {
          called.push(`${id}/${model}`);
          script.answers?.();
          yield* answer(`${id} says hello`);
        },
      },
      ...script.abilities,
    }),
  };
}

function answer(text: string): readonly ChatEvent[] {
  return [
    { type: "response" },
    { type: "part", part: { type: "text", text } },
    {
      type: "finished",
      finishReason: "stop",
      providerFinishReason: "stop",
      usage: { inputTokens: 1_000_000, outputTokens: 500_000 },
    },
  ];
}

function configOf(id: string, { config }: ScriptedProvider): ProviderConfig {
  return bareConfig(id, { kind: id, ...config });
}

/** A provider whose answers depend on a switch. */
export function failing(error: () => LivellmError | undefined): () => void {
  return () => {
    const thrown = error();
    if (thrown) throw thrown;
  };
}

/** A question to the agent. */
export function ask(route: object): object {
  return { route, messages: [{ text: "hello" }] };
}
