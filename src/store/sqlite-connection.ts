import { setTimeout as wait } from "node:timers/promises";
import type { CompiledQuery, DatabaseConnection, QueryResult } from "kysely";
import { isBusy } from "./sqlite-errors.ts";

export interface PatientConnectionOptions {
  /** How long to wait for another process that is writing to the same file, in milliseconds. */
  readonly busyTimeoutMs: number;
  /** Throws when the file is not the one that was opened any more. */
  readonly assertInPlace: () => void;
}

/** How often a file that somebody else writes to is tried, in milliseconds. */
const retryMs = 20;

/** A connection that waits without holding up the process: SQLite's own busy timeout sleeps, and every call with it. */
export function patientConnection(
  connection: DatabaseConnection,
  { busyTimeoutMs, assertInPlace }: PatientConnectionOptions,
): DatabaseConnection {
  // Of the file, not of one query: those that wait behind another are not to wait as long once more.
  let busySince: number | undefined;
  return {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      for (;;) {
        try {
          assertInPlace();
          const result = await connection.executeQuery<Row>(query);
          busySince = undefined;
          return result;
        } catch (error) {
          if (!isBusy(error)) throw error;
          busySince ??= performance.now();
          if (performance.now() - busySince > busyTimeoutMs) throw error;
        }
        await wait(retryMs);
      }
    },
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  };
}
