import { type Kysely, sql } from "kysely";
import type { FollowedTable } from "./change-feed.ts";

/** PostgreSQL's channel on which changes are announced: the payload is the table's name. */
export const changeChannel = "livellm_change";

const followed = ["provider", "route", "token"] as const satisfies readonly FollowedTable[];

/** The table that an announcement is of; undefined for one that only another version knows. */
export function announcedTable(payload: string | undefined): FollowedTable | undefined {
  return followed.find((table) => table === payload);
}

/**
 * Makes PostgreSQL announce, when they are committed, all changes of what is followed, whoever makes them and by whatever
 * means. What changes no revision, as the time when a token was used, is not announced.
 */
export async function announceChanges(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function livellm_announce() returns trigger language plpgsql as $$
    begin
      perform pg_notify(${sql.lit(changeChannel)}, tg_table_name);
      return null;
    end $$`.execute(db);
  for (const table of followed) {
    await sql`
      create trigger livellm_announce after insert or delete or truncate or update of revision on ${sql.table(table)}
      for each statement execute function livellm_announce()`.execute(db);
  }
}
