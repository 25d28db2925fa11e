import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient } from "kysely";
import pg from "pg";
import { migrate } from "./migrations.ts";
import type { OpenDatabase } from "./open-database.ts";
import type { PostgresAddress } from "./postgres-address.ts";
import { listenForChanges } from "./postgres-changes.ts";
import { explainPostgres } from "./postgres-errors.ts";
import type { StoreLog } from "./store-log.ts";
import type { Tables } from "./tables.ts";

/** Connections of one server, beside the one that listens: reading for calls never comes here, changes are rare. */
const maxConnections = 4;

const connectTimeoutMs = 5_000;
const queryTimeoutMs = 15_000;

/** Prepares to use the database; nothing is connected yet. */
export function openPostgres(address: PostgresAddress, log: StoreLog): OpenDatabase {
  const { name } = address;
  const session = sessionOf(address);
  const pool = openPool({ ...session, max: maxConnections, idleTimeoutMillis: 60_000 });
  const own = processIdsOf(pool);
  return {
    db: kyselyOver(pool),
    name,
    shared: true,
    migrate: () => migrateAlone(session, name),
    changes: listenForChanges({ open: () => new pg.Client(session), own, name, log }),
    explain: (error) => explainPostgres(error, address),
  };
}

/** On a connection without limits of time, since it waits for the migrations of other servers. */
async function migrateAlone(session: pg.ClientConfig, name: string): Promise<void> {
  const db = kyselyOver(openPool({ ...session, query_timeout: 0, statement_timeout: 0, max: 1 }));
  try {
    await migrate(db, name);
  } finally {
    await db.destroy();
  }
}

function sessionOf({ connectionString }: PostgresAddress) {
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number); // milliseconds since 1970, as SQLite gives them
  return {
    connectionString,
    types,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    statement_timeout: queryTimeoutMs,
    // A server that vanishes in the middle of a transaction must not hold its locks.
    idle_in_transaction_session_timeout: 2 * queryTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    fallback_application_name: "livellm",
  } satisfies pg.ClientConfig;
}

function openPool(options: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(options);
  // One that breaks while nobody uses it is out of the pool by now; the next query finds out whether others can be had.
  pool.on("error", () => undefined);
  // One that breaks in the middle of a query fails that, and says so once more, which would end the process.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** The server's processes that work for this pool, which announcements name as their origin. */
function processIdsOf(pool: pg.Pool): ReadonlySet<number> {
  const ids = new Set<number>();
  pool.on("connect", (client) => ids.add(processIdOf(client)));
  pool.on("remove", (client) => ids.delete(processIdOf(client)));
  return ids;
}

/** `pg` documents it, its types do not have it. */
function processIdOf(client: pg.PoolClient): number {
  return (client as unknown as { readonly processID: number }).processID;
}

function kyselyOver(pool: pg.Pool): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool: withoutBroken(pool) }) });
}

/** Takes a connection out of the pool when something else than the server's answer came of a query: it may never answer. */
function withoutBroken(pool: pg.Pool): PostgresPool {
  return {
    options: {},
    connect: async () => dropWhenBroken(await pool.connect()),
    end: () => pool.end(),
  };
}

function dropWhenBroken(client: pg.PoolClient): PostgresPoolClient {
  let broken = false;
  const query = async (text: string, parameters: readonly unknown[]) => {
    try {
      return await client.query(text, [...parameters]);
    } catch (error) {
      broken ||= !(error instanceof pg.DatabaseError);
      throw error;
    }
  };
  return { query, release: (destroy?: boolean) => client.release(broken || destroy) } as unknown as PostgresPoolClient; // no cursors
}
