import type { AccessToken } from "../core/access.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { ProviderConfig } from "../core/provider.ts";
import {
  type ExportDocument,
  type ExportedProvider,
  type ExportedRoute,
  type ExportedToken,
  exportVersion,
} from "./export-document.ts";
import { type ExportedSecrets, sealExport } from "./export-secrets.ts";
import type { Sealer } from "./sealing.ts";
import type { Store } from "./sql-store.ts";

/** All that a store keeps but its audit log, for another store to import. Plain JSON. Throws what the store does. */
export async function exportStore(store: Store, secrets: ExportedSecrets): Promise<ExportDocument> {
  const { header, sealer } = await sealExport(secrets, store.sealer);
  const [providers, routes, tokens] = [await store.list(), await store.routes.list(), await store.tokens.list()];
  return {
    livellm: "export",
    version: exportVersion,
    exportTime: new Date().toISOString(),
    secrets: header,
    providers: providers.map((provider) => exportedProvider(provider, sealer)),
    routes: routes.map(exportedRoute),
    tokens: tokens.map(exportedToken),
  };
}

function exportedProvider(provider: ProviderConfig, sealer: Sealer | undefined): ExportedProvider {
  const { apiKey, headers, readOnly, createTime, updateTime, revision, ...config } = provider;
  const secrets = {
    ...(apiKey && { apiKey: apiKey.reveal() }),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()])),
  };
  const hasSecrets = apiKey !== undefined || Object.keys(headers).length > 0;
  const kept = sealer ? sealer.seal(JSON.stringify(secrets), provider.id) : secrets;
  return { ...config, createTime: createTime.toISOString(), ...(hasSecrets && { secrets: kept }) };
}

function exportedRoute({ readOnly, createTime, updateTime, revision, ...route }: NamedRoute): ExportedRoute {
  return { ...route, createTime: createTime.toISOString() };
}

function exportedToken(token: AccessToken): ExportedToken {
  const { createTime, updateTime, lastUseTime, revision, expireTime, ...rest } = token;
  const expiry = expireTime && { expireTime: expireTime.toISOString() };
  return { ...rest, createTime: createTime.toISOString(), ...expiry };
}
