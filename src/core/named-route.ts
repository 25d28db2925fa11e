import type { Route } from "./route.ts";

/** A route that is kept on the server. `revision` changes with every update, and is its etag. */
export interface NamedRoute {
  /** What callers put into `Route.name`. */
  readonly name: string;
  readonly displayName: string;
  /** Without a name of its own and without inline providers. */
  readonly route: Route;
  readonly labels: Readonly<Record<string, string>>;
  /** True when it comes from the server's own configuration and cannot be changed through the API. */
  readonly readOnly: boolean;
  readonly createTime: Date;
  readonly updateTime: Date;
  readonly revision: string;
}
