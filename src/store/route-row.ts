import { LivellmError } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { RouteDraft } from "./route-store.ts";

/** A row of the table `route`, the same in every database: JSON as text, times in milliseconds since 1970. */
export interface RouteRow {
  readonly name: string;
  /** Everything that is not a column of its own. A route holds no secrets: inline providers are not kept. */
  readonly config: string;
  readonly revision: string;
  readonly create_time: number;
  readonly update_time: number;
}

type StoredRoute = Omit<RouteDraft, "name">;

/** What the database keeps of a route. */
export function routeConfigOf({ name: _, ...config }: RouteDraft): string {
  return JSON.stringify(config satisfies StoredRoute);
}

/** The route that a row holds. Throws `internal` when it was not written by us. */
export function routeFromRow(row: RouteRow): NamedRoute {
  const config = parseJson(row.config);
  if (!isJsonObject(config)) {
    const message = `the stored route "${row.name}" cannot be read: its configuration is not a JSON object`;
    throw new LivellmError("internal", "internal", message);
  }
  return {
    ...emptyRoute,
    ...(config as Partial<StoredRoute>),
    name: row.name,
    readOnly: false,
    createTime: new Date(row.create_time),
    updateTime: new Date(row.update_time),
    revision: row.revision,
  };
}

/** Rows written before a field existed read as if it were not set. */
export const emptyRoute: StoredRoute = { displayName: "", route: { targets: [] }, labels: {} };

/** Undefined when it is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
