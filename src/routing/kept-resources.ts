import { LivellmError } from "../core/error.ts";

/** A store of resources that have names. */
export interface ResourceStore<Draft, Resource> {
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
  /** Stops following the store, which stays open. */
  close(): void;
}

export interface KeptResourcesOptions<Draft, Resource> {
  readonly store: ResourceStore<Draft, Resource>;
  /** The read-only ones. */
  readonly configured: readonly Resource[];
  readonly nameOf: (resource: Resource) => string;
  /** What is kept, for messages: `provider`. */
  readonly what: string;
  /** Told when the store cannot be read; what was known before stays. */
  readonly warn: (message: string) => void;
}

/** Reads the store once, and throws when that fails; later failures leave the last good state in place. */
export async function keepResources<Draft, Resource>(
  options: KeptResourcesOptions<Draft, Resource>,
): Promise<KeptResources<Draft, Resource>> {
  const { store, what, nameOf } = options;
  const snapshot = new Snapshot(options.configured, await store.list(), nameOf);
  let closed = false;

  const refresh = async (): Promise<void> => {
    try {
      const { version } = snapshot;
      const listed = await store.list();
      // A change that came in while it was read may not be in what was read.
      if (version !== snapshot.version) return await refresh();
      snapshot.replace(listed);
    } catch (error) {
      if (!closed) options.warn(`the ${what} store cannot be read, so its last known state stays: ${messageOf(error)}`);
    }
  };
  const unsubscribe = store.subscribe(() => void refresh());

  /** A write that fails because of what somebody else did shows that what is known here is old. */
  const write = async <Result>(change: () => Promise<Result>): Promise<Result> => {
    try {
      return await change();
    } catch (error) {
      await refresh();
      throw error;
    }
  };
  const put = (resource: Resource) => {
    snapshot.put(resource);
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
    },
    close: () => {
      closed = true;
      unsubscribe();
    },
  };
}

/** What the store held when it was last seen, and that laid over the configured ones, sorted by name. */
class Snapshot<Resource> {
  readonly #nameOf: (resource: Resource) => string;
  readonly #configured: readonly Resource[];
  #stored: ReadonlyMap<string, Resource>;
  merged: ReadonlyMap<string, Resource>;
  /** Changes with every change. */
  version = 0;

  constructor(configured: readonly Resource[], stored: readonly Resource[], nameOf: (resource: Resource) => string) {
    this.#nameOf = nameOf;
    this.#configured = configured;
    this.#stored = this.#byName(stored);
    this.merged = this.#merge();
  }

  replace(stored: readonly Resource[]): void {
    this.#set(this.#byName(stored));
  }

  put(resource: Resource): void {
    this.#set(new Map(this.#stored).set(this.#nameOf(resource), resource));
  }

  remove(name: string): void {
    this.#set(new Map([...this.#stored].filter(([key]) => key !== name)));
  }

  #set(stored: ReadonlyMap<string, Resource>): void {
    this.#stored = stored;
    this.merged = this.#merge();
    this.version++;
  }

  #merge(): ReadonlyMap<string, Resource> {
    const all = new Map([...this.#byName(this.#configured), ...this.#stored]);
    // By code unit, as the pages of a list compare them.
    return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  #byName(resources: readonly Resource[]): ReadonlyMap<string, Resource> {
    return new Map(resources.map((resource) => [this.#nameOf(resource), resource]));
  }
}

function messageOf(error: unknown): string {
  return error instanceof LivellmError ? error.message : "an unexpected error";
}
