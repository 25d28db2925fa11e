import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import type { AccessToken } from "../core/access.ts";
import type { LivellmError } from "../core/error.ts";
import type { Listeners } from "./listeners.ts";
import type { RunQuery } from "./outage.ts";
import type { Tables } from "./tables.ts";
import { tokenConfigOf, tokenFromRow } from "./token-row.ts";
import { type TokenDraft, type TokenStore, tokenChanged, tokenExists, tokenGone } from "./token-store.ts";

/** The token store over any database that kysely speaks to; the table must be there. */
export function createSqlTokenStore(
  db: Kysely<Tables>,
  { run, listeners }: { readonly run: RunQuery; readonly listeners: Listeners },
): TokenStore {
  const tell = <Result>(result: Result): Result => {
    listeners.tell();
    return result;
  };
  return {
    list: () => run(() => listTokens(db)),
    get: (id) => run(() => getToken(db, id)),
    revisions: () => run(() => listRevisions(db)),
    create: async (draft) => tell(await run(() => insertToken(db, draft))),
    update: async (draft, expectedRevision) => tell(await run(() => updateToken(db, draft, expectedRevision))),
    delete: async (id, expectedRevision) => tell(await run(() => deleteToken(db, id, expectedRevision))),
    noteUse: (id, time) => run(() => noteUse(db, id, time)),
    subscribe: listeners.add,
  };
}

async function listTokens(db: Kysely<Tables>): Promise<readonly AccessToken[]> {
  const rows = await db.selectFrom("token").selectAll().orderBy("id").execute();
  return rows.map(tokenFromRow);
}

async function getToken(db: Kysely<Tables>, id: string): Promise<AccessToken | undefined> {
  const row = await db.selectFrom("token").selectAll().where("id", "=", id).executeTakeFirst();
  return row && tokenFromRow(row);
}

async function listRevisions(db: Kysely<Tables>): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom("token").select(["id", "revision"]).execute();
  return new Map(rows.map(({ id, revision }) => [id, revision]));
}

/** `createTime` is that of one that comes from elsewhere; now when unset. */
export async function insertToken(db: Kysely<Tables>, draft: TokenDraft, createTime?: Date): Promise<AccessToken> {
  const now = Date.now();
  const { id, digest } = draft;
  const row = await db
    .insertInto("token")
    .values({
      id,
      digest,
      config: tokenConfigOf(draft),
      revision: randomUUID(),
      create_time: createTime?.getTime() ?? now,
      update_time: now,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw tokenExists(id);
  return tokenFromRow(row);
}

export async function updateToken(
  db: Kysely<Tables>,
  draft: TokenDraft,
  expectedRevision: string,
): Promise<AccessToken> {
  // A random revision, not a counter: see the other stores.
  const row = await db
    .updateTable("token")
    .set({ config: tokenConfigOf(draft), revision: randomUUID(), update_time: Date.now() })
    .where("id", "=", draft.id)
    .where("revision", "=", expectedRevision)
    .returningAll()
    .executeTakeFirst();
  if (!row) throw await whyUntouched(db, draft.id);
  return tokenFromRow(row);
}

async function deleteToken(db: Kysely<Tables>, id: string, expectedRevision: string): Promise<void> {
  const row = await db
    .deleteFrom("token")
    .where("id", "=", id)
    .where("revision", "=", expectedRevision)
    .returning("id")
    .executeTakeFirst();
  if (!row) throw await whyUntouched(db, id);
}

async function noteUse(db: Kysely<Tables>, id: string, time: Date): Promise<void> {
  await db.updateTable("token").set({ last_use_time: time.getTime() }).where("id", "=", id).execute();
}

async function whyUntouched(db: Kysely<Tables>, id: string): Promise<LivellmError> {
  const row = await db.selectFrom("token").select("id").where("id", "=", id).executeTakeFirst();
  return row ? tokenChanged(id) : tokenGone(id);
}
