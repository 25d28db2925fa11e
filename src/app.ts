import { setTimeout } from "node:timers/promises";
import type { Transport } from "@connectrpc/connect";
import { createVoiceActivityFactory } from "./audio/voice-activity.ts";
import type { Config } from "./config.ts";
import { configuredProviders, type FoundAtStart, lookAround } from "./configured-providers.ts";
import type { ProviderKind } from "./core/provider.ts";
import { callerOf, createAccess } from "./create-access.ts";
import { createFaces } from "./faces.ts";
import { createErrorExplainer } from "./interceptors/explain-error.ts";
import { createInterceptors } from "./interceptors/index.ts";
import { openFaults } from "./open-faults.ts";
import { providerKinds } from "./providers/index.ts";
import { createLocalEngine } from "./providers/local/index.ts";
import { createSettingsCheck } from "./providers/settings.ts";
import { createRequestsGuard } from "./requests-guard.ts";
import { BreakerBoard } from "./routing/breaker-board.ts";
import { loadCatalogue } from "./routing/catalogue.ts";
import { HealthMemory } from "./routing/health.ts";
import { createModelDirectory } from "./routing/model-directory.ts";
import { ProviderPool } from "./routing/provider-pool.ts";
import { createProviderRegistry } from "./routing/provider-registry.ts";
import { createResolver } from "./routing/resolver.ts";
import { createRouteRegistry } from "./routing/route-registry.ts";
import { createFurtherChecks, createServices, type ServicesOptions } from "./services/index.ts";
import { openSharedState } from "./shared-state/open-shared-state.ts";
import type { StateQuestion } from "./shared-state/state-questions.ts";
import { openConfiguredStore } from "./store/configured-store.ts";
import { openConversationLog } from "./telemetry/conversation-log.ts";
import type { FaultReports } from "./telemetry/fault-reports.ts";
import type { Logger } from "./telemetry/logger.ts";
import type { MetricSnapshot } from "./telemetry/metric-snapshot.ts";
import { prometheusText } from "./telemetry/prometheus-text.ts";
import { observeState } from "./telemetry/state-meters.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";
import { callOriginKey } from "./transport/call-origin.ts";
import { createHealth } from "./transport/health.ts";
import { createLimitsInterceptor } from "./transport/limits.ts";
import { CallSlots } from "./transport/limits-slots.ts";
import type { AcceptedConnections } from "./transport/listener.ts";
import { createReflectionRoutes } from "./transport/reflection.ts";
import { createFetch } from "./upstream/fetch.ts";
import { administratorsGuard, permits } from "./upstream/guard.ts";
import { tracedFetch, tracedUpstream } from "./upstream/traced.ts";
import { createUpstream } from "./upstream/upstream.ts";

/** The largest answer of an MCP server. */
const maxMcpBodyBytes = 64 * 1024 * 1024;

/** A gateway that is built and not yet listening. */
export interface App {
  listen(): Promise<{ readonly url: string; readonly port: number }>;
  /** For clients in this process, which need no port: the same handlers, behind the same interceptors. */
  readonly transport: Transport;
  /** What has been counted so far, in this process. */
  metrics(): readonly MetricSnapshot[];
  /** Where this process reports its faults; undefined where nobody asks for that. */
  readonly faults: FaultReports | undefined;
  /** Turns unready, lets calls under way finish within the grace period, and lets go of everything. */
  close(): Promise<void>;
  /** Reads what other processes have changed until now. */
  catchUp(): Promise<void>;
  /** What it has found where it was started. */
  readonly found: FoundAtStart;
}

/** What a process that is one of several has from the others. */
export interface Surroundings {
  /** The connections that it serves. */
  readonly accepted: AcceptedConnections;
  /** Unset for the first of them. */
  readonly found?: FoundAtStart | undefined;
  /** What all of them have counted; what this one has is shown when unset. */
  readonly gatherMetrics?: () => Promise<readonly MetricSnapshot[]>;
  /** Asks the process that counts callers' limits for all of them. */
  ask(question: StateQuestion): Promise<unknown>;
  /** Resolves when all of them know what has changed in the store. Never rejects. */
  changed(): Promise<void>;
}

/** Puts the parts together; the only place that knows them all. */
export async function createApp(config: Config, logger: Logger, surroundings?: Surroundings): Promise<App> {
  const warn = (message: string) => logger.warn(message);
  // A change is done when all processes of this server know it: the next call may come to any of them.
  const written = surroundings?.changed;
  const faults = await openFaults(config, warn);
  const engine = createLocalEngine(config.localEngine);
  const kinds = new Map(providerKinds(engine).map((kind) => [kind.kind, kind]));
  const telemetry = await createTelemetry({
    settings: config.telemetry,
    providerNames: conventionalNames(kinds),
    warn,
  });
  const { outgoingHeaders } = telemetry;
  const store = await openConfiguredStore(config, logger);
  const found = surroundings?.found ?? (await lookAround(config));
  const configured = [...configuredProviders(config, found), ...config.configured.providers];
  const registry = await createProviderRegistry({ store, configured, kinds, warn, written });
  const shared = await openSharedState({ ...config.sharing, ask: surroundings?.ask, log: logger });
  const access = await createAccess(config, { store, rates: shared.rates, warn, written });
  const guards = { configured: administratorsGuard, requested: createRequestsGuard(config, access.hasTokens) };
  const pool = new ProviderPool(({ apiKey, headers }, provenance, { keepsTrace }) => {
    const upstream = createUpstream({
      connectTimeoutMs: config.connectTimeoutMs,
      secrets: [...(apiKey ? [apiKey] : []), ...Object.values(headers)],
      guard: guards[provenance],
    });
    return keepsTrace && outgoingHeaders ? tracedUpstream(upstream, outgoingHeaders) : upstream;
  });
  const namedRoutes = await createRouteRegistry({
    store: store.routes,
    configured: config.configured.routes,
    warn,
    written,
  });
  const board = shared.breakers && new BreakerBoard({ shared: shared.breakers });
  const callHealth = new HealthMemory({ board });
  const catalogue = await loadCatalogue(config.catalogueFile);
  const models = createModelDirectory({ providers: registry, pool, catalogue });
  const resolver = createResolver({
    ...config,
    providers: registry,
    pool,
    routes: namedRoutes,
    models,
    health: callHealth,
  });
  const mcp = createFetch({
    connectTimeoutMs: config.connectTimeoutMs,
    maxBodyBytes: maxMcpBodyBytes,
    guard: guards.requested,
  });
  const serviceOptions: ServicesOptions = {
    access: { ...access, audit: store.audit, administered: config.adminToken !== undefined },
    resolver,
    registry,
    routes: namedRoutes,
    models,
    health: callHealth,
    mcpFetch: outgoingHeaders ? tracedFetch(mcp.fetch, outgoingHeaders) : mcp.fetch,
    modelFacts: { contextWindowOf: models.contextWindowOf, tokenizerOf: (kind) => kinds.get(kind)?.tokenizer },
    maxMediaBytes: config.maxMediaBytes,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    idleTimeoutMs: config.idleTimeoutMs,
    maxKeptAudioMs: config.maxKeptAudioMs,
    createVoiceActivity: createVoiceActivityFactory(async () =>
      (await engine.installed()) ? engine.voiceActivity() : undefined,
    ),
    connect: (provider) => resolver.trial(provider),
    checkSettings: createSettingsCheck(kinds),
    mayCall: (hostname) => permits(guards.configured, hostname),
  };
  const services = createServices(serviceOptions);
  const health = createHealth(services.map(({ service }) => service.typeName));
  const routes = [...services, health.route];
  const explainError = createErrorExplainer(logger, telemetry.told, (error, requestId) =>
    faults?.report(error, { request_id: requestId }),
  );
  const slots = new CallSlots(config.callLimits, config.callLimits.sharedPerCaller ? shared.calls : undefined);
  observeState(telemetry.metrics, { store, slots, health: callHealth, shared });
  const conversationLog = config.conversationLog && (await openConversationLog(config.conversationLog, warn));
  const faces = await createFaces({
    config,
    logger,
    routes: [...routes, ...createReflectionRoutes(routes.map(({ service }) => service))],
    interceptors: createInterceptors({
      logger,
      explainError,
      originKey: callOriginKey,
      gatekeeper: access.gatekeeper,
      auditLog: store.audit,
      conversationLog,
      faults: config.faults?.tracesSampleRate ? faults : undefined,
      telemetry,
      admission: createLimitsInterceptor({ ...config.callLimits, callerOf }, slots),
      limits: { maxMediaBytes: config.maxMediaBytes },
      furtherChecks: createFurtherChecks(serviceOptions),
    }),
    explainError,
    gatekeeper: access.gatekeeper,
    servesThisMachine: access.servesThisMachine,
    telemetry,
    renderMetrics: async () => prometheusText((await surroundings?.gatherMetrics?.()) ?? telemetry.metrics.snapshot()),
    accepted: surroundings?.accepted,
  });
  let isListening = false;
  return {
    transport: faces.transport,
    metrics: () => telemetry.metrics.snapshot(),
    async listen() {
      const listening = await faces.listen();
      isListening = true;
      return listening;
    },
    async close() {
      health.drain();
      if (isListening && config.drainDelayMs > 0) await setTimeout(config.drainDelayMs);
      faces.drain();
      await faces.close();
      models.close();
      namedRoutes.close();
      await pool.close();
      await mcp.close();
      await engine.close();
      registry.close();
      access.tokens.close();
      await conversationLog?.close();
      await Promise.all([telemetry.close(), faults?.close()]);
      board?.[Symbol.dispose]();
      await shared.close();
      await store.close();
    },
    faults,
    found,
    async catchUp() {
      await Promise.all([registry.refresh(), namedRoutes.refresh(), access.tokens.refresh()]);
    },
  };
}

/** What OpenTelemetry calls the kinds that it has another word for. */
function conventionalNames(kinds: ReadonlyMap<string, ProviderKind>): ReadonlyMap<string, string> {
  return new Map(Array.from(kinds, ([name, { conventionalName = name }]) => [name, conventionalName]));
}
