import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import { announcedTable, changeChannel } from "./announcements.ts";
import type { ChangeFeed, FollowedTable } from "./change-feed.ts";
import type { StoreLog } from "./store-log.ts";

export interface ListeningOptions {
  /** A new connection, not yet connected. */
  readonly open: () => pg.Client;
  /** Of the server's processes those that work for this one: its own changes are known. */
  readonly own: ReadonlySet<number>;
  /** What messages call the database. */
  readonly name: string;
  readonly log: StoreLog;
}

/** How often the connection is tried, in milliseconds: a network that drops everything looks like peace otherwise. */
const pingMs = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 5_000;
/** How long closing may take, in milliseconds, when the other side does not answer. */
const closeMs = 1_000;

/**
 * Tells of changes as PostgreSQL announces them, on a connection of its own, which is made again when it breaks. What was
 * announced meanwhile is lost, so everything may have changed then.
 */
export function listenForChanges({ open, own, name, log }: ListeningOptions): ChangeFeed {
  const closing = new AbortController();
  const { signal } = closing;
  let ended: Promise<void> = Promise.resolve();
  return {
    follow: (changed, { away }) => {
      const silence = createSilence({ name, log });
      const tried = Promise.withResolvers<void>();
      const deaf = (failures: number) => {
        tried.resolve();
        changed(); // so that whoever reads the database finds out whether it is away
        if (failures > 2 && !away()) silence.begins();
      };
      const heard = () => {
        tried.resolve();
        silence.ends();
      };
      const listenOnce = (listening: () => void) => listen(open(), { own, changed, listening }, signal);
      ended = keepListening({ listen: listenOnce, heard, missed: changed, deaf, signal });
      return tried.promise;
    },
    close: async () => {
      closing.abort();
      await Promise.race([ended, delay(closeMs, undefined, { ref: false })]);
    },
  };
}

interface Listening {
  /** Listens until the connection ends; calls back when it does listen. */
  readonly listen: (listening: () => void) => Promise<void>;
  /** It listens. */
  readonly heard: () => void;
  /** It has not listened for a while. */
  readonly missed: () => void;
  /** It does not listen any more, or could not, so many times in a row. */
  readonly deaf: (failures: number) => void;
  readonly signal: AbortSignal;
}

async function keepListening({ listen, heard, missed, deaf, signal }: Listening): Promise<void> {
  let failures = 0;
  let first = true;
  const listening = () => {
    heard();
    if (!first) missed();
    failures = 0;
  };
  while (!signal.aborted) {
    await listen(listening).catch(() => failures++);
    if (signal.aborted) return;
    first = false;
    deaf(failures);
    await pause(failures, signal);
  }
}

/** Longer after every failure, and not the same for all servers. */
async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const ms = Math.min(firstPauseMs * 2 ** failures, longestPauseMs) * (0.5 + Math.random() / 2);
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined); // aborted: the caller looks
}

interface Ears {
  readonly own: ReadonlySet<number>;
  readonly changed: (table?: FollowedTable) => void;
  readonly listening: () => void;
}

/** Resolves when the connection has ended, throws when it could not listen. */
async function listen(client: pg.Client, { own, changed, listening }: Ears, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve) => client.once("end", resolve));
  client.on("error", () => undefined); // its end follows
  client.on("notification", ({ payload, processId }) => {
    const table = announcedTable(payload);
    if (table && !own.has(processId)) changed(table);
  });
  const end = () => void client.end().catch(() => undefined); // what is gone need not be ended
  const ping = setInterval(() => client.query("select 1").catch(end), pingMs).unref();
  signal.addEventListener("abort", end);
  try {
    // Ended while it connects, it says nothing of that.
    await Promise.race([client.connect(), ended.then(() => Promise.reject(new Error("ended")))]);
    await client.query(`listen ${changeChannel}`);
    listening();
    await ended;
  } finally {
    clearInterval(ping);
    signal.removeEventListener("abort", end);
    end();
  }
}

/** Says once that announcements are not heard, and once that they are again. */
function createSilence({ name, log }: Pick<ListeningOptions, "name" | "log">) {
  let silent = false;
  return {
    begins: () => {
      if (!silent)
        log.warn(`cannot listen to the database ${name}: changes made by other servers are seen late, within 10 s`);
      silent = true;
    },
    ends: () => {
      if (silent) log.info(`listening to the database ${name} again`);
      silent = false;
    },
  };
}
