import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { RouteSchema } from "../../gen/livellm/v1/route_pb.ts";
import type { NamedRouteSchema, NamedRoute as ProtoNamedRoute } from "../../gen/livellm/v1/routes_service_pb.ts";
import type { Violation } from "../core/error.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { Route } from "../core/route.ts";
import { durationToProto, routeFromProto, strategyToProto, targetToProto } from "../messages/route.ts";
import type { RouteDraft } from "../store/route-store.ts";

/** A route as the caller wrote it; output only fields are left out. */
export function routeDraftFromProto({ name, displayName, route, labels }: ProtoNamedRoute): RouteDraft {
  return { name, displayName, route: routeFromProto(route), labels };
}

/** A kept route. */
export function namedRouteToProto(named: NamedRoute): MessageInitShape<typeof NamedRouteSchema> {
  return {
    ...routeDraftToProto(named),
    readOnly: named.readOnly,
    createTime: timestampFromDate(named.createTime),
    updateTime: timestampFromDate(named.updateTime),
    etag: named.revision,
  };
}

/** A route that was checked and is not kept: without times and etag. */
export function routeDraftToProto(draft: RouteDraft): MessageInitShape<typeof NamedRouteSchema> {
  const { name, displayName, labels, route } = draft;
  return { name, displayName, labels: { ...labels }, route: routeToProto(route) };
}

function routeToProto(route: Route): MessageInitShape<typeof RouteSchema> {
  return {
    targets: route.targets.map(targetToProto),
    strategy: strategyToProto(route.strategy),
    attemptTimeout: durationToProto(route.attemptTimeoutMs),
    stallTimeout: durationToProto(route.stallTimeoutMs),
    stagger: durationToProto(route.staggerMs),
  };
}

/** Which providers a route may name. */
interface KnownProviders {
  get(id: string): unknown;
  ids(): readonly string[];
}

/** What is wrong with a route beyond the form of its fields. */
export function checkNamedRoute({ route }: RouteDraft, providers: KnownProviders): Violation[] {
  const path = "route.route";
  if (route.name) {
    const description = "cannot be kept: a route that is kept under a name has targets of its own";
    return [{ field: `${path}.name`, description, reason: "UNSUPPORTED" }];
  }
  if (route.targets.length === 0) {
    return [{ field: `${path}.targets`, description: "is required: at least one target", reason: "REQUIRED" }];
  }
  return route.targets.flatMap(({ provider, inlineProvider }, i): Violation[] => {
    const target = `${path}.targets[${i}]`;
    if (inlineProvider) {
      const description = "cannot be kept in a route: add it as a provider of its own and name that";
      return [{ field: `${target}.inlineProvider`, description, reason: "UNSUPPORTED" }];
    }
    if (provider === "" || providers.get(provider)) return [];
    const description = `there is no provider "${provider}"; there are: ${providers.ids().slice(0, 20).join(", ")}`;
    return [{ field: `${target}.provider`, description, reason: "UNKNOWN" }];
  });
}
