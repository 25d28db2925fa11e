import { randomBytes } from "node:crypto";
import path from "node:path";
import { pino } from "pino";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { AudioService } from "../../gen/livellm/v1/audio_service_pb.ts";
import { ImagesService } from "../../gen/livellm/v1/images_service_pb.ts";
import { LiveService } from "../../gen/livellm/v1/live_service_pb.ts";
import { ModelsService } from "../../gen/livellm/v1/models_service_pb.ts";
import { ProvidersService } from "../../gen/livellm/v1/providers_service_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { CallerLimits } from "../../src/access/caller-limits.ts";
import { createGatekeeper } from "../../src/access/gatekeeper.ts";
import { LastUse } from "../../src/access/last-use.ts";
import { createVoiceActivityFactory } from "../../src/audio/voice-activity.ts";
import { createCompatSurfaces } from "../../src/compat/surfaces.ts";
import type { ProviderConfig } from "../../src/core/provider.ts";
import { Secret } from "../../src/core/secret.ts";
import { createAdmission } from "../../src/interceptors/auth.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { providerKinds } from "../../src/providers/index.ts";
import { createLocalEngine } from "../../src/providers/local/index.ts";
import { createSettingsCheck } from "../../src/providers/settings.ts";
import { proxyCheck } from "../../src/requests-guard.ts";
import { createCatalogue } from "../../src/routing/catalogue.ts";
import { HealthMemory } from "../../src/routing/health.ts";
import { createModelDirectory } from "../../src/routing/model-directory.ts";
import { ProviderPool } from "../../src/routing/provider-pool.ts";
import { createProviderRegistry } from "../../src/routing/provider-registry.ts";
import { createResolver } from "../../src/routing/resolver.ts";
import { createAgentService } from "../../src/services/agent.ts";
import { createAudioService } from "../../src/services/audio.ts";
import { createImagesService } from "../../src/services/images.ts";
import { createLiveService } from "../../src/services/live.ts";
import { createModelsService } from "../../src/services/models.ts";
import { createProvidersService } from "../../src/services/providers.ts";
import { createTranscriptionService } from "../../src/services/transcription.ts";
import { createLocalState } from "../../src/shared-state/shared-state.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { listen } from "../../src/transport/listener.ts";
import { createMessageSockets } from "../../src/transport/message-socket.ts";
import { createFetch } from "../../src/upstream/fetch.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";
import { bareConfig } from "../store/provider-drafts.ts";
import { projectRoot } from "../support/gateway.ts";

export interface CompatGateway extends AsyncDisposable {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  drain(): void;
}

/** The product's own services, interceptors and server on a free port, with the older systems' surfaces in front. */
export async function startCompatGateway(
  surfaces: readonly string[] = ["livellm", "v1"],
  allowedOrigins: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
  adminToken?: string,
): Promise<CompatGateway> {
  const engine = createLocalEngine(path.join(projectRoot, ".local-engine"));
  const kinds = new Map(providerKinds(engine).map((kind) => [kind.kind, kind]));
  const store = await openStore("sqlite::memory:", createSealer(randomBytes(32)));
  const configured = [bareConfig("local")];
  const registry = await createProviderRegistry({ store, configured, kinds, warn: () => undefined });
  const pool = new ProviderPool(({ apiKey, headers }) =>
    createUpstream({ connectTimeoutMs: 1_000, secrets: [...(apiKey ? [apiKey] : []), ...Object.values(headers)] }),
  );
  const health = new HealthMemory();
  const models = createModelDirectory({ providers: registry, pool, catalogue: createCatalogue(undefined, undefined) });
  const timeouts = { attemptTimeoutMs: 20_000, stallTimeoutMs: 20_000 };
  const resolver = createResolver({ ...timeouts, providers: registry, pool, models, health });
  const mcp = createFetch({ connectTimeoutMs: 1_000, maxBodyBytes: 1024 * 1024 });
  const maxBodyBytes = 8 * 1024 * 1024;
  const options = {
    resolver,
    registry,
    models,
    health,
    mcpFetch: mcp.fetch,
    modelFacts: { contextWindowOf: models.contextWindowOf, tokenizerOf: (kind: string) => kinds.get(kind)?.tokenizer },
    maxMediaBytes: maxBodyBytes,
    heartbeatIntervalMs: 15_000,
    idleTimeoutMs: Number(environment.IDLE_TIMEOUT_MS ?? 20_000),
    maxKeptAudioMs: 120_000,
    createVoiceActivity: createVoiceActivityFactory(async () =>
      (await engine.installed()) ? engine.voiceActivity() : undefined,
    ),
    connect: (provider: ProviderConfig) => resolver.trial(provider),
    checkSettings: createSettingsCheck(kinds),
  };
  const services = [
    { service: AgentService, implementation: createAgentService(options) },
    { service: AudioService, implementation: createAudioService(options) },
    { service: TranscriptionService, implementation: createTranscriptionService(options) },
    { service: LiveService, implementation: createLiveService(options) },
    { service: ModelsService, implementation: createModelsService(options) },
    { service: ImagesService, implementation: createImagesService(options) },
    { service: ProvidersService, implementation: createProvidersService(options) },
  ];
  const logger = pino({ level: "silent" });
  const explainError = createErrorExplainer(logger);
  const gatekeeper = createGatekeeper({
    tokens: { get: () => undefined, names: () => [] },
    adminToken: adminToken === undefined ? undefined : new Secret(adminToken),
    anonymousAllowed: true,
    limits: new CallerLimits(createLocalState().rates),
    lastUse: new LastUse(store.tokens, () => undefined),
  });
  const handler = createHttpHandler({
    routes: services,
    interceptors: createInterceptors({
      ...(adminToken !== undefined && { gatekeeper }),
      logger,
      explainError,
      originKey: callOriginKey,
      limits: { maxMediaBytes: maxBodyBytes },
    }),
    explainError,
    allowedOrigins,
    limits: { maxMessageBytes: maxBodyBytes },
    logger,
  });
  const compat = createCompatSurfaces({
    surfaces,
    environment,
    isTrustedProxy: proxyCheck(environment.TRUSTED_PROXIES?.split(",") ?? []),
    liveModels: environment.LIVE_MODELS?.split(",") ?? ["local/echo"],
    dispatcher: handler.dispatcher,
    explainError,
    allowedOrigins,
    maxBodyBytes,
    admit: createAdmission(gatekeeper, { logger }),
    acceptSocket: createMessageSockets({ allowedOrigins, maxMessageBytes: maxBodyBytes }),
  });
  const server = await listen({
    port: 0,
    host: "127.0.0.1",
    handler: (request, response) => {
      if (!compat.handle(request, response)) handler.handle(request, response);
    },
    onUpgrade: (request, socket, head) => {
      if (!compat.onUpgrade(request, socket, head)) socket.destroy();
    },
  });
  return {
    url: server.url,
    drain: compat.drain,
    async [Symbol.asyncDispose]() {
      await server.close(0);
      models.close();
      await pool.close();
      await mcp.close();
      await engine.close();
      registry.close();
      await store.close();
    },
  };
}
