import type { Outage } from "./outage.ts";

/** What can be followed, by the names of the tables. */
export type FollowedTable = "provider" | "route" | "token";

/** Tells what other processes have changed in the database. */
export interface ChangeFeed {
  /**
   * Calls back with the table that another process has changed, or with none when it may be any of them. It may call too
   * often, and late by so much as the database makes it. Called once; what is called must not throw. Trouble that is part of
   * the outage is not told again. Resolves when it follows, or will as soon as the database lets it.
   */
  follow(changed: (table?: FollowedTable) => void, outage: Pick<Outage, "away">): Promise<void>;
  /** Calls back no more. */
  close(): Promise<void>;
}

/** For a database that no other process sees. */
export const noChanges: ChangeFeed = { follow: async () => undefined, close: async () => undefined };
