import type { Usage } from "./usage.ts";

/** What a token lets its bearer use; an empty list lets through all. */
export interface AllowedUse {
  /** Ids of providers. */
  readonly providers: readonly string[];
  /** Names of models, alone or behind their provider's id and a slash; `*` stands for any characters. */
  readonly models: readonly string[];
  /** Names of routes, which may be used whatever their targets are. */
  readonly routes: readonly string[];
  /** Whether providers may be brought along in requests. */
  readonly inlineProviders: boolean;
}

/** On whose behalf a route is planned. */
export interface CallerAccess {
  readonly allowed: AllowedUse;
  /** Told what each attempt of the call has consumed, once, when the attempt is over. */
  readonly spent: (usage: Usage) => void;
}

/** A caller's token as the server knows it: not the token itself, but its digest. `revision` is its etag. */
export interface AccessToken {
  readonly id: string;
  readonly displayName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expireTime?: Date;
  readonly disabled: boolean;
  readonly allowed: AllowedUse;
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** SHA-256 of the token, in hexadecimal digits. */
  readonly digest: string;
  /** What the token looks like: `llm…9f3a`. */
  readonly obfuscated: string;
  readonly createTime: Date;
  readonly updateTime: Date;
  /** To about a minute. */
  readonly lastUseTime?: Date;
  readonly revision: string;
}

/** An administrative change, tried or made. Holds no values of fields, only their names. */
export interface AuditEvent {
  /** Later events have greater ones. */
  readonly id: string;
  readonly time: Date;
  readonly actor: string;
  readonly remoteAddress: string;
  readonly requestId: string;
  /** `livellm.v1.ProvidersService/UpdateProvider` */
  readonly rpc: string;
  readonly resourceId: string;
  /** In JSON names. */
  readonly changedFields: readonly string[];
  /** `ok`, or an error code. */
  readonly outcome: string;
}
