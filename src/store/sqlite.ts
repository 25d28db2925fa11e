import { DatabaseSync } from "node:sqlite";
import { Kysely, type SqliteDatabase, SqliteDialect } from "kysely";
import type { Tables } from "./sql-store.ts";

/** How long to wait for another process that is writing to the same file, in milliseconds. */
const busyTimeoutMs = 5000;

/**
 * Opens a SQLite file, which is made when it is missing, or `:memory:`. Write-ahead log, and every commit is on the disk
 * before it is answered: configuration changes are rare, 0.3 ms each does not matter.
 */
export function openSqlite(file: string): Kysely<Tables> {
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    database.exec("pragma journal_mode = wal; pragma synchronous = full");
  } catch (error) {
    database.close();
    throw error;
  }
  return new Kysely<Tables>({ dialect: new SqliteDialect({ database: forKysely(database) }) });
}

/** node:sqlite in the shape that kysely's dialect wants, which is better-sqlite3's. */
function forKysely(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => database.close(),
    prepare: (text) => {
      const statement = database.prepare(text);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...asValues(parameters)),
        run: (parameters) => statement.run(...asValues(parameters)),
        iterate: (parameters) => statement.iterate(...asValues(parameters)),
      };
    },
  };
}

/** Typed by the tables: text, numbers and null alone. */
function asValues(parameters: readonly unknown[]): (string | number | null)[] {
  return parameters as (string | number | null)[];
}
