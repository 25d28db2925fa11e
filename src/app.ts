import { createVoiceActivityFactory } from "./audio/voice-activity.ts";
import type { Config, EnvironmentProvider } from "./config.ts";
import type { ProviderConfig } from "./core/provider.ts";
import { createErrorExplainer } from "./interceptors/explain-error.ts";
import { createInterceptors } from "./interceptors/index.ts";
import { providerKinds } from "./providers/index.ts";
import { createLocalEngine } from "./providers/local/index.ts";
import { createSettingsCheck } from "./providers/settings.ts";
import { ProviderPool } from "./routing/provider-pool.ts";
import { createProviderRegistry } from "./routing/provider-registry.ts";
import { createResolver } from "./routing/resolver.ts";
import { createServices } from "./services/index.ts";
import { loadMasterKey } from "./store/master-key.ts";
import { dataFolderOf, openStore } from "./store/open-store.ts";
import { createSealer } from "./store/sealing.ts";
import type { Logger } from "./telemetry/logger.ts";
import { callOriginKey } from "./transport/call-origin.ts";
import { createHealth } from "./transport/health.ts";
import { createHttpHandler } from "./transport/http-handler.ts";
import { type Listening, listen } from "./transport/listener.ts";
import { createReflectionRoutes } from "./transport/reflection.ts";
import { createUpstream } from "./upstream/upstream.ts";

/** A gateway that is built and not yet listening. */
export interface App {
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  /** Turns unready, lets calls under way finish within the grace period, and lets go of everything. */
  close(): Promise<void>;
}

/** Puts the parts together; the only place that knows them all. */
export async function createApp(config: Config, logger: Logger): Promise<App> {
  const warn = (message: string) => logger.warn(message);
  const engine = createLocalEngine(config.localEngine);
  const kinds = new Map(providerKinds(engine).map((kind) => [kind.kind, kind]));
  const dataFolder = dataFolderOf(config.databaseUrl);
  const masterKey = await loadMasterKey({ masterKeyHex: config.masterKey?.reveal(), dataFolder }, warn);
  const store = await openStore(config.databaseUrl, createSealer(masterKey));
  const registry = await createProviderRegistry({ store, configured: configuredProviders(config), kinds, warn });
  const pool = new ProviderPool(({ apiKey, headers }) =>
    createUpstream({
      connectTimeoutMs: config.connectTimeoutMs,
      secrets: [...(apiKey ? [apiKey] : []), ...Object.values(headers)],
    }),
  );
  const resolver = createResolver({ ...config, providers: registry, pool });
  const services = createServices({
    resolver,
    registry,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    idleTimeoutMs: config.idleTimeoutMs,
    maxKeptAudioMs: config.maxKeptAudioMs,
    createVoiceActivity: createVoiceActivityFactory(async () =>
      (await engine.installed()) ? engine.voiceActivity() : undefined,
    ),
    connect: (provider) => resolver.trial(provider),
    checkSettings: createSettingsCheck(kinds),
  });
  const health = createHealth(services.map(({ service }) => service.typeName));
  const routes = [...services, health.route];
  const explainError = createErrorExplainer(logger);
  const handler = createHttpHandler({
    routes: [...routes, ...createReflectionRoutes(routes.map(({ service }) => service))],
    interceptors: createInterceptors({
      logger,
      explainError,
      originKey: callOriginKey,
      limits: { maxMediaBytes: config.maxMediaBytes },
    }),
    explainError,
    allowedOrigins: config.corsOrigins,
    limits: { maxMessageBytes: config.maxRequestBytes },
    logger,
  });

  let listening: Listening | undefined;
  return {
    async listen() {
      listening = await listen({ port: config.port, host: config.host, handler: handler.handle });
      return listening;
    },
    async close() {
      health.drain();
      handler.drain();
      await listening?.close(config.shutdownGraceMs);
      await pool.close();
      await engine.close();
      registry.close();
      await store.close();
    },
  };
}

/** The read-only providers: `local`, and one for each key in the environment. */
function configuredProviders(config: Config): readonly ProviderConfig[] {
  return [
    readOnlyProvider({ kind: "local" }, "Local engine", "echo"),
    ...config.providers.map((provider) => readOnlyProvider(provider, "From the environment", "")),
  ];
}

function readOnlyProvider(provider: EnvironmentProvider, displayName: string, defaultModel: string): ProviderConfig {
  const started = new Date();
  return {
    id: provider.kind,
    kind: provider.kind,
    displayName,
    apiKey: provider.apiKey,
    baseUrl: provider.baseUrl ?? "",
    headers: {},
    allowedModels: [],
    blockedModels: [],
    defaultOptions: {},
    labels: {},
    disabled: false,
    readOnly: true,
    createTime: started,
    updateTime: started,
    revision: "environment",
    defaultModel,
    fallbackModel: "",
    models: [],
    settings: {},
  };
}
