import type { Kysely } from "kysely";
import type { ChangeFeed } from "./change-feed.ts";
import type { FailedQuery } from "./outage.ts";
import type { Tables } from "./tables.ts";

/** A database that is opened, and what differs from one kind to another. */
export interface OpenDatabase {
  readonly db: Kysely<Tables>;
  /** Whether servers elsewhere may use it as well. */
  readonly shared: boolean;
  /** What messages call it: a file, or an address without its password. */
  readonly name: string;
  /** What other processes change in it. */
  readonly changes: ChangeFeed;
  /** Brings it to the newest form; of several servers that start at once, one does it and the others wait. */
  readonly migrate: () => Promise<void>;
  /** Why a query has failed, without a word of what it was to write. */
  readonly explain: (error: unknown) => FailedQuery;
}
