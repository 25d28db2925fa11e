import type { Kysely } from "kysely";
import type { ProviderDraft } from "./provider-store.ts";
import type { RouteDraft } from "./route-store.ts";
import type { Sealer } from "./sealing.ts";
import { insertProvider, updateProvider } from "./sql-provider-store.ts";
import { insertRoute, updateRoute } from "./sql-route-store.ts";
import { insertToken, updateToken } from "./sql-token-store.ts";
import type { Tables } from "./tables.ts";
import type { TokenDraft } from "./token-store.ts";

/** A resource that comes from another store. */
export interface ImportedResource<Draft> {
  readonly draft: Draft;
  /** When it was made there; of one that takes the place of another, that one's stays. */
  readonly createTime?: Date;
  /** The revision of the one that it takes the place of; unset where there must be none. */
  readonly replaces?: string;
}

/** What is to be written, all or nothing. */
export interface ImportedResources {
  readonly providers: readonly ImportedResource<ProviderDraft>[];
  readonly routes: readonly ImportedResource<RouteDraft>[];
  readonly tokens: readonly ImportedResource<TokenDraft>[];
}

/** Writes them in one transaction. Throws `already_exists`, `aborted` or `not_found` when somebody else was faster. */
export async function importResources(
  db: Kysely<Tables>,
  sealer: Sealer,
  { providers, routes, tokens }: ImportedResources,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { draft, createTime, replaces } of providers) {
      if (replaces === undefined) await insertProvider({ db: trx, sealer }, draft, createTime);
      else await updateProvider({ db: trx, sealer }, draft, replaces);
    }
    for (const { draft, createTime, replaces } of routes) {
      if (replaces === undefined) await insertRoute(trx, draft, createTime);
      else await updateRoute(trx, draft, replaces);
    }
    for (const { draft, createTime, replaces } of tokens) {
      if (replaces === undefined) await insertToken(trx, draft, createTime);
      else await updateToken(trx, draft, replaces);
    }
  });
}
