import { createHash } from "node:crypto";
import { LivellmError } from "../core/error.ts";
import type { ProviderConfig, ProviderConnection, ProviderKind } from "../core/provider.ts";
import type { InlineProvider } from "../core/route.ts";
import type { ProviderDirectory } from "./provider-directory.ts";
import type { Lease, ProviderPool } from "./provider-pool.ts";

/** Where providers are found, and built. */
export interface ProviderSource {
  readonly providers: ProviderDirectory;
  readonly pool: ProviderPool;
}

/** A provider, held while a call uses it. `config` is absent for an inline one. */
export interface LeasedProvider {
  readonly kind: ProviderKind;
  readonly config?: ProviderConfig;
  readonly lease: Lease;
}

/** Throws `failed_precondition` when this server has no adapter for its kind. */
export function leaseConfigured(config: ProviderConfig, { providers, pool }: ProviderSource): LeasedProvider {
  const kind = kindOf(config, providers);
  const key = { key: `configured ${config.id}`, version: config.revision, provenance: "configured" } as const;
  const lease = pool.lease(key, kind, () => connectionOf(config, kind));
  return { kind, config, lease };
}

/** Kept for the next call with the same key and address, under a digest: keys are never the key of a map. */
export function leaseInline(inline: InlineProvider, { providers, pool }: ProviderSource): LeasedProvider {
  const kind = providers.kind(inline.kind);
  if (!kind) throw new LivellmError("invalid_argument", "invalid_request", `there is no kind ${inline.kind}`);
  const baseUrl = addressOf(inline.baseUrl ?? "", kind);
  const headers = Object.entries(inline.headers).map(([name, value]) => [name, value.reveal()]);
  const identity = JSON.stringify([inline.kind, baseUrl, inline.apiKey?.reveal() ?? null, headers.sort()]);
  const digest = createHash("sha256").update(identity).digest("base64");
  const connection = { apiKey: inline.apiKey, baseUrl, headers: inline.headers, settings: {} };
  const key = { key: `inline ${digest}`, version: "", provenance: "requested" } as const;
  return { kind, lease: pool.lease(key, kind, () => connection) };
}

/** A provider that is not kept, to try it out; closed with the lease. */
export function leaseTrial(config: ProviderConfig, { providers, pool }: ProviderSource): Lease {
  const kind = kindOf(config, providers);
  return pool.trial(kind, connectionOf(config, kind));
}

/** The address that a provider is called at, without a trailing slash; empty when its kind calls none. */
export function addressOf(baseUrl: string, kind: ProviderKind): string {
  return (baseUrl || kind.defaultBaseUrl).replace(/\/+$/, "");
}

function connectionOf(config: ProviderConfig, kind: ProviderKind): ProviderConnection {
  const { apiKey, headers, settings } = config;
  return { apiKey, baseUrl: addressOf(config.baseUrl, kind), headers, settings };
}

function kindOf(config: ProviderConfig, providers: ProviderDirectory): ProviderKind {
  const kind = providers.kind(config.kind);
  if (kind) return kind;
  const message = `the provider ${config.id} is of the kind ${config.kind}, which this server has no adapter for`;
  throw new LivellmError("failed_precondition", "unsupported", message);
}
