import { statSync } from "node:fs";

/** The database's file is not where it was opened; the message goes on after its name. */
export class FileMoved extends Error {}

/**
 * Remembers which file is at a path, and returns what throws {@link FileMoved} when another one is, or none: SQLite would go on
 * writing into the one that nobody will open again.
 */
export function placeOf(file: string): () => void {
  const opened = statSync(file);
  return () => {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.ino === opened.ino && found.dev === opened.dev) return;
    throw new FileMoved(found ? "has been replaced by another file: start the server again to use that" : "is gone");
  };
}
