import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import path from "node:path";
import { LivellmError } from "../core/error.ts";
import type { OpenDatabase } from "./open-database.ts";
import { openSqlite } from "./sqlite.ts";
import { findDamage } from "./sqlite-damage.ts";

/**
 * Opens a SQLite file; one that is missing is made with mode 0600, its folder with 0700. Throws `failed_precondition` with
 * what to do when it cannot; a damaged file is left untouched.
 */
export function openSqliteFile(file: string): OpenDatabase {
  try {
    prepareFile(path.resolve(file));
    return openSqlite(path.resolve(file));
  } catch (error) {
    if (error instanceof LivellmError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw cannotOpen(
      `cannot open the database ${file}: ${reason}. Check that its folder exists and can be written`,
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
  throw cannotOpen(
    `the database ${file} is damaged (${damage}); it has not been touched. Put a backup in its place, or move it and its ` +
      `-wal and -shm files away to start with an empty one: mv ${file} ${file}.damaged. ` +
      `"sqlite3 ${file}.damaged .recover" may rescue what was in it`,
  );
}

function cannotOpen(message: string, cause?: unknown): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", message, { cause });
}
