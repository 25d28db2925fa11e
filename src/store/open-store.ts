import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import path from "node:path";
import type { Kysely } from "kysely";
import { LivellmError } from "../core/error.ts";
import { migrate } from "./migrations.ts";
import type { Sealer } from "./sealing.ts";
import { createSqlStore, type Store, type Tables } from "./sql-store.ts";
import { type OpenDatabase, openSqlite } from "./sqlite.ts";
import { findDamage } from "./sqlite-damage.ts";

const inMemory = ":memory:";

/**
 * Opens the store that `DATABASE_URL` names, brings it to the newest form, and makes sure that its secrets can be opened.
 * `sqlite:data/livellm.db` (relative to the working directory; the folder is made with mode 0700, the file with 0600),
 * `sqlite:/absolute/path.db`, or `sqlite::memory:`. Throws `failed_precondition` with what to do when it cannot; a damaged
 * file is left untouched.
 */
export async function openStore(databaseUrl: string, sealer: Sealer): Promise<Store> {
  const file = sqliteFile(databaseUrl);
  const { db, changes } = file === inMemory ? openSqlite(inMemory) : openFile(file);
  try {
    await migrate(db).catch((error: unknown) => {
      throw cannotStart(
        `cannot prepare the database ${file}: ${reasonOf(error)}. One that a newer livellm has written needs that livellm`,
        error,
      );
    });
    await checkSecrets(db, sealer, file);
    return createSqlStore({ db, sealer, changes });
  } catch (error) {
    await db.destroy();
    throw error;
  }
}

/** The folder for what belongs beside the database, such as a generated master key; undefined for one in memory. */
export function dataFolderOf(databaseUrl: string): string | undefined {
  const file = sqliteFile(databaseUrl);
  return file === inMemory ? undefined : path.dirname(file);
}

function sqliteFile(databaseUrl: string): string {
  const file = /^sqlite:(?!\/\/)(.+)$/s.exec(databaseUrl)?.[1];
  if (file) return file;
  // The scheme alone: the rest may hold a password.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(databaseUrl)?.[0];
  throw cannotStart(
    `DATABASE_URL ${scheme ? `with "${scheme}" ` : ""}cannot be used: write sqlite:data/livellm.db, ` +
      "sqlite:/absolute/path.db or sqlite::memory:",
  );
}

function openFile(file: string): OpenDatabase {
  try {
    prepareFile(path.resolve(file));
    return openSqlite(path.resolve(file));
  } catch (error) {
    if (error instanceof LivellmError) throw error;
    throw cannotStart(
      `cannot open the database ${file}: ${reasonOf(error)}. Check that its folder exists and can be written`,
      error,
    );
  }
}

function prepareFile(file: string): void {
  if (statSync(file, { throwIfNoEntry: false })) {
    refuseDamage(file);
    return;
  }
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  // Made here, since SQLite would make it readable to all; its log gets the mode of the file.
  closeSync(openSync(file, "a", 0o600));
}

function refuseDamage(file: string): void {
  const damage = findDamage(file);
  if (damage === undefined) return;
  throw cannotStart(
    `the database ${file} is damaged (${damage}); it has not been touched. Put a backup in its place, or move it and its ` +
      `-wal and -shm files away to start with an empty one: mv ${file} ${file}.damaged. ` +
      `"sqlite3 ${file}.damaged .recover" may rescue what was in it`,
  );
}

async function checkSecrets(db: Kysely<Tables>, sealer: Sealer, file: string): Promise<void> {
  const rows = await db.selectFrom("provider").select(["id", "secrets"]).where("secrets", "is not", null).execute();
  const sealed = rows.filter((row) => row.secrets !== null && sealer.open(row.secrets, row.id) === undefined);
  if (sealed.length === 0) return;
  const ids = sealed.slice(0, 20).map((row) => row.id);
  throw cannotStart(
    `LIVELLM_MASTER_KEY (or the master.key beside the database) does not open the secrets in ${file} of ` +
      `${sealed.length} of ${rows.length} providers: ${ids.join(", ")}. Set the key that they were stored with. If it is ` +
      "lost, move the database away and add the providers again",
  );
}

function cannotStart(message: string, cause?: unknown): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", message, { cause });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
