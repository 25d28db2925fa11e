import type { FaultSettings } from "./core/fault-settings.ts";
import type { NamedRoute } from "./core/named-route.ts";
import type { ProviderConfig } from "./core/provider.ts";
import type { Secret } from "./core/secret.ts";
import type { TelemetrySettings } from "./core/telemetry-settings.ts";
import { chatNames } from "./environment/surfaces.ts";
import {
  checkVariables,
  type Environment,
  readVariables,
  type VariableProblem,
  wrongVariables,
} from "./environment.ts";
import { otelSettings } from "./otel-settings.ts";

/** A provider that comes from the environment: its kind is also its id. */
export interface EnvironmentProvider {
  readonly kind: string;
  readonly apiKey?: Secret;
  readonly baseUrl?: string;
}

/** The process's configuration; frozen, and passed by argument. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** It may hold a password. */
  readonly databaseUrl: Secret;
  /** How long to wait for a database that cannot be reached at the start. */
  readonly databaseStartTimeoutMs: number;
  /** The operator's own facts about models; empty for none. */
  readonly catalogueFile: string;
  readonly masterKey?: Secret;
  /** Those before it, which still open what they sealed. */
  readonly oldMasterKeys: readonly Secret[];
  readonly adminToken?: Secret;
  /** May read `/metrics`, and nothing else. */
  readonly metricsToken?: Secret;
  /** Whether a server without tokens may listen on addresses that others can reach. */
  readonly allowAnonymous: boolean;
  readonly corsOrigins: readonly string[];
  readonly attemptTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly idleTimeoutMs: number;
  readonly maxKeptAudioMs: number;
  readonly localEngine: string;
  readonly maxRequestBytes: number;
  readonly maxMediaBytes: number;
  /** Whether addresses from requests may be private wherever this server listens. */
  readonly allowPrivateAddresses: boolean;
  /** Hosts, IP addresses and CIDR blocks that requests may name though they are private. */
  readonly allowedAddresses: readonly string[];
  /** Where the certificate is; without it the port speaks no TLS. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  /** Calls at a time, and those that wait for them. */
  readonly callLimits: {
    readonly maxCalls: number;
    readonly maxCallsPerCaller: number;
    /** Whether that is of all processes together: of those that count together, where somebody has set it. */
    readonly sharedPerCaller: boolean;
    readonly maxQueued: number;
    readonly queueTimeoutMs: number;
    readonly maxSessionMs: number;
  };
  readonly connectionLimits: {
    readonly maxConcurrentStreams: number;
    readonly maxConnections: number;
    /** 0: they may become as old as they like. */
    readonly maxConnectionAgeMs: number;
    readonly maxHeaderBytes: number;
  };
  /** How long new calls are still served once the server has turned unready. */
  readonly drainDelayMs: number;
  /** What is counted together with other processes. */
  readonly sharing: {
    /** The Redis server where they count; without it the workers of one server do. */
    readonly redisUrl?: Secret;
    readonly redisPrefix: string;
    /** How long the calls of a process that was killed still count. */
    readonly leaseMs: number;
  };
  /** Processes that serve the port together. */
  readonly workers: number;
  readonly shutdownGraceMs: number;
  /** Whether the common calls are answered by our own transport code. */
  readonly hotPath: boolean;
  readonly logLevel: Environment["LOG_LEVEL"];
  /** Unset: the log goes to stdout. */
  readonly logFiles?: { readonly folder: string; readonly maxMebibytes: number; readonly kept: number };
  /** Where what is said is written down; unset: nowhere. */
  readonly conversationLog?: { readonly folder: string; readonly keptDays: number; readonly maxMebibytes: number };
  /** Where faults are reported; unset: nowhere but in the log. */
  readonly faults?: FaultSettings;
  readonly telemetry: TelemetrySettings;
  /** The older systems whose clients are served. */
  readonly surfaces: readonly string[];
  readonly trustedProxies: readonly string[];
  /** The models of the surface `apc`'s live session, as `provider/model`. */
  readonly apcLiveModels: readonly string[];
  /** What the environment says in the older systems' names. */
  readonly compatEnvironment: Readonly<Record<string, string>>;
  readonly providers: readonly EnvironmentProvider[];
  /** The read-only ones of the configuration file. A provider takes the place of one from the environment. */
  readonly configured: { readonly providers: readonly ProviderConfig[]; readonly routes: readonly NamedRoute[] };
  /** As Ollama itself reads it: with or without a scheme and a port. Empty: its usual place. */
  readonly ollamaHost: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Everything that keeps an environment from being a configuration. */
export function problemsOf(environment: Variables): readonly VariableProblem[] {
  return [...checkVariables(environment), ...contradictions(usablePartOf(environment))];
}

/** Values that are right by themselves and not together. */
function contradictions(env: Environment): readonly VariableProblem[] {
  const { LIVELLM_TLS_CERT: cert, LIVELLM_TLS_KEY: key, LIVELLM_TLS_CLIENT_CA: clientCa } = env;
  const halfTls = (cert === "" || key === "") && cert + key + clientCa !== "";
  const alone = env.LIVELLM_WORKERS > 1 && env.DATABASE_URL.reveal() === "sqlite::memory:";
  const metricsToken = env.LIVELLM_METRICS_TOKEN?.reveal();
  const oneTokenForAll = metricsToken !== undefined && metricsToken === env.LIVELLM_ADMIN_TOKEN?.reveal();
  return [
    ...(oneTokenForAll ? [{ name: "LIVELLM_METRICS_TOKEN", problem: metricsTokenIsItsOwn }] : []),
    ...(halfTls ? [{ name: cert === "" ? "LIVELLM_TLS_CERT" : "LIVELLM_TLS_KEY", problem: tlsNeedsBoth }] : []),
    ...(alone ? [{ name: "LIVELLM_WORKERS", problem: workersShareTheirDatabase }] : []),
  ];
}

const metricsTokenIsItsOwn = "it must be another than LIVELLM_ADMIN_TOKEN, since it may do less";
const tlsNeedsBoth = "TLS needs both LIVELLM_TLS_CERT and LIVELLM_TLS_KEY";
const workersShareTheirDatabase =
  "it needs a database that processes can share; DATABASE_URL=sqlite::memory: is in one process alone";

/** What an environment says where it can be used; the rest is as if it were not set. */
function usablePartOf(environment: Variables): Environment {
  const isUsable = ([name, value]: readonly [string, string | undefined]) =>
    checkVariables({ [name]: value }).length === 0;
  return readVariables(Object.fromEntries(Object.entries(environment).filter(isUsable)));
}

/** Enough for any caller, and not all that this process can take. */
const usualCallsPerCaller = 4096;

/** Reads the environment once. Throws one Error that names every variable that is wrong, and never their values. */
export function readConfig(environment: Variables): Config {
  const problems = problemsOf(environment);
  if (problems.length > 0) throw wrongVariables(problems);
  return configOf(readVariables(environment));
}

function configOf(env: Environment): Config {
  return Object.freeze({
    host: env.HOST,
    port: env.PORT,
    databaseUrl: env.DATABASE_URL,
    databaseStartTimeoutMs: env.LIVELLM_DATABASE_START_TIMEOUT_MS,
    catalogueFile: env.LIVELLM_CATALOGUE,
    masterKey: env.LIVELLM_MASTER_KEY,
    oldMasterKeys: env.LIVELLM_OLD_MASTER_KEYS,
    adminToken: env.LIVELLM_ADMIN_TOKEN,
    metricsToken: env.LIVELLM_METRICS_TOKEN,
    allowAnonymous: env.LIVELLM_ALLOW_ANONYMOUS,
    corsOrigins: env.LIVELLM_CORS_ORIGINS,
    attemptTimeoutMs: env.LIVELLM_ATTEMPT_TIMEOUT_MS,
    stallTimeoutMs: env.LIVELLM_STALL_TIMEOUT_MS,
    connectTimeoutMs: env.LIVELLM_CONNECT_TIMEOUT_MS,
    heartbeatIntervalMs: env.LIVELLM_HEARTBEAT_INTERVAL_MS,
    idleTimeoutMs: env.LIVELLM_IDLE_TIMEOUT_MS,
    maxKeptAudioMs: env.LIVELLM_MAX_KEPT_AUDIO_MS,
    localEngine: env.LIVELLM_LOCAL_ENGINE,
    maxRequestBytes: env.LIVELLM_MAX_REQUEST_BYTES,
    maxMediaBytes: env.LIVELLM_MAX_MEDIA_BYTES,
    allowPrivateAddresses: env.LIVELLM_ALLOW_PRIVATE_ADDRESSES,
    allowedAddresses: env.LIVELLM_ALLOWED_ADDRESSES,
    tls: tlsFiles(env),
    callLimits: {
      maxCalls: env.LIVELLM_MAX_CALLS,
      maxCallsPerCaller: env.LIVELLM_MAX_CALLS_PER_CALLER ?? usualCallsPerCaller,
      sharedPerCaller: env.LIVELLM_MAX_CALLS_PER_CALLER !== undefined,
      maxQueued: env.LIVELLM_MAX_QUEUED_CALLS,
      queueTimeoutMs: env.LIVELLM_QUEUE_TIMEOUT_MS,
      maxSessionMs: env.LIVELLM_MAX_SESSION_MS,
    },
    connectionLimits: {
      maxConcurrentStreams: env.LIVELLM_MAX_STREAMS_PER_CONNECTION,
      maxConnections: env.LIVELLM_MAX_CONNECTIONS,
      maxConnectionAgeMs: env.LIVELLM_MAX_CONNECTION_AGE_MS,
      maxHeaderBytes: env.LIVELLM_MAX_HEADER_BYTES,
    },
    drainDelayMs: env.LIVELLM_DRAIN_DELAY_MS,
    sharing: {
      redisUrl: env.REDIS_URL,
      redisPrefix: env.LIVELLM_REDIS_PREFIX,
      leaseMs: env.LIVELLM_SHARED_LEASE_MS,
    },
    workers: env.LIVELLM_WORKERS,
    shutdownGraceMs: env.LIVELLM_SHUTDOWN_GRACE_MS,
    hotPath: env.LIVELLM_HOT_PATH === "on",
    logLevel: env.LOG_LEVEL,
    ...(env.LIVELLM_LOG_FOLDER && { logFiles: logFilesOf(env) }),
    ...(env.LIVELLM_CONVERSATION_LOG && { conversationLog: conversationLogOf(env) }),
    ...(env.SENTRY_DSN && { faults: faultSettings(env, env.SENTRY_DSN) }),
    telemetry: otelSettings(env),
    surfaces: env.LIVELLM_SURFACES,
    trustedProxies: env.LIVELLM_TRUSTED_PROXIES,
    apcLiveModels: env.LIVELLM_APC_LIVE_MODELS,
    compatEnvironment: Object.fromEntries(chatNames.map((name) => [name, env[name]])),
    providers: environmentProviders(env),
    configured: { providers: [], routes: [] },
    ollamaHost: env.OLLAMA_HOST,
  });
}

/** The configuration of what an environment says where it can be used; the rest is as if it were not set. */
export function readUsableConfig(environment: Variables): Config {
  return configOf(usablePartOf(environment));
}

/** The ids of the providers that an environment makes, whatever else is wrong with it. Ollama is one wherever it answers. */
export function providersOf(environment: Variables): readonly string[] {
  return ["local", "ollama", ...environmentProviders(usablePartOf(environment)).map(({ kind }) => kind)];
}

function tlsFiles(env: Environment): Config["tls"] {
  const { LIVELLM_TLS_CERT: cert, LIVELLM_TLS_KEY: key, LIVELLM_TLS_CLIENT_CA: clientCa } = env;
  return cert === "" || key === "" ? undefined : { cert, key, ...(clientCa !== "" && { clientCa }) };
}

function faultSettings(env: Environment, dsn: Secret): FaultSettings {
  return {
    dsn,
    environment: env.SENTRY_ENVIRONMENT,
    release: env.SENTRY_RELEASE,
    tracesSampleRate: env.SENTRY_TRACES_SAMPLE_RATE,
  };
}

function conversationLogOf(env: Environment): NonNullable<Config["conversationLog"]> {
  return {
    folder: env.LIVELLM_CONVERSATION_LOG,
    keptDays: env.LIVELLM_CONVERSATION_LOG_DAYS,
    maxMebibytes: env.LIVELLM_CONVERSATION_LOG_MAX_MEBIBYTES,
  };
}

function environmentProviders(env: Environment): readonly EnvironmentProvider[] {
  const candidates: readonly EnvironmentProvider[] = [
    { kind: "openai", apiKey: env.OPENAI_API_KEY, baseUrl: env.OPENAI_BASE_URL },
    { kind: "anthropic", apiKey: env.ANTHROPIC_API_KEY, baseUrl: env.ANTHROPIC_BASE_URL },
    {
      kind: "google",
      apiKey: env.GEMINI_API_KEY ?? env.GOOGLE_API_KEY,
      baseUrl: env.GEMINI_BASE_URL ?? env.GOOGLE_BASE_URL,
    },
    { kind: "groq", apiKey: env.GROQ_API_KEY, baseUrl: env.GROQ_BASE_URL },
    { kind: "mistral", apiKey: env.MISTRAL_API_KEY, baseUrl: env.MISTRAL_BASE_URL },
    { kind: "elevenlabs", apiKey: env.ELEVENLABS_API_KEY, baseUrl: env.ELEVENLABS_BASE_URL },
  ];
  return candidates.filter(({ apiKey }) => apiKey !== undefined);
}

function logFilesOf(env: Environment): NonNullable<Config["logFiles"]> {
  return {
    folder: env.LIVELLM_LOG_FOLDER,
    maxMebibytes: env.LIVELLM_LOG_MAX_MEBIBYTES,
    kept: env.LIVELLM_LOG_KEPT_FILES,
  };
}
