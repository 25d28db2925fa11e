import type { Message } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type CreateRouteRequest,
  CreateRouteRequestSchema,
  type DeleteRouteRequest,
  type NamedRoute as ProtoNamedRoute,
  type RoutesService,
  type UpdateRouteRequest,
} from "../../gen/livellm/v1/routes_service_pb.ts";
import { invalidRequest, LivellmError, type Violation } from "../core/error.ts";
import type { NamedRoute } from "../core/named-route.ts";
import type { ProviderDirectory } from "../routing/resolver.ts";
import type { RouteRegistry } from "../routing/route-registry.ts";
import type { RouteDraft } from "../store/route-store.ts";
import type { FurtherChecks } from "./further-checks.ts";
import { createQueue, repeatWhenOvertaken } from "./one-after-another.ts";
import { cutPage, pageAsked } from "./page-token.ts";
import { routeMask } from "./routes-mask.ts";
import { checkNamedRoute, namedRouteToProto, routeDraftFromProto, routeDraftToProto } from "./routes-messages.ts";

export interface RoutesServiceOptions {
  readonly routes: RouteRegistry;
  readonly registry: Pick<ProviderDirectory, "get" | "ids">;
}

/** livellm.v1.RoutesService. The form of single fields (required, lengths, patterns) has been checked before. */
export function createRoutesService(options: RoutesServiceOptions): ServiceImpl<typeof RoutesService> {
  const { routes } = options;
  const inTurn = createQueue();
  return {
    createRoute: async (request) => createRoute(request, options),
    getRoute: async ({ name }) => ({ route: namedRouteToProto(find(name, routes)) }),
    listRoutes: async (request) => {
      const page = pageAsked(request, { defaultSize: 50, maxSize: 500, others: [] });
      const { shown, nextPageToken } = cutPage(routes.list(), page, { keyOf: ({ name }) => name, others: [] });
      return { routes: shown.map(namedRouteToProto), nextPageToken };
    },
    updateRoute: async (request) => {
      const route = await inTurn(() =>
        repeatWhenOvertaken({ etag: request.route?.etag, allowMissing: request.allowMissing }, () =>
          update(request, options),
        ),
      );
      return { route: namedRouteToProto(route) };
    },
    deleteRoute: async (request) => {
      await inTurn(() => repeatWhenOvertaken(request, () => remove(request, routes)));
      return {};
    },
  };
}

/** What is wrong with a route that is to be added, for whoever has found other violations in the request. */
export function routeChecks({ registry }: RoutesServiceOptions): FurtherChecks {
  const check = (message: Message) => {
    const { route } = message as CreateRouteRequest;
    return route?.route ? checkNamedRoute(routeDraftFromProto(route), registry) : [];
  };
  return new Map([[CreateRouteRequestSchema.typeName, check]]);
}

async function createRoute({ route, validateOnly }: CreateRouteRequest, options: RoutesServiceOptions) {
  const draft = routeDraftFromProto(required(route));
  refuse(checkNamedRoute(draft, options.registry));
  if (!validateOnly) return { route: namedRouteToProto(await options.routes.create(draft)) };
  const there = options.routes.get(draft.name);
  if (there && !there.readOnly) throw alreadyThere(draft.name);
  return { route: routeDraftToProto(draft) };
}

async function update(request: UpdateRouteRequest, options: RoutesServiceOptions): Promise<NamedRoute> {
  const given = required(request.route);
  const { routes, registry } = options;
  const current = request.allowMissing ? routes.get(given.name) : find(given.name, routes);
  const { paths, violations } = routeMask.read(given, request.updateMask);
  const all = routeDraftFromProto(given);
  const draft = current ? routeMask.merge(draftOf(current), all, paths) : all;
  if (current) refuseReadOnly(current);
  const missing = current ? routeMask.missing(draftOf(current), all, paths) : [];
  refuse([...violations, ...missing, ...checkNamedRoute(draft, registry)]);
  if (!current) return addMissing(given, draft, routes);
  refuseOther(given.etag, current);
  return routes.update(draft, current.revision);
}

/** AIP-134: with `allow_missing` a route that is not there is made of all fields, whatever the mask. */
function addMissing({ etag }: ProtoNamedRoute, draft: RouteDraft, routes: RouteRegistry): Promise<NamedRoute> {
  if (etag !== "") throw changedMeanwhile(draft.name); // whoever has an etag has seen one, so it was removed
  return routes.create(draft);
}

async function remove(request: DeleteRouteRequest, routes: RouteRegistry): Promise<void> {
  if (request.allowMissing && !routes.get(request.name)) return;
  const current = find(request.name, routes);
  refuseReadOnly(current);
  refuseOther(request.etag, current);
  await routes.delete(current.name, current.revision);
}

function required(route: ProtoNamedRoute | undefined): ProtoNamedRoute {
  if (route) return route;
  throw invalidRequest([{ field: "route", description: "is required", reason: "REQUIRED" }]);
}

function refuse(violations: readonly Violation[]): void {
  if (violations.length > 0) throw invalidRequest(violations);
}

function draftOf(named: NamedRoute): RouteDraft {
  const { readOnly, createTime, updateTime, revision, ...draft } = named;
  return draft;
}

function find(name: string, routes: RouteRegistry): NamedRoute {
  const named = routes.get(name);
  if (named) return named;
  const names = routes.names();
  const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
  const there = names.length > 0 ? `there are: ${names.slice(0, 20).join(", ")}${more}` : "there are none yet";
  throw new LivellmError("not_found", "not_found", `there is no route "${name}"; ${there}`);
}

function refuseReadOnly({ name, readOnly }: NamedRoute): void {
  if (!readOnly) return;
  throw new LivellmError(
    "failed_precondition",
    "invalid_request",
    `route "${name}" comes from the server's configuration and cannot be changed or deleted here; creating a route with ` +
      "the same name hides it until that one is deleted",
  );
}

function refuseOther(etag: string, { name, revision }: NamedRoute): void {
  if (etag !== "" && etag !== revision) throw changedMeanwhile(name);
}

function changedMeanwhile(name: string): LivellmError {
  const message = `route "${name}" has been changed or deleted meanwhile: read it again, and repeat with its new etag`;
  return new LivellmError("aborted", "invalid_request", message);
}

function alreadyThere(name: string): LivellmError {
  const message = `there is a route "${name}" already: change it with UpdateRoute, or choose another name`;
  return new LivellmError("already_exists", "invalid_request", message);
}
