import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";

/**
 * What is wrong with a SQLite file that exists, in SQLite's words; undefined when it is sound. It only reads: a damaged
 * file must stay as it is, since what can be rescued from it may be in its log.
 */
export function findDamage(file: string): string | undefined {
  const url = pathToFileURL(file);
  // Otherwise even reading leaves an empty log and an index of it beside the file. With a log it has to be read as well.
  if (!hasLog(file)) url.searchParams.set("immutable", "1");
  try {
    using database = new DatabaseSync(url, { readOnly: true, timeout: 5000 });
    const [row] = database.prepare("pragma quick_check(1)").all();
    return row?.quick_check === "ok" ? undefined : String(row?.quick_check);
  } catch (error) {
    if (isDamage(error)) return error.message;
    throw error;
  }
}

function hasLog(file: string): boolean {
  return (statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** SQLITE_CORRUPT and SQLITE_NOTADB (https://sqlite.org/rescode.html); extended codes carry the primary in 8 bits. */
function isDamage(error: unknown): error is Error {
  if (!(error instanceof Error && "errcode" in error && typeof error.errcode === "number")) return false;
  return [11, 26].includes(error.errcode & 0xff);
}
