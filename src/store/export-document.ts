import type { SecretsHeader } from "./export-secrets.ts";
import type { ProviderDraft } from "./provider-store.ts";
import type { RouteDraft } from "./route-store.ts";
import type { TokenDraft } from "./token-store.ts";

/** What a version that cannot read it refuses. */
export const exportVersion = 1;

/** Everything that a store keeps but its audit log, as JSON. Times are in ISO 8601. */
export interface ExportDocument {
  /** Tells what the file is. */
  readonly livellm: "export";
  readonly version: typeof exportVersion;
  readonly exportTime: string;
  readonly secrets: SecretsHeader;
  readonly providers: readonly ExportedProvider[];
  readonly routes: readonly ExportedRoute[];
  readonly tokens: readonly ExportedToken[];
}

/** API key and headers of a provider, in the clear. */
export interface PlainSecrets {
  readonly apiKey?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type ExportedProvider = Omit<ProviderDraft, "apiKey" | "headers"> & {
  readonly createTime: string;
  /** Sealed, with the provider's id as their owner, or plain; absent when it has none. */
  readonly secrets?: string | PlainSecrets;
};

export type ExportedRoute = RouteDraft & { readonly createTime: string };

/** With the digest of the token, which itself nobody has: it goes on working. */
export type ExportedToken = Omit<TokenDraft, "expireTime"> & {
  readonly createTime: string;
  readonly expireTime?: string;
};
