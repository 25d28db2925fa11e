import type { ProviderConfig, ProviderKind } from "../core/provider.ts";
import type { ProviderDraft, ProviderStore } from "../store/provider-store.ts";
import { keepResources } from "./kept-resources.ts";
import type { ProviderDirectory } from "./provider-directory.ts";

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
  /** Reads what others have changed until now. Never rejects. */
  refresh(): Promise<void>;
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
  /** As for any kept resources. */
  readonly written?: (() => Promise<void>) | undefined;
}

/** Reads the store once, and throws when that fails; later failures leave the last good state in place. */
export async function createProviderRegistry(options: ProviderRegistryOptions): Promise<ProviderRegistry> {
  const { kinds } = options;
  const kept = await keepResources({ ...options, what: "provider", nameOf: ({ id }: ProviderConfig) => id });
  return {
    ...kept,
    ids: kept.names,
    kind: (name) => kinds.get(name),
    kinds: () => [...kinds.keys()].sort(),
  };
}
