import { LivellmError } from "../core/error.ts";

/** Something whose revision changes whenever it does. */
export interface Revised {
  readonly revision: string;
}

/** A store that can tell what has changed without giving all of it. */
export interface RevisedStore<Resource extends Revised> {
  /** By name. */
  revisions(): Promise<ReadonlyMap<string, string>>;
  get(name: string): Promise<Resource | undefined>;
}

/** What is known, as it is in the store now; undefined when it is the same. */
export type ChangeReader<Resource> = (
  known: ReadonlyMap<string, Resource>,
) => Promise<ReadonlyMap<string, Resource> | undefined>;

/** How many are read at once: what others ask of the database meanwhile gets its turn. */
const readAtOnce = 50;

/**
 * Reads of a store what has another revision than is known. One that is there and cannot be read stays as it was known, and
 * `warn` is told once. Throws what the store does when it cannot tell the revisions.
 */
export function createChangeReader<Resource extends Revised>(
  store: RevisedStore<Resource>,
  warn: (message: string) => void,
): ChangeReader<Resource> {
  const unreadable = new Map<string, string>();
  return async (known) => {
    const revisions = await store.revisions();
    const gone = [...known.keys()].filter((name) => !revisions.has(name));
    const changed = [...revisions].filter(([name, revision]) => {
      return known.get(name)?.revision !== revision && unreadable.get(name) !== revision;
    });
    if (gone.length === 0 && changed.length === 0) return undefined;
    const now = new Map([...known].filter(([name]) => revisions.has(name)));
    for (const batch of batches(changed)) {
      await Promise.all(batch.map((each) => readInto(now, each)));
    }
    return now;
  };

  async function readInto(now: Map<string, Resource>, [name, revision]: readonly [string, string]): Promise<void> {
    try {
      const resource = await store.get(name);
      if (resource) now.set(name, resource);
      else now.delete(name);
    } catch (error) {
      if (!(error instanceof LivellmError && error.code === "internal")) throw error;
      unreadable.set(name, revision);
      warn(`${error.message}; what was known of it before stays`);
    }
  }
}

function batches<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / readAtOnce);
  return Array.from({ length: count }, (_, i) => items.slice(i * readAtOnce, (i + 1) * readAtOnce));
}
