import type { Chat } from "./chat.ts";
import type { ContextPolicy } from "./context-policy.ts";
import type { Images } from "./images.ts";
import type { JsonObject } from "./json.ts";
import type { Live } from "./live.ts";
import type { Models } from "./models.ts";
import type { Strategy, Target } from "./route.ts";
import type { Secret } from "./secret.ts";
import type { Speech } from "./speech.ts";
import type { LiveTranscription, Transcription } from "./transcription.ts";
import type { Upstream } from "./upstream.ts";

/** What a built provider can do; a key that is absent means "not supported". */
export interface Capabilities {
  readonly chat?: Chat;
  readonly models?: Models;
  readonly speech?: Speech;
  readonly transcription?: Transcription;
  readonly liveTranscription?: LiveTranscription;
  readonly images?: Images;
  readonly live?: Live;
}

export type Capability = keyof Capabilities;

/** What an adapter needs to know of a configured, or inline, provider. */
export interface ProviderConnection {
  readonly apiKey?: Secret;
  /** Never empty and without a trailing slash: the configured one, else the kind's usual address. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, Secret>>;
  /** Checked against the kind's `settingsSchema`. */
  readonly settings: JsonObject;
}

/** A kind of provider: an adapter. */
export interface ProviderKind {
  /** What to put in `Provider.kind`. */
  readonly kind: string;
  readonly displayName: string;
  /** `gen_ai.provider.name` in OpenTelemetry's conventions, where it is not `kind`. */
  readonly conventionalName?: string;
  /** Whether its servers are told which trace a request belongs to (`traceparent`): they may be the caller's own. */
  readonly keepsTrace?: boolean;
  /** The RPCs it can serve, as `AgentService/Run`. */
  readonly rpcs: readonly string[];
  readonly apiKeyRequired: boolean;
  readonly baseUrlRequired: boolean;
  /** Its usual address; empty when it has none. */
  readonly defaultBaseUrl: string;
  /** How its models count tokens, where a library does; an estimate is used where not. */
  readonly tokenizer?: "o200k";
  /** The JSON Schema (2020-12) of `Provider.settings`; absent when it has none. */
  readonly settingsSchema?: JsonObject;
  create(connection: ProviderConnection, upstream: Upstream): Capabilities;
}

/** Settings for one model of a provider; `*` in `model` stands for any characters. */
export interface ModelSettings {
  readonly model: string;
  readonly fallbacks: readonly Target[];
  readonly strategy?: Strategy;
  readonly contextPolicy?: ContextPolicy;
}

/** A configured provider. `revision` changes with every update, and is its etag. */
export interface ProviderConfig {
  readonly id: string;
  readonly kind: string;
  readonly displayName: string;
  readonly apiKey?: Secret;
  /** Empty: the kind's usual address. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, Secret>>;
  readonly allowedModels: readonly string[];
  readonly blockedModels: readonly string[];
  readonly defaultOptions: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly disabled: boolean;
  /** True when it comes from the server's own configuration and cannot be changed through the API. */
  readonly readOnly: boolean;
  readonly createTime: Date;
  readonly updateTime: Date;
  readonly revision: string;
  readonly defaultModel: string;
  readonly fallbackModel: string;
  readonly models: readonly ModelSettings[];
  readonly settings: JsonObject;
}
