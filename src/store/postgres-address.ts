import { accessSync, constants } from "node:fs";
import { LivellmError } from "../core/error.ts";

/** Where a PostgreSQL database is. */
export interface PostgresAddress {
  /** For `pg`, with the password. */
  readonly connectionString: string;
  /** For people, without it: `postgres://livellm@db:5432/livellm`. */
  readonly name: string;
  readonly user: string;
  readonly database: string;
}

/** libpq's, without those that may end up without TLS. */
const sslModes = ["disable", "require", "verify-ca", "verify-full"];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…`. Throws `failed_precondition` for one that cannot be used,
 * never showing it: it holds a password.
 */
export function postgresAddress(databaseUrl: string): PostgresAddress {
  if (!URL.canParse(databaseUrl)) throw unusable("it is not an address: write what is special in the password as %40");
  const url = new URL(databaseUrl);
  const database = decodeURIComponent(url.pathname.slice(1));
  const user = decodeURIComponent(url.searchParams.get("user") ?? url.username);
  if (database === "") throw unusable("it names no database: write postgres://user:password@host:5432/database");
  checkTls(url.searchParams);
  return {
    connectionString: withStandardModes(databaseUrl, url),
    name: `postgres://${user && `${user}@`}${hostOf(url)}/${database}`,
    user,
    database,
  };
}

/** Of a server on this machine, a socket's folder, as `host=/run/postgresql` or in place of the host. */
function hostOf({ host, searchParams }: URL): string {
  return searchParams.get("host") ?? decodeURIComponent(host);
}

function checkTls(parameters: URLSearchParams): void {
  const mode = parameters.get("sslmode");
  if (mode !== null && !sslModes.includes(mode)) throw unusable(`sslmode must be one of ${sslModes.join(", ")}`);
  if (mode === "verify-ca" && !parameters.has("sslrootcert"))
    throw unusable("sslmode=verify-ca needs sslrootcert=FILE");
  for (const name of ["sslrootcert", "sslcert", "sslkey"]) {
    const file = parameters.get(name);
    if (file !== null) checkReadable(name, file);
  }
}

function checkReadable(name: string, file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw unusable(`the file of its ${name} cannot be read: ${file}`, cause);
  }
}

/** Otherwise `pg` 8 takes every mode for verify-full, and says on stderr that it will not always. */
function withStandardModes(databaseUrl: string, { searchParams, search }: URL): string {
  if (!searchParams.has("sslmode") || searchParams.has("uselibpqcompat")) return databaseUrl;
  return `${databaseUrl}${search ? "&" : "?"}uselibpqcompat=true`;
}

function unusable(why: string, cause?: unknown): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", `DATABASE_URL cannot be used: ${why}`, { cause });
}
