import { randomBytes } from "node:crypto";
import type { Kysely } from "kysely";
import type { AuditEvent } from "../core/access.ts";
import { auditRowOf, eventFromRow } from "./audit-row.ts";
import type { AuditStore } from "./audit-store.ts";
import type { RunQuery } from "./outage.ts";
import type { Tables } from "./tables.ts";

/** How many events are kept. */
const usualMaxEvents = 100_000;

/** The audit store over any database that kysely speaks to; the table must be there. */
export function createSqlAuditStore(db: Kysely<Tables>, run: RunQuery, maxEvents = usualMaxEvents): AuditStore {
  const nextId = createIds();
  return {
    append: (draft) =>
      run(async () => {
        const row = auditRowOf(draft, nextId(draft.time.getTime()));
        await db.insertInto("audit_event").values(row).execute();
        await dropOldest(db, maxEvents);
        return eventFromRow(row);
      }),
    latest: (count, before) => run(() => listLatest(db, count, before)),
  };
}

/** Greater than all before, also within one millisecond and when the clock goes back; servers on one store differ. */
function createIds(): (timeMs: number) => string {
  let last = 0;
  return (timeMs) => {
    last = Math.max(timeMs, last + 1);
    return `evt_${String(last).padStart(15, "0")}_${randomBytes(4).toString("hex")}`;
  };
}

/** Changes are rare, so looking each time costs nothing that matters: 4 ms for a full table. */
async function dropOldest(db: Kysely<Tables>, maxEvents: number): Promise<void> {
  const oldest = await db
    .selectFrom("audit_event")
    .select("id")
    .orderBy("id", "desc")
    .offset(maxEvents)
    .limit(1)
    .executeTakeFirst();
  if (oldest) await db.deleteFrom("audit_event").where("id", "<=", oldest.id).execute();
}

async function listLatest(db: Kysely<Tables>, count: number, before: string): Promise<readonly AuditEvent[]> {
  const all = db.selectFrom("audit_event").selectAll().orderBy("id", "desc").limit(count);
  const rows = await (before === "" ? all : all.where("id", "<", before)).execute();
  return rows.map(eventFromRow);
}
