import type { Kysely } from "kysely";
import { LivellmError } from "../core/error.ts";
import type { Sealer } from "./sealing.ts";
import type { Tables } from "./tables.ts";

/** The setting that only the master key opens, also while no provider has a secret. */
const checkName = "master_key_check";

/** Makes sure that the secrets in a database can be opened. Throws `failed_precondition` with what to do when not. */
export async function checkSecrets(db: Kysely<Tables>, sealer: Sealer, name: string): Promise<void> {
  const rows = await sealedRows(db);
  const ids = rows.filter((row) => sealer.open(row.secrets, row.id) === undefined).map((row) => row.id);
  if (ids.length === 0) return;
  throw otherKey(
    `LIVELLM_MASTER_KEY (or the master.key beside the database) does not open the secrets in ${name} of ` +
      `${ids.length} of ${rows.length} providers: ${ids.slice(0, 20).join(", ")}. Set the key that they were stored with, ` +
      "or name it in LIVELLM_OLD_MASTER_KEYS. If it is lost, move the database away and add the providers again",
  );
}

/**
 * Makes sure that this server has the master key of the others, whoever was the first. Throws `failed_precondition` with what
 * to do when not.
 */
export async function checkMasterKey(db: Kysely<Tables>, sealer: Sealer, name: string): Promise<void> {
  const mine = { name: checkName, value: sealer.seal(checkName, checkName) };
  await db
    .insertInto("setting")
    .values(mine)
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
  const row = await db.selectFrom("setting").select("value").where("name", "=", checkName).executeTakeFirst();
  if (row && sealer.open(row.value, checkName) !== undefined) return;
  throw otherKey(
    `LIVELLM_MASTER_KEY is not the one that ${name} is used with: set the same on every server, or, when the key is to be ` +
      "changed, name the one before in LIVELLM_OLD_MASTER_KEYS",
  );
}

/** How sealing all secrets again has gone. */
export interface ResealReport {
  /** Providers that were sealed with an old key, and are now with the current one. */
  readonly resealed: number;
  /** Providers that were sealed with the current key before. */
  readonly current: number;
  /** Ids of providers whose secrets no key opens. They are left as they are. */
  readonly unreadable: readonly string[];
}

/**
 * Seals every secret with the current master key. Each is replaced by itself, and only if nobody has changed it meanwhile, so
 * it may be broken off anywhere and run again, while servers use the database.
 */
export async function resealSecrets(db: Kysely<Tables>, sealer: Sealer): Promise<ResealReport> {
  const report = { resealed: 0, current: 0, unreadable: [] as string[] };
  for (const { id } of await sealedRows(db)) {
    const outcome = await resealProvider(db, sealer, id);
    if (outcome === "unreadable") report.unreadable.push(id);
    else report[outcome]++;
  }
  await resealCheck(db, sealer);
  return report;
}

async function resealProvider(db: Kysely<Tables>, sealer: Sealer, id: string): Promise<keyof ResealReport> {
  for (;;) {
    const row = await db.selectFrom("provider").select("secrets").where("id", "=", id).executeTakeFirst();
    if (!row?.secrets || sealer.isCurrent(row.secrets, id)) return "current";
    const text = sealer.open(row.secrets, id);
    if (text === undefined) return "unreadable";
    const { numUpdatedRows } = await db
      .updateTable("provider")
      .set({ secrets: sealer.seal(text, id) })
      .where("id", "=", id)
      .where("secrets", "=", row.secrets)
      .executeTakeFirst();
    if (numUpdatedRows > 0n) return "resealed";
  }
}

async function resealCheck(db: Kysely<Tables>, sealer: Sealer): Promise<void> {
  const value = sealer.seal(checkName, checkName);
  await db.updateTable("setting").set({ value }).where("name", "=", checkName).execute();
}

async function sealedRows(db: Kysely<Tables>): Promise<readonly { readonly id: string; readonly secrets: string }[]> {
  const rows = await db.selectFrom("provider").select(["id", "secrets"]).orderBy("id").execute();
  return rows.flatMap(({ id, secrets }) => (secrets === null ? [] : [{ id, secrets }]));
}

function otherKey(message: string): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", message);
}
