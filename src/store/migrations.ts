import type { Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";

/** By name, in order; one that has shipped is never edited. They use nothing that only one database has. */
const migrations: Readonly<Record<string, Migration>> = {
  "0001_provider": {
    up: async (db: Kysely<unknown>) => {
      await db.schema
        .createTable("provider")
        .addColumn("id", "text", (column) => column.primaryKey())
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
        .addColumn("name", "text", (column) => column.primaryKey())
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
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("digest", "text", (column) => column.notNull())
        .addColumn("config", "text", (column) => column.notNull())
        .addColumn("revision", "text", (column) => column.notNull())
        .addColumn("create_time", "bigint", (column) => column.notNull())
        .addColumn("update_time", "bigint", (column) => column.notNull())
        .addColumn("last_use_time", "bigint")
        .execute();
      await db.schema
        .createTable("audit_event")
        .addColumn("id", "text", (column) => column.primaryKey())
        .addColumn("time", "bigint", (column) => column.notNull())
        .addColumn("event", "text", (column) => column.notNull())
        .execute();
    },
  },
};

/**
 * Brings the database to the newest form. Throws the database's own error, or kysely's when the database was written by a
 * newer version of this server.
 */
export async function migrate<Tables>(db: Kysely<Tables>): Promise<void> {
  const provider = { getMigrations: async () => ({ ...migrations }) };
  const { error } = await new Migrator({ db, provider }).migrateToLatest();
  if (error) throw error;
}
