import { type Kysely, PostgresAdapter, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { LivellmError } from "../core/error.ts";
import { announceChanges } from "./announcements.ts";

/** By name, in order; one that has shipped is never edited. */
const migrations: Readonly<Record<string, Migration>> = {
  "0001_provider": {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable("provider")
        .addColumn("id", keyType(db), (column) => column.primaryKey())
        .addColumn("kind", "text", (column) => column.notNull())
        .addColumn("config", "text", (column) => column.notNull())
        .addColumn("secrets", "text")
        .addColumn("revision", "text", (column) => column.notNull())
        .addColumn("create_time", "bigint", (column) => column.notNull())
        .addColumn("update_time", "bigint", (column) => column.notNull())
        .execute();
    },
  },
  "0002_route": {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable("route")
        .addColumn("name", keyType(db), (column) => column.primaryKey())
        .addColumn("config", "text", (column) => column.notNull())
        .addColumn("revision", "text", (column) => column.notNull())
        .addColumn("create_time", "bigint", (column) => column.notNull())
        .addColumn("update_time", "bigint", (column) => column.notNull())
        .execute();
    },
  },
  "0003_access": {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable("token")
        .addColumn("id", keyType(db), (column) => column.primaryKey())
        .addColumn("digest", "text", (column) => column.notNull())
        .addColumn("config", "text", (column) => column.notNull())
        .addColumn("revision", "text", (column) => column.notNull())
        .addColumn("create_time", "bigint", (column) => column.notNull())
        .addColumn("update_time", "bigint", (column) => column.notNull())
        .addColumn("last_use_time", "bigint")
        .execute();
      await db.schema
        .createTable("audit_event")
        .addColumn("id", keyType(db), (column) => column.primaryKey())
        .addColumn("time", "bigint", (column) => column.notNull())
        .addColumn("event", "text", (column) => column.notNull())
        .execute();
    },
  },
  "0004_announcements": {
    up: async (db: Kysely<unknown>) => {
      if (isPostgres(db)) await announceChanges(db);
    },
  },
  "0005_setting": {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable("setting")
        .addColumn("name", keyType(db), (column) => column.primaryKey())
        .addColumn("value", "text", (column) => column.notNull())
        .execute();
    },
  },
};

/** Text that sorts by code units, as SQLite's does by itself. */
function keyType(db: Kysely<unknown>) {
  return isPostgres(db) ? sql`text collate "C"` : "text";
}

function isPostgres<Tables>(db: Kysely<Tables>): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/**
 * Brings the database to the newest form; of several servers that start at once, one does it and the others wait. Throws the
 * database's own error, or `failed_precondition` when a newer version of this server has written it.
 */
export async function migrate<Tables>(db: Kysely<Tables>, name: string): Promise<void> {
  const provider = { getMigrations: async () => ({ ...migrations }) };
  // Named, since kysely would take the tables of any schema for its own.
  const migrationTableSchema = isPostgres(db) ? await currentSchema(db, name) : undefined;
  const { error } = await new Migrator({ db, provider, migrationTableSchema }).migrateToLatest();
  if (error instanceof Error && error.message.startsWith("corrupted migrations")) throw newerThanThis(name, error);
  if (error) throw error;
}

async function currentSchema<Tables>(db: Kysely<Tables>, name: string): Promise<string> {
  const { rows } = await sql<{ readonly schema: string | null }>`select current_schema() as schema`.execute(db);
  const schema = rows[0]?.schema;
  if (schema) return schema;
  const message = `the database ${name} has no schema to make tables in: make the one that its search_path names`;
  throw new LivellmError("failed_precondition", "invalid_request", message);
}

function newerThanThis(name: string, cause: Error): LivellmError {
  const message = `cannot use the database ${name}: a newer livellm has written it, and it needs that livellm (${cause.message})`;
  return new LivellmError("failed_precondition", "invalid_request", message, { cause });
}
