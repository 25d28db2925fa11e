import { Secret } from "./core/secret.ts";
import {
  adminToken,
  day,
  flag,
  httpUrl,
  keyValues,
  list,
  listOf,
  oneOf,
  optional,
  orEmpty,
  type Reader,
  redisUrl,
  secret,
  secretKeyValues,
  secrets,
  sentryDsn,
  share,
  text,
  whole,
  workers,
} from "./environment-readers.ts";

/** One environment variable: what it is for, as docs/configuration.md says it, and how it is read. */
interface Variable<T> {
  readonly description: string;
  /** As it would be written in the environment; empty for "not set". */
  readonly default: string;
  readonly read: Reader<T>;
}

/** Every environment variable this server reads. */
export const variables = {
  HOST: { description: "Address to listen on.", default: "127.0.0.1", read: text },
  PORT: { description: "Port to listen on; 0 takes a free one.", default: "8000", read: whole(0, 65_535) },
  DATABASE_URL: {
    description:
      "Where providers, routes and tokens are kept: `sqlite:PATH`, `sqlite::memory:`, or, for many replicas, `postgres://USER:PASSWORD@HOST/DATABASE`: see `docs/operating.md`.",
    default: "sqlite:data/livellm.db",
    read: (value: string): Secret => new Secret(value),
  },
  LIVELLM_DATABASE_START_TIMEOUT_MS: {
    description: "How long a server that starts waits for a PostgreSQL that cannot be reached, before it ends with 1.",
    default: "60000",
    read: whole(0, day),
  },
  LIVELLM_CONFIG: {
    description:
      "A YAML file with any of these settings, with providers and with routes; what the environment says wins over it.",
    default: "",
    read: text,
  },
  LIVELLM_CATALOGUE: {
    description: "A file of model facts that win over everything else known, in the form of `catalogue/models.json`.",
    default: "",
    read: text,
  },
  LIVELLM_MASTER_KEY: {
    description:
      "Seals keys in the database: 64 hex digits. When not set, one is made and kept in `master.key` beside a SQLite file; PostgreSQL needs it.",
    default: "",
    read: secret,
  },
  LIVELLM_OLD_MASTER_KEYS: {
    description:
      "Master keys of before, separated by commas: they open what they sealed until it is sealed again; see `docs/operating.md`.",
    default: "",
    read: secrets,
  },
  LIVELLM_ADMIN_TOKEN: {
    description:
      "The administrators' token, at least 16 characters. With it every call needs a token, this one or a caller's: see `docs/security.md`.",
    default: "",
    read: adminToken,
  },
  LIVELLM_ALLOW_ANONYMOUS: {
    description: "1 lets a server without any token listen on other addresses than loopback.",
    default: "0",
    read: flag,
  },
  LIVELLM_CORS_ORIGINS: {
    description: "Origins whose pages may call from a browser, separated by commas; `*` allows all.",
    default: "",
    read: list,
  },
  LIVELLM_ATTEMPT_TIMEOUT_MS: {
    description: "How long one attempt may take to its first output, where a call does not say.",
    default: "360000",
    read: whole(1, day),
  },
  LIVELLM_STALL_TIMEOUT_MS: {
    description: "How long a provider may be silent in the middle of an answer, where a call does not say.",
    default: "60000",
    read: whole(1, day),
  },
  LIVELLM_CONNECT_TIMEOUT_MS: {
    description: "How long connecting to a provider may take, TLS included.",
    default: "10000",
    read: whole(1, day),
  },
  LIVELLM_HEARTBEAT_INTERVAL_MS: {
    description: "How long a stream may be silent before it sends a heartbeat.",
    default: "15000",
    read: whole(10, day),
  },
  LIVELLM_IDLE_TIMEOUT_MS: {
    description: "How long a live session may be without input before it ends, with its last words delivered.",
    default: "60000",
    read: whole(100, day),
  },
  LIVELLM_MAX_KEPT_AUDIO_MS: {
    description: "How much audio a live session keeps for the next target, from the last final segment on.",
    default: "120000",
    read: whole(1000, day),
  },
  LIVELLM_LOCAL_ENGINE: {
    description: "Where `npm run setup:local` or `livellm setup-local` has put the local engine's models.",
    default: ".local-engine",
    read: text,
  },
  LIVELLM_MAX_REQUEST_BYTES: {
    description: "The largest request message.",
    default: "33554432",
    read: whole(1024, 1_073_741_824),
  },
  LIVELLM_MAX_MEDIA_BYTES: {
    description: "The largest file inside a request message.",
    default: "20971520",
    read: whole(1024, 1_073_741_824),
  },
  LIVELLM_ALLOW_PRIVATE_ADDRESSES: {
    description:
      "`1`: requests may name private addresses for inline providers and MCP servers. On loopback without tokens they may anyway.",
    default: "0",
    read: flag,
  },
  LIVELLM_ALLOWED_ADDRESSES: {
    description:
      "Private hosts, IP addresses and CIDR blocks that requests may name all the same, separated by commas; see `docs/security.md`.",
    default: "",
    read: list,
  },
  LIVELLM_TLS_CERT: {
    description: "A file with this server's certificate and those above it, as PEM. With it the port speaks TLS alone.",
    default: "",
    read: text,
  },
  LIVELLM_TLS_KEY: { description: "The file with the certificate's private key, as PEM.", default: "", read: text },
  LIVELLM_TLS_CLIENT_CA: {
    description: "A file with authorities, as PEM: only callers with a certificate of theirs may connect (mTLS).",
    default: "",
    read: text,
  },
  LIVELLM_MAX_CALLS: {
    description: "Calls at a time; those beyond wait their turn.",
    default: "8192",
    read: whole(1, 1_000_000),
  },
  LIVELLM_MAX_CALLS_PER_CALLER: {
    description:
      "Calls at a time of one caller: of one token, else of one address; of all processes that count together, see `docs/limits.md`. When not set, 4096 in each process.",
    default: "",
    read: optional(whole(1, 1_000_000)),
  },
  LIVELLM_MAX_QUEUED_CALLS: {
    description: "Calls that may wait their turn; a caller may have a quarter of them. Those beyond are refused.",
    default: "1024",
    read: whole(0, 1_000_000),
  },
  LIVELLM_QUEUE_TIMEOUT_MS: {
    description: "How long a call may wait its turn before it is refused.",
    default: "10000",
    read: whole(1, day),
  },
  LIVELLM_MAX_SESSION_MS: {
    description: "How long a streaming call may go on.",
    default: "14400000",
    read: whole(1000, 20 * day),
  },
  LIVELLM_MAX_STREAMS_PER_CONNECTION: {
    description: "Calls at a time on one HTTP/2 connection.",
    default: "1000",
    read: whole(1, 1_000_000),
  },
  LIVELLM_MAX_CONNECTIONS: {
    description: "Connections at a time; those beyond are closed at once.",
    default: "20000",
    read: whole(1, 1_000_000),
  },
  LIVELLM_MAX_CONNECTION_AGE_MS: {
    description:
      "HTTP/2 connections so old are told to go elsewhere while their calls finish, so that clients spread over new replicas; 0: never.",
    default: "0",
    read: whole(0, day),
  },
  LIVELLM_MAX_HEADER_BYTES: {
    description: "The largest head of a request.",
    default: "32768",
    read: whole(1024, 1_048_576),
  },
  LIVELLM_DRAIN_DELAY_MS: {
    description:
      "How long after SIGTERM new calls are still served, while `grpc.health.v1` already says NOT_SERVING: time for load balancers to notice.",
    default: "0",
    read: whole(0, day),
  },
  REDIS_URL: {
    description:
      "A Redis or Valkey server in which all replicas count callers' limits together: `redis://…`, or `rediss://…` for TLS. See `docs/limits.md`.",
    default: "",
    read: optional(redisUrl),
  },
  LIVELLM_REDIS_PREFIX: { description: "What its keys begin with.", default: "livellm:", read: text },
  LIVELLM_SHARED_LEASE_MS: {
    description: "How long the calls of a process that was killed still count in other processes.",
    default: "15000",
    read: whole(300, 3_600_000),
  },
  LIVELLM_WORKERS: {
    description: "Processes that serve the port together; `auto` is one for each core. See `docs/workers.md`.",
    default: "1",
    read: workers,
  },
  LIVELLM_SHUTDOWN_GRACE_MS: {
    description: "How long calls under way may go on once new ones are refused.",
    default: "30000",
    read: whole(0, day),
  },
  LIVELLM_HOT_PATH: {
    description:
      "`off` leaves all of gRPC and Connect to connect-node: slower, for finding out where a difference comes from.",
    default: "on",
    read: oneOf("on", "off"),
  },
  LOG_LEVEL: {
    description: "`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.",
    default: "info",
    read: oneOf("trace", "debug", "info", "warn", "error", "fatal", "silent"),
  },
  LIVELLM_LOG_FOLDER: {
    description: "Keeps the log in rotated files of this folder, and not on stdout. See `docs/observability.md`.",
    default: "",
    read: text,
  },
  LIVELLM_LOG_MAX_MEBIBYTES: {
    description: "A log file that has become so large is followed by another, as it is each day.",
    default: "100",
    read: whole(1, 10_000),
  },
  LIVELLM_LOG_KEPT_FILES: {
    description: "How many files of each log there are, with the one that is written; older ones are deleted.",
    default: "14",
    read: whole(1, 10_000),
  },
  LIVELLM_CONVERSATION_LOG: {
    description:
      "A folder where all that callers and models say is written down; nowhere when not set. See `docs/observability.md`.",
    default: "",
    read: text,
  },
  LIVELLM_CONVERSATION_LOG_DAYS: {
    description: "How many days it is kept.",
    default: "30",
    read: whole(1, 3650),
  },
  LIVELLM_CONVERSATION_LOG_MAX_MEBIBYTES: {
    description: "Files beyond that, all of them together, are deleted, the oldest first.",
    default: "1024",
    read: whole(1, 1_000_000),
  },
  SENTRY_DSN: {
    description:
      "Where faults of this server are reported, as Sentry gives it: `https://KEY@HOST/PROJECT`. See `docs/observability.md`.",
    default: "",
    read: optional(sentryDsn),
  },
  SENTRY_ENVIRONMENT: { description: "The environment that they are reported for.", default: "production", read: text },
  SENTRY_RELEASE: { description: "The release; this package and its version when not set.", default: "", read: text },
  SENTRY_TRACES_SAMPLE_RATE: {
    description: "The share of calls that are reported there too, without what they are made of.",
    default: "0",
    read: share,
  },
  OTEL_SDK_DISABLED: {
    description: "`true` exports nothing to OpenTelemetry, whatever the others say. See `docs/observability.md`.",
    default: "false",
    read: oneOf("true", "false"),
  },
  OTEL_SERVICE_NAME: { description: "What this server is called in traces and metrics.", default: "", read: text },
  OTEL_RESOURCE_ATTRIBUTES: {
    description: "What else is told of it: `deployment.environment.name=production,service.namespace=voice`.",
    default: "",
    read: keyValues,
  },
  OTEL_TRACES_EXPORTER: {
    description: "Where spans go: `otlp`, `console` or `none`. When not set, `otlp` where an endpoint is.",
    default: "",
    read: orEmpty(oneOf("otlp", "console", "none")),
  },
  OTEL_METRICS_EXPORTER: {
    description: "Where metrics are pushed: `otlp`, `console`, `none` or `prometheus`, which is `/metrics` alone.",
    default: "",
    read: orEmpty(oneOf("otlp", "console", "prometheus", "none")),
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    description: "Address of an OTLP collector, such as `http://localhost:4318`.",
    default: "",
    read: httpUrl,
  },
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: { description: "The same for spans, with its path.", default: "", read: httpUrl },
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: { description: "For metrics.", default: "", read: httpUrl },
  OTEL_EXPORTER_OTLP_PROTOCOL: {
    description: "`http/protobuf` or `grpc`.",
    default: "http/protobuf",
    read: oneOf("http/protobuf", "grpc"),
  },
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: {
    description: "The same for spans.",
    default: "",
    read: orEmpty(oneOf("http/protobuf", "grpc")),
  },
  OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: {
    description: "For metrics.",
    default: "",
    read: orEmpty(oneOf("http/protobuf", "grpc")),
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    description: "Headers for the collector: `authorization=Bearer%20…,x-team=voice`, values percent-encoded.",
    default: "",
    read: secretKeyValues,
  },
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: { description: "More of them for spans.", default: "", read: secretKeyValues },
  OTEL_EXPORTER_OTLP_METRICS_HEADERS: { description: "For metrics.", default: "", read: secretKeyValues },
  OTEL_METRIC_EXPORT_INTERVAL: {
    description: "How often metrics are pushed, in milliseconds.",
    default: "60000",
    read: whole(100, day),
  },
  OTEL_TRACES_SAMPLER: {
    description:
      "Which calls are traced: `always_on`, `always_off`, `traceidratio`, or these with `parentbased_` before them, which go by the caller's `traceparent` first.",
    default: "parentbased_always_on",
    read: oneOf(
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio",
    ),
  },
  OTEL_TRACES_SAMPLER_ARG: { description: "The share of calls that `traceidratio` traces.", default: "1", read: share },
  OTEL_BSP_SCHEDULE_DELAY: {
    description: "How long spans wait to be sent together, in milliseconds.",
    default: "5000",
    read: whole(1, day),
  },
  OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: {
    description: "Longer values of attributes of spans are cut.",
    default: "65536",
    read: whole(1, 1_073_741_824),
  },
  OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: {
    description: "`true` writes what is said to models, and what they say, into spans.",
    default: "false",
    read: oneOf("true", "false"),
  },
  OPENAI_API_KEY: { description: "Makes the read-only provider `openai`.", default: "", read: secret },
  OPENAI_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  ANTHROPIC_API_KEY: { description: "Makes the read-only provider `anthropic`.", default: "", read: secret },
  ANTHROPIC_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  GEMINI_API_KEY: { description: "Makes the read-only provider `google`.", default: "", read: secret },
  GOOGLE_API_KEY: { description: "The same, where `GEMINI_API_KEY` is not set.", default: "", read: secret },
  GEMINI_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  GOOGLE_BASE_URL: { description: "The same, where `GEMINI_BASE_URL` is not set.", default: "", read: httpUrl },
  GROQ_API_KEY: { description: "Makes the read-only provider `groq`.", default: "", read: secret },
  GROQ_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  ELEVENLABS_API_KEY: { description: "Makes the read-only provider `elevenlabs`.", default: "", read: secret },
  ELEVENLABS_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  MISTRAL_API_KEY: { description: "Makes the read-only provider `mistral`.", default: "", read: secret },
  MISTRAL_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  OLLAMA_HOST: {
    description: "Where Ollama is; makes the read-only provider `ollama`, as does one that answers at its usual port.",
    default: "",
    read: text,
  },
  LIVELLM_SURFACES: {
    description:
      "The older systems whose clients are served: any of `livellm`, `v1`, `apc`, `chat`; see docs/migrating.md.",
    default: "livellm,v1",
    read: listOf("livellm", "v1", "apc", "chat"),
  },
  LIVELLM_TRUSTED_PROXIES: {
    description: "Addresses of proxies that are believed in what they say of their clients (surface `apc`).",
    default: "",
    read: list,
  },
  LIVELLM_APC_LIVE_MODELS: {
    description:
      "Surface `apc`: the models of `/api/gemini/ws`, as `provider/model`; the next is tried where one is not there.",
    default: "google/gemini-2.0-flash-exp,google/gemini-3.1-flash-live-preview",
    read: list,
  },
  SUPPORTED_PROVIDERS: {
    description: "Surface `chat`: its providers, any of `gpt`, `claude`, `gemini`, `groq`.",
    default: "gpt,claude,gemini",
    read: text,
  },
  MIN_MESSAGE_LENGTH: { description: "Surface `chat`: the fewest characters of a message.", default: "1", read: text },
  MAX_MESSAGE_LENGTH: { description: "Surface `chat`: the most.", default: "24000", read: text },
  MAX_MESSAGES_IN_CONTEXT: { description: "Surface `chat`: the most messages.", default: "50", read: text },
  GENERIC_SYSTEM_PROMPT: {
    description: "Surface `chat`: the system prompt, where a conversation and a provider have none.",
    default: "",
    read: text,
  },
  OPENAI_MODEL_DEFAULT: { description: "Surface `chat`: the model of `gpt`.", default: "gpt-4o", read: text },
  OPENAI_MODEL_FALLBACK: { description: "The one behind it.", default: "gpt-4o-mini", read: text },
  OPENAI_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  OPENAI_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  GPT_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
  ANTHROPIC_MODEL_DEFAULT: {
    description: "Surface `chat`: the model of `claude`.",
    default: "claude-3-5-sonnet-latest",
    read: text,
  },
  ANTHROPIC_MODEL_FALLBACK: { description: "The one behind it.", default: "claude-3-5-haiku-latest", read: text },
  ANTHROPIC_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  ANTHROPIC_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  CLAUDE_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
  GEMINI_MODEL_DEFAULT: {
    description: "Surface `chat`: the model of `gemini`.",
    default: "gemini-2.0-flash",
    read: text,
  },
  GEMINI_MODEL_FALLBACK: { description: "The one behind it.", default: "gemini-1.5-pro", read: text },
  GEMINI_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  GEMINI_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  GEMINI_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
  GROQ_MODEL_DEFAULT: {
    description: "Surface `chat`: the model of `groq`.",
    default: "llama-3.3-70b-versatile",
    read: text,
  },
  GROQ_MODEL_FALLBACK: { description: "The one behind it.", default: "mixtral-8x7b-32768", read: text },
  GROQ_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  GROQ_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  GROQ_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
} as const satisfies Readonly<Record<string, Variable<unknown>>>;

/** Those that the surface `chat` reads, as the older system does. */
export const chatNames = [
  "SUPPORTED_PROVIDERS",
  "MIN_MESSAGE_LENGTH",
  "MAX_MESSAGE_LENGTH",
  "MAX_MESSAGES_IN_CONTEXT",
  "GENERIC_SYSTEM_PROMPT",
  "OPENAI_MODEL_DEFAULT",
  "OPENAI_MODEL_FALLBACK",
  "OPENAI_TEMPERATURE",
  "OPENAI_MAX_TOKENS",
  "GPT_SYSTEM_PROMPT",
  "ANTHROPIC_MODEL_DEFAULT",
  "ANTHROPIC_MODEL_FALLBACK",
  "ANTHROPIC_TEMPERATURE",
  "ANTHROPIC_MAX_TOKENS",
  "CLAUDE_SYSTEM_PROMPT",
  "GEMINI_MODEL_DEFAULT",
  "GEMINI_MODEL_FALLBACK",
  "GEMINI_TEMPERATURE",
  "GEMINI_MAX_TOKENS",
  "GEMINI_SYSTEM_PROMPT",
  "GROQ_MODEL_DEFAULT",
  "GROQ_MODEL_FALLBACK",
  "GROQ_TEMPERATURE",
  "GROQ_MAX_TOKENS",
  "GROQ_SYSTEM_PROMPT",
] as const satisfies readonly (keyof typeof variables)[];

/** What the environment says, checked. */
export type Environment = { readonly [K in keyof typeof variables]: ReturnType<(typeof variables)[K]["read"]> };

/** A variable whose value cannot be used. */
export interface VariableProblem {
  readonly name: string;
  /** What would be right; never the value. */
  readonly problem: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads every variable. Throws one Error that names each that is wrong, and never its value. */
export function readVariables(environment: Variables): Environment {
  const problems = checkVariables(environment);
  if (problems.length > 0) throw wrongVariables(problems);
  return Object.fromEntries(
    Object.keys(variables).map((name) => [name, readVariable(name, environment)]),
  ) as Environment;
}

/** Every variable whose value cannot be used. */
export function checkVariables(environment: Variables): readonly VariableProblem[] {
  return Object.keys(variables).flatMap((name) => {
    try {
      readVariable(name, environment);
      return [];
    } catch (error) {
      return [{ name, problem: error instanceof Error ? error.message : String(error) }];
    }
  });
}

/** One Error for all of them. */
export function wrongVariables(problems: readonly VariableProblem[]): Error {
  const all = problems.map(({ name, problem }) => `${name}: ${problem}`).join("; ");
  return new Error(`the environment is not right: ${all}`);
}

function readVariable(name: string, environment: Variables): unknown {
  const variable = variableNamed(name);
  return variable?.read(environment[name]?.trim() || variable.default);
}

/** The variable of a name; undefined when there is none. */
export function variableNamed(name: string): Variable<unknown> | undefined {
  return Object.hasOwn(variables, name) ? variables[name as keyof typeof variables] : undefined;
}
