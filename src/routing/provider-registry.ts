import { LivellmError } from "../core/error.ts";
import type { ProviderConfig, ProviderKind } from "../core/provider.ts";
import type { ProviderDraft, ProviderStore } from "../store/provider-store.ts";
import type { ProviderDirectory } from "./resolver.ts";

/**
 * Every provider there is, stored ones and those of the server's own configuration, in memory: reading never waits. A
 * stored one hides a configured one with the same id until it is deleted. Writes go through to the store, and the very
 * next `get` shows them.
 */
export interface ProviderRegistry extends ProviderDirectory {
  /** By id. */
  list(): readonly ProviderConfig[];
  /** `already_exists` when the store has the id. */
  create(draft: ProviderDraft): Promise<ProviderConfig>;
  /** `aborted` when its revision is not the expected one, `not_found` when the store has none. */
  update(draft: ProviderDraft, expectedRevision: string): Promise<ProviderConfig>;
  /** `aborted` when its revision is not the expected one, `not_found` when the store has none. */
  delete(id: string, expectedRevision: string): Promise<void>;
  /** Stops following the store, which stays open. */
  close(): void;
}

export interface ProviderRegistryOptions {
  readonly store: ProviderStore;
  /** The read-only ones: from the environment, and `local`. */
  readonly configured: readonly ProviderConfig[];
  readonly kinds: ReadonlyMap<string, ProviderKind>;
  /** Told when the store cannot be read; what was known before stays. */
  readonly warn: (message: string) => void;
}

/** Reads the store once, and throws when that fails; later failures leave the last good state in place. */
export async function createProviderRegistry(options: ProviderRegistryOptions): Promise<ProviderRegistry> {
  const { store, kinds } = options;
  const snapshot = new Snapshot(options.configured, await store.list());
  let closed = false;

  const refresh = async (): Promise<void> => {
    try {
      const { version } = snapshot;
      const listed = await store.list();
      // A change that came in while it was read may not be in what was read.
      if (version !== snapshot.version) return await refresh();
      snapshot.replace(listed);
    } catch (error) {
      if (!closed)
        options.warn(`the provider store cannot be read, so its last known state stays: ${messageOf(error)}`);
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
  const put = (config: ProviderConfig) => {
    snapshot.put(config);
    return config;
  };

  return {
    get: (id) => snapshot.merged.get(id),
    list: () => [...snapshot.merged.values()],
    ids: () => [...snapshot.merged.keys()],
    kind: (name) => kinds.get(name),
    kinds: () => [...kinds.keys()].sort(),
    create: async (draft) => put(await write(() => store.create(draft))),
    update: async (draft, expectedRevision) => put(await write(() => store.update(draft, expectedRevision))),
    delete: async (id, expectedRevision) => {
      await write(() => store.delete(id, expectedRevision));
      snapshot.remove(id);
    },
    close: () => {
      closed = true;
      unsubscribe();
    },
  };
}

/** What the store held when it was last seen, and that laid over the configured providers, sorted by id. */
class Snapshot {
  readonly #configured: readonly ProviderConfig[];
  #stored: ReadonlyMap<string, ProviderConfig>;
  merged: ReadonlyMap<string, ProviderConfig>;
  /** Changes with every change. */
  version = 0;

  constructor(configured: readonly ProviderConfig[], stored: readonly ProviderConfig[]) {
    this.#configured = configured;
    this.#stored = byId(stored);
    this.merged = this.#merge();
  }

  replace(stored: readonly ProviderConfig[]): void {
    this.#set(byId(stored));
  }

  put(config: ProviderConfig): void {
    this.#set(new Map(this.#stored).set(config.id, config));
  }

  remove(id: string): void {
    this.#set(new Map([...this.#stored].filter(([key]) => key !== id)));
  }

  #set(stored: ReadonlyMap<string, ProviderConfig>): void {
    this.#stored = stored;
    this.merged = this.#merge();
    this.version++;
  }

  #merge(): ReadonlyMap<string, ProviderConfig> {
    const all = new Map([...byId(this.#configured), ...this.#stored]);
    // By code unit, as the pages of ListProviders compare them.
    return new Map([...all].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

function byId(configs: readonly ProviderConfig[]): ReadonlyMap<string, ProviderConfig> {
  return new Map(configs.map((config) => [config.id, config]));
}

function messageOf(error: unknown): string {
  return error instanceof LivellmError ? error.message : "an unexpected error";
}
