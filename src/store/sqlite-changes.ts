import type { DatabaseSync } from "node:sqlite";
import type { ChangeFeed } from "./change-feed.ts";

/** How often a file is looked at, in milliseconds: four times a second costs 2 µs each. */
const usualPollMs = 250;

/**
 * Tells when another connection has written to a SQLite file: SQLite counts that (https://sqlite.org/pragma.html,
 * data_version), but says nothing by itself, and not which table it was. Own writes are not counted.
 */
export function pollSqliteChanges(database: DatabaseSync, pollMs = usualPollMs): ChangeFeed {
  const statement = database.prepare("pragma data_version");
  let timer: NodeJS.Timeout | undefined;
  return {
    async follow(changed) {
      let seen = versionOf(statement.get());
      const look = () => {
        const version = versionIn(() => statement.get());
        if (version !== undefined && version === seen) return;
        seen = version;
        changed();
      };
      timer = setInterval(look, pollMs).unref();
    },
    async close() {
      clearInterval(timer);
    },
  };
}

/** Undefined when the file cannot be read just now: whoever is told reads it, and finds out what is wrong. */
function versionIn(read: () => Readonly<Record<string, unknown>> | undefined): unknown {
  try {
    return versionOf(read());
  } catch {
    return undefined;
  }
}

function versionOf(row: Readonly<Record<string, unknown>> | undefined): unknown {
  return row?.data_version;
}
