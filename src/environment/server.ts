import { Secret } from "../core/secret.ts";
import {
  adminToken,
  day,
  flag,
  list,
  oneOf,
  optional,
  origins,
  redisUrl,
  secret,
  secrets,
  text,
  whole,
  workers,
} from "./readers.ts";
import type { Variables } from "./variable.ts";

/** What the server itself is told: where it listens, what it keeps, whom it lets in and how much. */
export const serverVariables = {
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
  LIVELLM_METRICS_TOKEN: {
    description:
      "A token for `/metrics` and nothing else, at least 16 characters: for Prometheus, which then needs no administrators'. See `docs/observability.md`.",
    default: "",
    read: adminToken,
  },
  LIVELLM_ALLOW_ANONYMOUS: {
    description: "1 lets a server without any token listen on other addresses than loopback.",
    default: "0",
    read: flag,
  },
  LIVELLM_CORS_ORIGINS: {
    description:
      "Origins whose pages may call from a browser, such as `https://app.example.com`, separated by commas; `*` allows all.",
    default: "",
    read: origins,
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
} as const satisfies Variables;
