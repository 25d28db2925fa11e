import { setTimeout } from "node:timers/promises";
import type { ContextValues, Transport } from "@connectrpc/connect";
import { CallerLimits } from "./access/caller-limits.ts";
import { createGatekeeper, metricsPage } from "./access/gatekeeper.ts";
import { LastUse } from "./access/last-use.ts";
import { refuseOpenBinding } from "./access/open-binding.ts";
import { principalKey } from "./access/principal.ts";
import { createJsonSchemas } from "./agent/json-schema.ts";
import { createVoiceActivityFactory } from "./audio/voice-activity.ts";
import { createCompatSurfaces } from "./compat/surfaces.ts";
import type { Config } from "./config.ts";
import { configuredProviders, type FoundAtStart, lookAround } from "./configured-providers.ts";
import type { AccessToken } from "./core/access.ts";
import { isLoopback } from "./core/loopback.ts";
import type { ProviderKind } from "./core/provider.ts";
import type { SharedRates } from "./core/shared-state.ts";
import { createAdmission } from "./interceptors/auth.ts";
import { createErrorExplainer } from "./interceptors/explain-error.ts";
import { createInterceptors } from "./interceptors/index.ts";
import { openFaults } from "./open-faults.ts";
import { providerKinds } from "./providers/index.ts";
import { createLocalEngine } from "./providers/local/index.ts";
import { createSettingsCheck } from "./providers/settings.ts";
import { BreakerBoard } from "./routing/breaker-board.ts";
import { loadCatalogue } from "./routing/catalogue.ts";
import { HealthMemory } from "./routing/health.ts";
import { keepResources } from "./routing/kept-resources.ts";
import { createModelDirectory } from "./routing/model-directory.ts";
import { ProviderPool } from "./routing/provider-pool.ts";
import { createProviderRegistry } from "./routing/provider-registry.ts";
import { createResolver } from "./routing/resolver.ts";
import { createRouteRegistry } from "./routing/route-registry.ts";
import { conversationChecks } from "./services/conversation-checks.ts";
import { createServices } from "./services/index.ts";
import { openSharedState } from "./shared-state/open-shared-state.ts";
import type { StateQuestion } from "./shared-state/state-questions.ts";
import { openConfiguredStore } from "./store/configured-store.ts";
import type { Store } from "./store/sql-store.ts";
import { openConversationLog } from "./telemetry/conversation-log.ts";
import type { FaultReports } from "./telemetry/fault-reports.ts";
import { joinSnapshots } from "./telemetry/joined-snapshots.ts";
import type { Logger } from "./telemetry/logger.ts";
import type { MetricSnapshot } from "./telemetry/metric-snapshot.ts";
import { prometheusMediaType, prometheusText } from "./telemetry/prometheus-text.ts";
import { observeState } from "./telemetry/state-meters.ts";
import { createTelemetry } from "./telemetry/telemetry.ts";
import { callOriginKey } from "./transport/call-origin.ts";
import { createHealth } from "./transport/health.ts";
import { createHttpHandler } from "./transport/http-handler.ts";
import { createInProcess } from "./transport/in-process.ts";
import { createLimitsInterceptor } from "./transport/limits.ts";
import { CallSlots } from "./transport/limits-slots.ts";
import { type AcceptedConnections, type Listening, listen } from "./transport/listener.ts";
import { createMessageSockets } from "./transport/message-socket.ts";
import { createMetricsPage } from "./transport/metrics-page.ts";
import { createPlayground } from "./transport/playground.ts";
import { createReflectionRoutes } from "./transport/reflection.ts";
import { createTlsAcceptor } from "./transport/tls.ts";
import { createWebSocketFace } from "./transport/web-socket.ts";
import { createFetch } from "./upstream/fetch.ts";
import { administratorsGuard, createGuard, type Guard, permits } from "./upstream/guard.ts";
import { type AllowedAddresses, allowedAddresses } from "./upstream/guard-allowed.ts";
import { reachOfRequests } from "./upstream/guard-reach.ts";
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
  /** What all of them have counted, by name, given what this one has; this one alone is shown when unset. */
  readonly gatherMetrics?: (own: readonly MetricSnapshot[]) => Promise<ReadonlyMap<string, readonly MetricSnapshot[]>>;
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
  const services = createServices({
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
  });
  const health = createHealth(services.map(({ service }) => service.typeName));
  const routes = [...services, health.route];
  const explainError = createErrorExplainer(logger, telemetry.told, (error, requestId) =>
    faults?.report(error, { request_id: requestId }),
  );
  const slots = new CallSlots(config.callLimits, config.callLimits.sharedPerCaller ? shared.calls : undefined);
  observeState(telemetry.metrics, { store, slots, health: callHealth, shared });
  const conversationLog = config.conversationLog && (await openConversationLog(config.conversationLog, warn));
  const handler = createHttpHandler({
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
      furtherChecks: conversationChecks({ schemas: createJsonSchemas(), maxMediaBytes: config.maxMediaBytes }),
    }),
    explainError,
    allowedOrigins: config.corsOrigins,
    limits: { maxMessageBytes: config.maxRequestBytes },
    admit: createAdmission(access.gatekeeper, { logger, refused: telemetry.refused }),
    logger,
  });

  const webSocket = createWebSocketFace({
    dispatcher: handler.dispatcher,
    // Logged by the face itself.
    admit: createAdmission(access.gatekeeper, { refused: telemetry.refused }),
    explainError,
    allowedOrigins: config.corsOrigins,
    limits: { maxMessageBytes: config.maxRequestBytes },
    logger,
  });
  const compat = createCompatSurfaces({
    surfaces: config.surfaces,
    dispatcher: handler.dispatcher,
    explainError,
    allowedOrigins: config.corsOrigins,
    maxBodyBytes: config.maxRequestBytes,
    acceptSocket: createMessageSockets({
      allowedOrigins: config.corsOrigins,
      maxMessageBytes: config.maxRequestBytes,
    }),
    admit: createAdmission(access.gatekeeper, { logger, refused: telemetry.refused }),
    environment: config.compatEnvironment,
    trustedProxies: config.trustedProxies,
    liveModels: config.apcLiveModels,
  });
  const inProcess = createInProcess(handler.dispatcher, explainError);
  const playground = createPlayground();
  const metrics = createMetricsPage({
    render: async () => prometheusText(await gathered(telemetry.metrics.snapshot(), surroundings)),
    mediaType: prometheusMediaType,
    admit: (authorization) => void access.gatekeeper.admit(authorization, metricsPage),
    explainError,
  });
  const tls = config.tls && (await createTlsAcceptor({ files: config.tls, logger }));

  let listening: Listening | undefined;
  return {
    transport: inProcess.transport,
    metrics: () => telemetry.metrics.snapshot(),
    async listen() {
      listening = await listen({
        port: config.port,
        host: config.host,
        handler: (request, response) =>
          void (
            handler.handleCall(request, response) || // first: nearly every request is one
            playground.serve(request, response) ||
            metrics.serve(request, response) ||
            compat.handle(request, response) ||
            handler.handle(request, response)
          ),
        onStream: handler.handleStream,
        onUpgrade: (request, socket, head) =>
          void (compat.onUpgrade(request, socket, head) || webSocket.onUpgrade(request, socket, head)),
        ...config.connectionLimits,
        ...(surroundings && { accepted: surroundings.accepted }),
        ...(tls && { tls }),
      });
      return listening;
    },
    async close() {
      health.drain();
      if (listening && config.drainDelayMs > 0) await setTimeout(config.drainDelayMs);
      handler.drain();
      webSocket.drain();
      inProcess.drain();
      compat.drain();
      await listening?.close(config.shutdownGraceMs);
      tls?.close();
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

interface AccessParts {
  readonly store: Store;
  readonly rates: SharedRates;
  readonly warn: (text: string) => void;
  readonly written: (() => Promise<void>) | undefined;
}

/** Who may call. Throws when everybody in the network could. */
async function createAccess(
  { host, adminToken, allowAnonymous }: Config,
  { store, rates, warn, written }: AccessParts,
) {
  const nameOf = ({ id }: AccessToken) => id;
  const tokens = await keepResources({ store: store.tokens, configured: [], what: "token", nameOf, warn, written });
  const hasTokens = () => adminToken !== undefined || tokens.names().length > 0;
  refuseOpenBinding({ host, hasTokens: hasTokens(), allowAnonymous });
  const lastUse = new LastUse(store.tokens, warn);
  const anonymousAllowed = allowAnonymous || isLoopback(host);
  const limits = new CallerLimits(rates);
  const gatekeeper = createGatekeeper({ tokens, adminToken, anonymousAllowed, limits, lastUse });
  return { tokens, hasTokens, lastUse, gatekeeper };
}

/** For the addresses that requests bring along: inline providers, MCP servers. */
function createRequestsGuard(config: Config, hasTokens: () => boolean): Guard {
  const { host, allowPrivateAddresses, allowedAddresses: entries } = config;
  const reach = () => reachOfRequests({ host, hasTokens: hasTokens(), allowPrivate: allowPrivateAddresses });
  return createGuard({ reach, allowed: readAllowed(entries) });
}

function readAllowed(entries: readonly string[]): AllowedAddresses {
  try {
    return allowedAddresses(entries);
  } catch (cause) {
    throw new Error(`LIVELLM_ALLOWED_ADDRESSES: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Whose calls are counted together: those with one token, else those from one address. */
function callerOf({ contextValues }: { readonly contextValues: ContextValues }): string {
  const principal = contextValues.get(principalKey);
  if (principal.kind === "bearer") return `token ${principal.token.id}`;
  return `address ${contextValues.get(callOriginKey).remoteAddress}`;
}

/** What OpenTelemetry calls the kinds that it has another word for. */
function conventionalNames(kinds: ReadonlyMap<string, ProviderKind>): ReadonlyMap<string, string> {
  return new Map(Array.from(kinds, ([name, { conventionalName = name }]) => [name, conventionalName]));
}

async function gathered(own: readonly MetricSnapshot[], surroundings: Surroundings | undefined) {
  const all = await surroundings?.gatherMetrics?.(own);
  return all ? joinSnapshots(all) : own;
}
