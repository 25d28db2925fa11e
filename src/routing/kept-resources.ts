import { LivellmError } from "../core/error.ts";
import { createChangeReader, type Revised, type RevisedStore } from "./changed-resources.ts";
import { KeptSnapshot } from "./kept-snapshot.ts";
import { oneAtATime } from "./one-at-a-time.ts";

/** A store of resources that have names. */
export interface ResourceStore<Draft, Resource extends Revised> extends RevisedStore<Resource> {
  list(): Promise<readonly Resource[]>;
  create(draft: Draft): Promise<Resource>;
  update(draft: Draft, expectedRevision: string): Promise<Resource>;
  delete(name: string, expectedRevision: string): Promise<void>;
  subscribe(listener: () => void): () => void;
}

/**
 * Every resource there is, stored ones and those of the server's own configuration, in memory: reading never waits. A stored
 * one hides a configured one with the same name until it is deleted. Writes go through to the store, and the very next `get`
 * shows them.
 */
export interface KeptResources<Draft, Resource> {
  get(name: string): Resource | undefined;
  /** By name, in the order of code units. */
  list(): readonly Resource[];
  names(): readonly string[];
  /** `already_exists` when the store has the name. */
  create(draft: Draft): Promise<Resource>;
  /** `aborted` when its revision is not the expected one, `not_found` when the store has none. */
  update(draft: Draft, expectedRevision: string): Promise<Resource>;
  /** `aborted` when its revision is not the expected one, `not_found` when the store has none. */
  delete(name: string, expectedRevision: string): Promise<void>;
  /** Reads what others have changed until now; what it resolves after is known here. Never rejects. */
  refresh(): Promise<void>;
  /** Stops following the store, which stays open. */
  close(): void;
}

export interface KeptResourcesOptions<Draft, Resource extends Revised> {
  readonly store: ResourceStore<Draft, Resource>;
  /** The read-only ones. */
  readonly configured: readonly Resource[];
  readonly nameOf: (resource: Resource) => string;
  /** What is kept, for messages: `provider`. */
  readonly what: string;
  /** Told when the store cannot be read, though its database is there; what was known before stays. */
  readonly warn: (message: string) => void;
  /** Told of each change that is made here, which is done when it resolves: to let others know at once. Never rejects. */
  readonly written?: (() => Promise<void>) | undefined;
}

/**
 * Reads the store once, and throws when that fails; later failures leave the last good state in place. What others change is
 * read when the store tells of it.
 */
export async function keepResources<Draft, Resource extends Revised>(
  options: KeptResourcesOptions<Draft, Resource>,
): Promise<KeptResources<Draft, Resource>> {
  const { store, what, nameOf, warn } = options;
  const snapshot = new KeptSnapshot(options.configured, await store.list(), nameOf);
  const readChanged = createChangeReader(store, warn);
  let closed = false;
  let stale = false;

  /** A change that comes in while the store is read may not be in what was read. */
  const catchUp = async (): Promise<void> => {
    const { version } = snapshot;
    const changed = await readChanged(snapshot.stored);
    if (version !== snapshot.version) return await catchUp();
    if (changed) snapshot.replace(changed);
  };
  const refresh = oneAtATime(async () => {
    try {
      await catchUp();
      stale = false;
    } catch (error) {
      const known = closed || stale || isAway(error);
      if (!known) warn(`the ${what} store cannot be read, so its last known state stays: ${messageOf(error)}`);
      stale = true;
    }
  });
  const unsubscribe = store.subscribe(() => void refresh());

  /** A write that fails because of what somebody else did shows that what is known here is old. */
  const write = async <Result>(change: () => Promise<Result>): Promise<Result> => {
    try {
      return await change();
    } catch (error) {
      if (!isAway(error)) await refresh();
      throw error;
    }
  };
  const put = async (resource: Resource) => {
    snapshot.put(resource);
    await options.written?.();
    return resource;
  };

  return {
    get: (name) => snapshot.merged.get(name),
    list: () => [...snapshot.merged.values()],
    names: () => [...snapshot.merged.keys()],
    create: async (draft) => put(await write(() => store.create(draft))),
    update: async (draft, expectedRevision) => put(await write(() => store.update(draft, expectedRevision))),
    delete: async (name, expectedRevision) => {
      await write(() => store.delete(name, expectedRevision));
      snapshot.remove(name);
      await options.written?.();
    },
    refresh,
    close: () => {
      closed = true;
      unsubscribe();
    },
  };
}

/** The database is away, which the store says itself. */
function isAway(error: unknown): boolean {
  return error instanceof LivellmError && error.code === "unavailable";
}

function messageOf(error: unknown): string {
  return error instanceof LivellmError ? error.message : "an unexpected error";
}
