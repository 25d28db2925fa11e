import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import type { LivellmError } from "../core/error.ts";
import type { ProviderConfig } from "../core/provider.ts";
import type { AuditStore } from "./audit-store.ts";
import type { FollowedTable } from "./change-feed.ts";
import { createListeners } from "./listeners.ts";
import type { OpenDatabase } from "./open-database.ts";
import type { Outage } from "./outage.ts";
import { columnsOf, configFromRow } from "./provider-row.ts";
import {
  type ProviderDraft,
  type ProviderStore,
  providerChanged,
  providerExists,
  providerGone,
} from "./provider-store.ts";
import type { RouteStore } from "./route-store.ts";
import type { Sealer } from "./sealing.ts";
import { createSqlAuditStore } from "./sql-audit-store.ts";
import { createSqlRouteStore } from "./sql-route-store.ts";
import { createSqlTokenStore } from "./sql-token-store.ts";
import type { Tables } from "./tables.ts";
import type { TokenStore } from "./token-store.ts";

/** All that is kept: the providers, and beside them routes, tokens and the audit log, in one database. */
export interface Store extends ProviderStore {
  readonly routes: RouteStore;
  readonly tokens: TokenStore;
  readonly audit: AuditStore;
}

export interface SqlStoreOptions {
  /** The tables must be there. Closed with the store. */
  readonly database: Pick<OpenDatabase, "db" | "changes">;
  readonly sealer: Sealer;
  readonly outage: Outage;
  /** How often the listeners look for what nobody told them, in milliseconds. */
  readonly reconcileMs?: number;
}

/** A missed change is found after so long, in milliseconds. */
const usualReconcileMs = 10_000;

/** The stores over any database that kysely speaks to. What changes after it has resolved, is told of. */
export async function createSqlStore(options: SqlStoreOptions): Promise<Store> {
  const { database, sealer, outage, reconcileMs = usualReconcileMs } = options;
  const { db, changes } = database;
  const { run } = outage;
  const listeners = { provider: createListeners(), route: createListeners(), token: createListeners() };
  const tell = (table?: FollowedTable) => {
    for (const each of table ? [listeners[table]] : Object.values(listeners)) each.tell();
  };
  await changes.follow(tell, outage);
  const reconcile = setInterval(() => tell(), reconcileMs).unref();
  const changed = () => listeners.provider.tell();
  return {
    routes: createSqlRouteStore(db, { run, listeners: listeners.route }),
    tokens: createSqlTokenStore(db, { run, listeners: listeners.token }),
    audit: createSqlAuditStore(db, run),
    list: () => run(() => listProviders(db, sealer)),
    get: (id) => run(() => getProvider(db, sealer, id)),
    revisions: () => run(() => listRevisions(db)),
    create: async (draft) => {
      const config = await run(() => insertProvider(db, sealer, draft));
      changed();
      return config;
    },
    update: async (draft, expectedRevision) => {
      const config = await run(() => updateProvider(db, sealer, { draft, expectedRevision }));
      changed();
      return config;
    },
    delete: async (id, expectedRevision) => {
      await run(() => deleteProvider(db, id, expectedRevision));
      changed();
    },
    subscribe: listeners.provider.add,
    close: async () => {
      outage.close();
      clearInterval(reconcile);
      for (const each of Object.values(listeners)) each.clear();
      await changes.close();
      await db.destroy();
    },
  };
}

async function listProviders(db: Kysely<Tables>, sealer: Sealer): Promise<readonly ProviderConfig[]> {
  const rows = await db.selectFrom("provider").selectAll().orderBy("id").execute();
  return rows.map((row) => configFromRow(row, sealer));
}

async function getProvider(db: Kysely<Tables>, sealer: Sealer, id: string): Promise<ProviderConfig | undefined> {
  const row = await db.selectFrom("provider").selectAll().where("id", "=", id).executeTakeFirst();
  return row && configFromRow(row, sealer);
}

async function listRevisions(db: Kysely<Tables>): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom("provider").select(["id", "revision"]).execute();
  return new Map(rows.map(({ id, revision }) => [id, revision]));
}

async function insertProvider(db: Kysely<Tables>, sealer: Sealer, draft: ProviderDraft): Promise<ProviderConfig> {
  const now = Date.now();
  const row = await db
    .insertInto("provider")
    .values({
      id: draft.id,
      ...columnsOf(draft, sealer),
      revision: randomUUID(),
      create_time: now,
      update_time: now,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw providerExists(draft.id);
  return configFromRow(row, sealer);
}

async function updateProvider(
  db: Kysely<Tables>,
  sealer: Sealer,
  { draft, expectedRevision }: { readonly draft: ProviderDraft; readonly expectedRevision: string },
): Promise<ProviderConfig> {
  // A random revision, not a counter: a provider that is deleted and added again must not repeat one.
  const row = await db
    .updateTable("provider")
    .set({ ...columnsOf(draft, sealer), revision: randomUUID(), update_time: Date.now() })
    .where("id", "=", draft.id)
    .where("revision", "=", expectedRevision)
    .returningAll()
    .executeTakeFirst();
  if (!row) throw await whyUntouched(db, draft.id);
  return configFromRow(row, sealer);
}

async function deleteProvider(db: Kysely<Tables>, id: string, expectedRevision: string): Promise<void> {
  const row = await db
    .deleteFrom("provider")
    .where("id", "=", id)
    .where("revision", "=", expectedRevision)
    .returning("id")
    .executeTakeFirst();
  if (!row) throw await whyUntouched(db, id);
}

async function whyUntouched(db: Kysely<Tables>, id: string): Promise<LivellmError> {
  const row = await db.selectFrom("provider").select("id").where("id", "=", id).executeTakeFirst();
  return row ? providerChanged(id) : providerGone(id);
}
