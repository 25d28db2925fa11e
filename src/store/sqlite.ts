import { DatabaseSync } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  Kysely,
  SqliteAdapter,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
} from "kysely";
import { noChanges } from "./change-feed.ts";
import { migrate } from "./migrations.ts";
import type { OpenDatabase } from "./open-database.ts";
import { pollSqliteChanges } from "./sqlite-changes.ts";
import { patientConnection } from "./sqlite-connection.ts";
import { explainSqlite } from "./sqlite-errors.ts";
import { placeOf } from "./sqlite-place.ts";
import type { Tables } from "./tables.ts";

/** How long to wait for another process that is writing to the same file, in milliseconds. */
const busyTimeoutMs = 5000;

/**
 * Opens a SQLite file, which is made when it is missing. Write-ahead log, and every commit is on the disk before it is
 * answered: configuration changes are rare, 0.3 ms each does not matter.
 */
export function openSqlite(file: string): OpenDatabase {
  const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
  try {
    // From then on whoever waits for another process does so in a connection that lets calls go on.
    database.exec("pragma journal_mode = wal; pragma synchronous = full; pragma busy_timeout = 0");
    return { ...opened(database, file, placeOf(file)), changes: pollSqliteChanges(database) };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** A database that lives as long as the process. */
export function openSqliteInMemory(): OpenDatabase {
  return { ...opened(new DatabaseSync(":memory:"), "in memory", () => undefined), changes: noChanges };
}

function opened(database: DatabaseSync, name: string, assertInPlace: () => void): Omit<OpenDatabase, "changes"> {
  const db = new Kysely<Tables>({ dialect: new SharedSqliteDialect(forKysely(database), assertInPlace) });
  return { db, name, shared: false, migrate: () => migrate(db, name), explain: explainSqlite };
}

/** kysely's dialect for a file that several processes write to. */
class SharedSqliteDialect extends SqliteDialect {
  readonly #database: SqliteDatabase;
  readonly #assertInPlace: () => void;

  constructor(database: SqliteDatabase, assertInPlace: () => void) {
    super({ database });
    this.#database = database;
    this.#assertInPlace = assertInPlace;
  }

  override createDriver(): SqliteDriver {
    return new PatientDriver(this.#database, this.#assertInPlace);
  }

  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter();
  }
}

/**
 * A transaction takes the right to write at its beginning, and waits for it. One that takes it later fails at once when
 * another process was faster (https://sqlite.org/rescode.html#busy_snapshot).
 */
class PatientDriver extends SqliteDriver {
  readonly #assertInPlace: () => void;
  #connection: DatabaseConnection | undefined;

  constructor(database: SqliteDatabase, assertInPlace: () => void) {
    super({ database });
    this.#assertInPlace = assertInPlace;
  }

  override async acquireConnection(): Promise<DatabaseConnection> {
    const assertInPlace = this.#assertInPlace;
    this.#connection ??= patientConnection(await super.acquireConnection(), { busyTimeoutMs, assertInPlace });
    return this.#connection;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }
}

/** Migrations run in one transaction, so that of several processes that start at once one migrates, and the others wait. */
class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
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
