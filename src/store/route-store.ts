import { LivellmError } from "../core/error.ts";
import type { NamedRoute } from "../core/named-route.ts";

/** A named route as a caller writes it: everything but what the store, or the server's own configuration, decides. */
export type RouteDraft = Omit<NamedRoute, "readOnly" | "createTime" | "updateTime" | "revision">;

/** Keeps the named routes, as {@link ProviderStore} keeps providers; it is closed with that. */
export interface RouteStore {
  /** All of them, by name. */
  list(): Promise<readonly NamedRoute[]>;
  get(name: string): Promise<NamedRoute | undefined>;
  /** The revision of each, by name: tells what has changed without reading all of it. */
  revisions(): Promise<ReadonlyMap<string, string>>;
  /** `already_exists` when the name is taken. */
  create(draft: RouteDraft): Promise<NamedRoute>;
  /**
   * Replaces all of the route but its create time. `aborted` when its revision is not the expected one, `not_found` when
   * there is none. The revision of the answer has never been used before.
   */
  update(draft: RouteDraft, expectedRevision: string): Promise<NamedRoute>;
  /** `aborted` when its revision is not the expected one, `not_found` when there is none. */
  delete(name: string, expectedRevision: string): Promise<void>;
  /** As that of {@link ProviderStore}. */
  subscribe(listener: () => void): () => void;
}

/** A route with this name is there already. */
export function routeExists(name: string): LivellmError {
  return new LivellmError(
    "already_exists",
    "invalid_request",
    `there is a route "${name}" already: change it with UpdateRoute, or choose another name`,
  );
}

/** Somebody else has changed, or removed, the route since the caller read it. */
export function routeChanged(name: string): LivellmError {
  return new LivellmError(
    "aborted",
    "invalid_request",
    `route "${name}" has been changed meanwhile: read it again and repeat the change with its new etag`,
  );
}

/** The route is not in the store. */
export function routeGone(name: string): LivellmError {
  return new LivellmError("not_found", "not_found", `there is no stored route "${name}"`);
}
