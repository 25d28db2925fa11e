import type { FailedQuery } from "./outage.ts";
import { FileMoved } from "./sqlite-place.ts";

const busy = 5;
const readOnly = 8;

/** The primary codes of https://sqlite.org/rescode.html that tell of the file's surroundings, and not of a query. */
const surroundings: ReadonlySet<number | undefined> = new Set([
  busy,
  6, // locked
  readOnly,
  10, // input and output
  11, // corrupt
  13, // full
  14, // cannot open
  26, // not a database
]);

/** SQLite's words quote names of tables and columns, which are ours, and never values. */
export function explainSqlite(error: unknown): FailedQuery {
  const words = error instanceof Error ? error.message : String(error);
  if (error instanceof FileMoved) return { away: true, passes: false, reason: words };
  const reason = `has refused a query: ${words}`;
  return {
    away: surroundings.has(codeOf(error)),
    passes: isBusy(error),
    onlyReads: codeOf(error) === readOnly,
    reason,
  };
}

/** Whether another process is writing to the file just now. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === busy;
}

/** Extended codes carry the primary one in 8 bits. */
function codeOf(error: unknown): number | undefined {
  return error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : undefined;
}
