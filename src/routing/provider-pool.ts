import type { Capabilities, ProviderConnection, ProviderKind } from "../core/provider.ts";
import type { Upstream } from "../core/upstream.ts";

/** A built provider, held while a call uses it. */
export interface Lease extends Disposable {
  readonly capabilities: Capabilities;
}

/** Whose word it is that a provider may be called: an administrator configured it, or a request brought it along. */
export type Provenance = "configured" | "requested";

/** How a provider's connections are made. */
export type Connect = (connection: ProviderConnection, provenance: Provenance, kind: ProviderKind) => Upstream;

/** What a kept provider is found by. Another `version` takes the place of the one before. */
export interface PoolKey {
  readonly key: string;
  readonly version: string;
  readonly provenance: Provenance;
}

interface Built {
  readonly version: string;
  readonly capabilities: Capabilities;
  readonly upstream: Upstream;
  holders: number;
  retired: boolean;
}

/** Enough for every configured provider and the inline ones of the last while. */
const maxBuilt = 1024;

/**
 * Keeps built providers, and so their connections, and hands them out. One that was replaced, or not used for longest, is
 * closed when the last call that holds it has ended.
 */
export class ProviderPool {
  readonly #built = new Map<string, Built>();
  readonly #connect: Connect;

  constructor(connect: Connect) {
    this.#connect = connect;
  }

  /** The provider under this key in this version, built if there is none. */
  lease({ key, version, provenance }: PoolKey, kind: ProviderKind, connection: () => ProviderConnection): Lease {
    let built = this.#built.get(key);
    if (built?.version !== version) {
      this.#retire(key);
      built = { ...this.#build(kind, connection(), provenance), version };
    } else {
      this.#built.delete(key); // and in again, at the end: the first in the map is the one not used for longest
    }
    this.#built.set(key, built);
    this.#evict();
    return this.#hold(built);
  }

  /** A provider that nobody else gets, as for trying out one that is not kept; closed with the lease. */
  trial(kind: ProviderKind, connection: ProviderConnection): Lease {
    const built = this.#build(kind, connection, "configured");
    built.retired = true;
    return this.#hold(built);
  }

  async close(): Promise<void> {
    const all = [...this.#built.values()];
    this.#built.clear();
    await Promise.all(all.map((built) => built.upstream.close()));
  }

  #build(kind: ProviderKind, connection: ProviderConnection, provenance: Provenance): Built {
    const upstream = this.#connect(connection, provenance, kind);
    return { version: "", upstream, capabilities: kind.create(connection, upstream), holders: 0, retired: false };
  }

  #hold(built: Built): Lease {
    let held = true;
    built.holders++;
    return {
      capabilities: built.capabilities,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        built.holders--;
        closeIfUnused(built);
      },
    };
  }

  #evict(): void {
    if (this.#built.size <= maxBuilt) return;
    const [oldest] = this.#built.keys();
    if (oldest !== undefined) this.#retire(oldest);
  }

  #retire(key: string): void {
    const built = this.#built.get(key);
    if (!built) return;
    this.#built.delete(key);
    built.retired = true;
    closeIfUnused(built);
  }
}

function closeIfUnused(built: Built): void {
  if (built.retired && built.holders === 0) void built.upstream.close();
}
