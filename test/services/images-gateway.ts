import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { ImagesService } from "../../gen/livellm/v1/images_service_pb.ts";
import type { JsonObject } from "../../src/core/json.ts";
import type { ProviderConfig, ProviderKind } from "../../src/core/provider.ts";
import { Secret } from "../../src/core/secret.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { ProviderPool } from "../../src/routing/provider-pool.ts";
import { createResolver, type ProviderDirectory } from "../../src/routing/resolver.ts";
import { createAgentService } from "../../src/services/agent.ts";
import { createImagesService } from "../../src/services/images.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { listen } from "../../src/transport/listener.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { bareConfig } from "../store/provider-drafts.ts";

/** A configured provider: its kind, and where its vendor is. */
export interface ImageProvider {
  readonly kind: ProviderKind;
  readonly baseUrl: string;
  readonly settings?: JsonObject;
}

export interface ImagesGateway extends AsyncDisposable {
  readonly url: string;
  readonly images: Client<typeof ImagesService>;
  readonly agent: Client<typeof AgentService>;
}

export interface GatewayLimits {
  readonly heartbeatIntervalMs?: number;
  readonly stallTimeoutMs?: number;
  readonly maxMediaBytes?: number;
}

/** The images service over real adapters, behind the product's own server on a free port, and gRPC clients of it. */
export async function startImagesGateway(
  providers: Readonly<Record<string, ImageProvider>>,
  { heartbeatIntervalMs = 15_000, stallTimeoutMs = 20_000, maxMediaBytes = 1024 }: GatewayLimits = {},
): Promise<ImagesGateway> {
  const logger = pino({ level: "silent" });
  const explainError = createErrorExplainer(logger);
  const pool = new ProviderPool(() => createUpstream({ connectTimeoutMs: 5_000, secrets: [] }));
  const resolver = createResolver({
    providers: directoryOf(providers),
    pool,
    attemptTimeoutMs: 20_000,
    stallTimeoutMs,
  });
  const modelFacts = { contextWindowOf: () => undefined, tokenizerOf: () => undefined };
  const services = { resolver, heartbeatIntervalMs, maxMediaBytes };
  const handler = createHttpHandler({
    routes: [
      { service: ImagesService, implementation: createImagesService(services) },
      { service: AgentService, implementation: createAgentService({ ...services, mcpFetch: fetch, modelFacts }) },
    ],
    interceptors: createInterceptors({ logger, explainError, originKey: callOriginKey, limits: { maxMediaBytes } }),
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 32 * 1024 * 1024 },
    logger,
  });
  const listening = await listen({ port: 0, host: "127.0.0.1", handler: handler.handle });
  const transport = createGrpcTransport({ baseUrl: listening.url });
  return {
    url: listening.url,
    images: createClient(ImagesService, transport),
    agent: createClient(AgentService, transport),
    async [Symbol.asyncDispose]() {
      await listening.close(0);
      await pool.close();
    },
  };
}

/** A route to `provider/model` targets, in order. */
export function routeTo(...names: readonly string[]) {
  return {
    targets: names.map((name) => {
      const [provider = "", model = ""] = name.split("/");
      return { provider, model };
    }),
  };
}

function directoryOf(providers: Readonly<Record<string, ImageProvider>>): ProviderDirectory {
  const kinds = new Map(Object.values(providers).map(({ kind }) => [kind.kind, kind]));
  return {
    get: (id) => (providers[id] ? configOf(id, providers[id]) : undefined),
    ids: () => Object.keys(providers),
    kind: (name) => kinds.get(name),
    kinds: () => [...kinds.keys()],
  };
}

function configOf(id: string, { kind, baseUrl, settings = {} }: ImageProvider): ProviderConfig {
  return bareConfig(id, { kind: kind.kind, displayName: id, apiKey: new Secret("key-1234"), baseUrl, settings });
}
