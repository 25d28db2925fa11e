import type { NamedRoute } from "../core/named-route.ts";
import type { RouteDraft, RouteStore } from "../store/route-store.ts";
import { type KeptResources, keepResources } from "./kept-resources.ts";

/** Every named route there is, stored ones and those of the server's own configuration, in memory. */
export type RouteRegistry = KeptResources<RouteDraft, NamedRoute>;

export interface RouteRegistryOptions {
  readonly store: RouteStore;
  /** The read-only ones. */
  readonly configured: readonly NamedRoute[];
  /** Told when the store cannot be read; what was known before stays. */
  readonly warn: (message: string) => void;
  /** As for any kept resources. */
  readonly written?: (() => Promise<void>) | undefined;
}

/** Reads the store once, and throws when that fails; later failures leave the last good state in place. */
export function createRouteRegistry(options: RouteRegistryOptions): Promise<RouteRegistry> {
  return keepResources({ ...options, what: "route", nameOf: ({ name }: NamedRoute) => name });
}
