import { setTimeout as delay } from "node:timers/promises";
import type { Kysely } from "kysely";
import { LivellmError } from "../core/error.ts";
import { databaseNamed } from "./database-url.ts";
import type { OpenDatabase } from "./open-database.ts";
import { createOutage } from "./outage.ts";
import { checkMasterKey, checkSecrets } from "./sealed-secrets.ts";
import type { Sealer } from "./sealing.ts";
import { createSqlStore, type Store } from "./sql-store.ts";
import { openSqliteInMemory } from "./sqlite.ts";
import { openSqliteFile } from "./sqlite-file.ts";
import type { StoreLog } from "./store-log.ts";
import type { Tables } from "./tables.ts";

export interface OpenStoreOptions {
  /** Where it says that the database is away, and that it is back; nowhere when unset. */
  readonly log?: StoreLog;
  /** How long to wait for a database that cannot be reached yet, in milliseconds; not at all when unset. */
  readonly startTimeoutMs?: number;
  /** How often to look for changes that nobody announced, in milliseconds. */
  readonly reconcileMs?: number;
}

const silent: StoreLog = { warn: () => undefined, info: () => undefined };

/**
 * Opens the store that `DATABASE_URL` names, brings it to the newest form, and makes sure that its secrets can be opened.
 * `sqlite:data/livellm.db` (relative to the working directory), `sqlite:/absolute/path.db`, `sqlite::memory:`, or
 * `postgres://user:password@host:5432/database`. Throws `failed_precondition` with what to do when it cannot, never showing a
 * password.
 */
export async function openStore(databaseUrl: string, sealer: Sealer, options: OpenStoreOptions = {}): Promise<Store> {
  const { log = silent, startTimeoutMs = 0, reconcileMs } = options;
  const database = await openDatabase(databaseUrl, log);
  try {
    await prepared(database, { sealer, log, startTimeoutMs });
    const outage = createOutage({ ...database, log, tryWriting: () => changeNothing(database.db) });
    return await createSqlStore({ database, sealer, outage, reconcileMs });
  } catch (error) {
    await database.db.destroy();
    throw error;
  }
}

/** A database that takes no changes refuses this one too. */
function changeNothing(db: Kysely<Tables>): Promise<unknown> {
  return db.deleteFrom("token").where("id", "is", null).execute();
}

async function openDatabase(databaseUrl: string, log: StoreLog): Promise<OpenDatabase> {
  const named = databaseNamed(databaseUrl);
  if (named.kind === "memory") return openSqliteInMemory();
  if (named.kind === "sqlite") return openSqliteFile(named.file);
  // Loading it takes 40 ms that most servers need not wait.
  const { openPostgres } = await import("./postgres.ts");
  return openPostgres(named.address, log);
}

interface Preparation {
  readonly sealer: Sealer;
  readonly log: StoreLog;
  /** From the first failure on, in milliseconds. */
  readonly startTimeoutMs: number;
}

const pauseMs = 500;

/** A database that starts at the same time as this server is waited for; one that refuses it is not. */
async function prepared(database: OpenDatabase, { sealer, log, startTimeoutMs }: Preparation): Promise<void> {
  let deadline: number | undefined;
  for (;;) {
    const failure = await failureOf(database, sealer);
    if (!failure) return;
    const { passes, reason, cause } = failure;
    const leftMs = deadline === undefined ? startTimeoutMs : deadline - performance.now();
    if (!passes || leftMs <= 0) throw cannotStart(`the database ${database.name} ${reason}`, cause);
    if (deadline === undefined) {
      deadline = performance.now() + startTimeoutMs;
      log.warn(`the database ${database.name} ${reason}: waiting for it, ${Math.ceil(leftMs / 1000)} s at most`);
    }
    await delay(Math.min(pauseMs, leftMs));
  }
}

async function failureOf(database: OpenDatabase, sealer: Sealer) {
  try {
    await database.migrate();
    await checkSecrets(database.db, sealer, database.name);
    if (database.shared) await checkMasterKey(database.db, sealer, database.name);
    return undefined;
  } catch (cause) {
    if (cause instanceof LivellmError) throw cause;
    return { ...database.explain(cause), cause };
  }
}

function cannotStart(message: string, cause: unknown): LivellmError {
  return new LivellmError("failed_precondition", "invalid_request", message, { cause });
}
