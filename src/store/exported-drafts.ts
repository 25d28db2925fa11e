import { isJsonObject } from "../core/json.ts";
import { Secret } from "../core/secret.ts";
import type { ExportedProvider, ExportedRoute, ExportedToken, PlainSecrets } from "./export-document.ts";
import type { ImportedResource } from "./import-resources.ts";
import { emptyConfig } from "./provider-row.ts";
import type { ProviderDraft } from "./provider-store.ts";
import { emptyRoute } from "./route-row.ts";
import type { RouteDraft } from "./route-store.ts";
import type { Sealer } from "./sealing.ts";
import type { TokenDraft } from "./token-store.ts";

/** The provider of an export; undefined when its secrets do not open, or are not of the form that the export says. */
export function providerOf(
  { secrets, createTime, ...config }: ExportedProvider,
  sealer: Sealer | undefined,
): ImportedResource<ProviderDraft> | undefined {
  const opened = openSecrets(secrets, config.id, sealer);
  if (!opened) return undefined;
  const { apiKey, headers = {} } = opened;
  const draft = {
    ...emptyConfig,
    ...config,
    ...(apiKey !== undefined && { apiKey: new Secret(apiKey) }),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, new Secret(value)])),
  };
  return { draft, ...made(createTime) };
}

function openSecrets(
  secrets: string | PlainSecrets | undefined,
  id: string,
  sealer: Sealer | undefined,
): PlainSecrets | undefined {
  if (secrets === undefined) return {};
  if (typeof secrets !== "string") return sealer ? undefined : secrets;
  const text = sealer?.open(secrets, id);
  if (text === undefined) return undefined;
  const value: unknown = JSON.parse(text);
  return isJsonObject(value) ? (value as PlainSecrets) : undefined; // authentic: only an export has sealed it
}

export function routeOf({ createTime, ...draft }: ExportedRoute): ImportedResource<RouteDraft> {
  return { draft: { ...emptyRoute, ...draft }, ...made(createTime) };
}

export function tokenOf({ createTime, expireTime, ...rest }: ExportedToken): ImportedResource<TokenDraft> {
  const draft = {
    ...{ displayName: "", labels: {}, disabled: false },
    ...rest,
    ...(expireTime !== undefined && { expireTime: new Date(expireTime) }),
  };
  return { draft, ...made(createTime) };
}

function made(createTime: string | undefined): { readonly createTime?: Date } {
  return createTime === undefined ? {} : { createTime: new Date(createTime) };
}
