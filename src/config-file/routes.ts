import { NamedRouteSchema } from "../../gen/livellm/v1/routes_service_pb.ts";
import type { JsonValue } from "../core/json.ts";
import type { NamedRoute } from "../core/named-route.ts";
import { checkNamedRoute, routeDraftFromProto } from "../services/routes-messages.ts";
import type { FilePath, Finding } from "./mistake.ts";
import { findingsOf, readMessage } from "./read-message.ts";

/** What a file says of its routes. */
export interface FileRoutes {
  readonly routes: readonly NamedRoute[];
  readonly findings: readonly Finding[];
}

/** Reads the items of `routes`, each as CreateRoute takes it. Targets name providers of the file or the environment. */
export function readRoutes(given: readonly JsonValue[], providerIds: readonly string[]): FileRoutes {
  const read = given.map((item, i) => readRoute(item, ["routes", i], providerIds));
  return {
    routes: read.flatMap(({ route }) => route ?? []),
    findings: read.flatMap(({ findings }) => findings),
  };
}

interface ReadRoute {
  readonly route?: NamedRoute;
  readonly findings: readonly Finding[];
}

function readRoute(item: JsonValue, at: FilePath, providerIds: readonly string[]): ReadRoute {
  const { message, findings } = readMessage(NamedRouteSchema, item, at);
  if (!message) return { findings };
  const draft = routeDraftFromProto(message);
  const known = new Set(providerIds);
  const violations = checkNamedRoute(draft, { get: (id) => known.has(id), ids: () => providerIds });
  const all = [...findings, ...findingsOf(withoutResource(violations), at)];
  if (all.length > 0) return { findings: all };
  const started = new Date();
  return {
    route: { ...draft, readOnly: true, createTime: started, updateTime: started, revision: "file" },
    findings: [],
  };
}

/** The paths of a request begin with the field that holds the resource. */
function withoutResource(violations: ReturnType<typeof checkNamedRoute>) {
  return violations.map(({ field, description }) => ({ field: field.replace(/^route\./, ""), description }));
}
