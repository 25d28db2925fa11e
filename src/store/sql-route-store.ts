import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import type { LivellmError } from "../core/error.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { Listeners } from "./listeners.ts";
import type { RunQuery } from "./outage.ts";
import { routeConfigOf, routeFromRow } from "./route-row.ts";
import { type RouteDraft, type RouteStore, routeChanged, routeExists, routeGone } from "./route-store.ts";
import type { Tables } from "./tables.ts";

/** The route store over any database that kysely speaks to; the table must be there. */
export function createSqlRouteStore(
  db: Kysely<Tables>,
  { run, listeners }: { readonly run: RunQuery; readonly listeners: Listeners },
): RouteStore {
  const tell = <Result>(result: Result): Result => {
    listeners.tell();
    return result;
  };
  return {
    list: () => run(() => listRoutes(db)),
    get: (name) => run(() => getRoute(db, name)),
    revisions: () => run(() => listRevisions(db)),
    create: async (draft) => tell(await run(() => insertRoute(db, draft))),
    update: async (draft, expectedRevision) => tell(await run(() => updateRoute(db, draft, expectedRevision))),
    delete: async (name, expectedRevision) => tell(await run(() => deleteRoute(db, name, expectedRevision))),
    subscribe: listeners.add,
  };
}

async function listRoutes(db: Kysely<Tables>): Promise<readonly NamedRoute[]> {
  const rows = await db.selectFrom("route").selectAll().orderBy("name").execute();
  return rows.map(routeFromRow);
}

async function getRoute(db: Kysely<Tables>, name: string): Promise<NamedRoute | undefined> {
  const row = await db.selectFrom("route").selectAll().where("name", "=", name).executeTakeFirst();
  return row && routeFromRow(row);
}

async function listRevisions(db: Kysely<Tables>): Promise<ReadonlyMap<string, string>> {
  const rows = await db.selectFrom("route").select(["name", "revision"]).execute();
  return new Map(rows.map(({ name, revision }) => [name, revision]));
}

/** `createTime` is that of one that comes from elsewhere; now when unset. */
export async function insertRoute(db: Kysely<Tables>, draft: RouteDraft, createTime?: Date): Promise<NamedRoute> {
  const now = Date.now();
  const values = { name: draft.name, config: routeConfigOf(draft), revision: randomUUID() };
  const row = await db
    .insertInto("route")
    .values({ ...values, create_time: createTime?.getTime() ?? now, update_time: now })
    .onConflict((conflict) => conflict.column("name").doNothing())
    .returningAll()
    .executeTakeFirst();
  if (!row) throw routeExists(draft.name);
  return routeFromRow(row);
}

export async function updateRoute(
  db: Kysely<Tables>,
  draft: RouteDraft,
  expectedRevision: string,
): Promise<NamedRoute> {
  // A random revision, not a counter: a route that is deleted and added again must not repeat one.
  const row = await db
    .updateTable("route")
    .set({ config: routeConfigOf(draft), revision: randomUUID(), update_time: Date.now() })
    .where("name", "=", draft.name)
    .where("revision", "=", expectedRevision)
    .returningAll()
    .executeTakeFirst();
  if (!row) throw await whyUntouched(db, draft.name);
  return routeFromRow(row);
}

async function deleteRoute(db: Kysely<Tables>, name: string, expectedRevision: string): Promise<void> {
  const row = await db
    .deleteFrom("route")
    .where("name", "=", name)
    .where("revision", "=", expectedRevision)
    .returning("name")
    .executeTakeFirst();
  if (!row) throw await whyUntouched(db, name);
}

async function whyUntouched(db: Kysely<Tables>, name: string): Promise<LivellmError> {
  const row = await db.selectFrom("route").select("name").where("name", "=", name).executeTakeFirst();
  return row ? routeChanged(name) : routeGone(name);
}
