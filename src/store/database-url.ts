import path from "node:path";
import { LivellmError } from "../core/error.ts";
import { type PostgresAddress, postgresAddress } from "./postgres-address.ts";

/** Which database a `DATABASE_URL` names. */
export type NamedDatabase =
  | { readonly kind: "sqlite"; readonly file: string }
  | { readonly kind: "memory" }
  | { readonly kind: "postgres"; readonly address: PostgresAddress };

/**
 * Reads `sqlite:PATH`, `sqlite::memory:` or `postgres://…`. Throws `failed_precondition` for anything else, never showing it
 * whole: it may hold a password.
 */
export function databaseNamed(databaseUrl: string): NamedDatabase {
  if (isShared(databaseUrl)) return { kind: "postgres", address: postgresAddress(databaseUrl) };
  const file = /^sqlite:(?!\/\/)(.+)$/s.exec(databaseUrl)?.[1];
  if (file === ":memory:") return { kind: "memory" };
  if (file) return { kind: "sqlite", file };
  // The scheme alone: the rest may hold a password.
  const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(databaseUrl)?.[0];
  const message =
    `DATABASE_URL ${scheme ? `with "${scheme}" ` : ""}cannot be used: write sqlite:data/livellm.db, ` +
    "sqlite:/absolute/path.db, sqlite::memory: or postgres://user:password@host:5432/database";
  throw new LivellmError("failed_precondition", "invalid_request", message);
}

/** The folder for what belongs beside the database, such as a generated master key; undefined where there is none. */
export function dataFolderOf(databaseUrl: string): string | undefined {
  const database = databaseNamed(databaseUrl);
  return database.kind === "sqlite" ? path.dirname(database.file) : undefined;
}

/** Whether servers on other machines may use the same database: it is one of PostgreSQL. */
export function isShared(databaseUrl: string): boolean {
  return /^postgres(ql)?:\/\//.test(databaseUrl);
}
