import { LivellmError } from "../core/error.ts";
import type { StoreLog } from "./store-log.ts";

/** Why a query has failed. */
export interface FailedQuery {
  /** Whether the database is away, so that every query fails until it is back. */
  readonly away: boolean;
  /** Whether that may pass by itself, as when the database starts. */
  readonly passes: boolean;
  /** Whether it goes on to answer who only reads. */
  readonly onlyReads?: boolean;
  /** What the database does, or cannot do, behind its name: `cannot be reached`. Without a word of what was to be written. */
  readonly reason: string;
}

/**
 * Runs a query. What it throws is a `LivellmError`: its own, or `unavailable`. The database's own errors may quote what was to
 * be written, so their words stay in the cause.
 */
export type RunQuery = <Result>(query: () => Promise<Result>) => Promise<Result>;

export interface OutageOptions {
  /** What the database is called. */
  readonly name: string;
  readonly explain: (error: unknown) => FailedQuery;
  readonly log: StoreLog;
  /** Writes nothing, and rejects as long as nothing can be written. */
  readonly tryWriting: () => Promise<unknown>;
}

/** Knows whether the database is away, and tells the operator once when it goes, and once when it is back. */
export interface Outage {
  readonly run: RunQuery;
  readonly away: () => boolean;
  /** Refuses what is asked from now on, and says nothing more. */
  readonly close: () => void;
}

export function createOutage({ name, explain, log, tryWriting }: OutageOptions): Outage {
  let since: number | undefined;
  let onlyReads = false;
  let closed = false;
  const failed = ({ away, reason, ...failure }: FailedQuery) => {
    if (closed) return;
    onlyReads ||= failure.onlyReads ?? false;
    if (!away) log.warn(`the database ${name} ${reason}`);
    if (!away || since !== undefined) return;
    since = performance.now();
    log.warn(
      `the database ${name} ${reason}. Calls go on with what was last known of providers, routes and tokens; changes of ` +
        "them are refused until it is back, and it is tried again all the time",
    );
  };
  const succeeded = async () => {
    if (since === undefined) return;
    // What can be read tells nothing then.
    if (onlyReads && !(await canWrite())) return;
    const seconds = ((performance.now() - since) / 1000).toFixed(1);
    since = undefined;
    onlyReads = false;
    log.info(`the database ${name} is back after ${seconds} s`);
  };
  const canWrite = () =>
    tryWriting().then(
      () => true,
      () => false,
    );
  return {
    away: () => since !== undefined,
    close: () => {
      closed = true;
    },
    run: async (query) => {
      if (closed) throw storeClosed();
      try {
        const result = await query();
        await succeeded();
        return result;
      } catch (error) {
        if (error instanceof LivellmError) throw error;
        const why = explain(error);
        failed(why);
        throw why.away ? databaseAway(error) : queryFailed(error);
      }
    },
  };
}

function storeClosed(): LivellmError {
  return new LivellmError("unavailable", "internal", "the server is stopping, and has closed its database");
}

function databaseAway(cause: unknown): LivellmError {
  const message =
    "the database of this server cannot be reached at the moment: calls of models go on, providers, routes and tokens " +
    "cannot be changed. Try again later, and look first whether a change that was under way has been made";
  return new LivellmError("unavailable", "internal", message, { cause });
}

function queryFailed(cause: unknown): LivellmError {
  const message = "the database of this server has refused the query; the server's log says why";
  return new LivellmError("unavailable", "internal", message, { cause });
}
