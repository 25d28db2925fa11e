import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import type { LivellmError } from "../core/error.ts";
import type { ProviderConfig } from "../core/provider.ts";
import type { Listeners } from "./listeners.ts";
import type { RunQuery } from "./outage.ts";
import { columnsOf, configFromRow } from "./provider-row.ts";
import {
  type ProviderDraft,
  type ProviderStore,
  providerChanged,
  providerExists,
  providerGone,
} from "./provider-store.ts";
import type { Sealer } from "./sealing.ts";
import type { Tables } from "./tables.ts";

/** Where providers are kept, and what seals their secrets. */
export interface SealedDatabase {
  readonly db: Kysely<Tables>;
  readonly sealer: Sealer;
}

/** The provider store over any database that kysely speaks to; the table must be there. */
export function createSqlProviderStore(
  database: SealedDatabase,
  { run, listeners }: { readonly run: RunQuery; readonly listeners: Listeners },
): Omit<ProviderStore, "close"> {
  const tell = <Result>(result: Result): Result => {
    listeners.tell();
    return result;
  };
  return {
    list: () => run(() => listProviders(database)),
    get: (id) => run(() => getProvider(database, id)),
    revisions: () => run(() => listRevisions(database)),
    create: async (draft) => tell(await run(() => insertProvider(database, draft))),
    update: async (draft, expectedRevision) => tell(await run(() => updateProvider(database, draft, expectedRevision))),
    delete: async (id, expectedRevision) => tell(await run(() => deleteProvider(database, id, expectedRevision))),
    subscribe: listeners.add,
  };
}

async function listProviders({ db, sealer }: SealedDatabase): Promise<readonly ProviderConfig[]> {
  const rows = await db.selectFrom("provider").selectAll().orderBy("id").execute();
  return rows.map((row) => configFromRow(row, sealer));
}

async function getProvider({ db, sealer }: SealedDatabase, id: string): Promise<ProviderConfig | undefined> {
  const row = await db.selectFrom("provider").selectAll().where("id", "=", id).executeTakeFirst();
  return row && configFromRow(row, sealer);
}

async function listRevisions({ db }: SealedDatabase): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom("provider").select(["id", "revision"]).execute();
  return new Map(rows.map(({ id, revision }) => [id, revision]));
}

/** `createTime` is that of one that comes from elsewhere; now when unset. */
export async function insertProvider(
  { db, sealer }: SealedDatabase,
  draft: ProviderDraft,
  createTime?: Date,
): Promise<ProviderConfig> {
  const now = Date.now();
  const times = { create_time: createTime?.getTime() ?? now, update_time: now };
  const row = await db
    .insertInto("provider")
    .values({ id: draft.id, ...columnsOf(draft, sealer), revision: randomUUID(), ...times })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw providerExists(draft.id);
  return configFromRow(row, sealer);
}

export async function updateProvider(
  { db, sealer }: SealedDatabase,
  draft: ProviderDraft,
  expectedRevision: string,
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

async function deleteProvider({ db }: SealedDatabase, id: string, expectedRevision: string): Promise<void> {
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
