import type { ContextValues } from "@connectrpc/connect";
import type { Route as ProtoRoute } from "../../gen/livellm/v1/route_pb.ts";
import { callerAccess } from "../access/principal.ts";
import { routeFromProto } from "../messages/route.ts";
import type { AskedRoute } from "../routing/allowed-targets.ts";
import { observationKey } from "../telemetry/observation-key.ts";

/** The route of a call with what its caller may use, and who watches it: what every plan is made of. */
export function askedRoute(route: ProtoRoute | undefined, values: ContextValues): AskedRoute {
  return { ...routeFromProto(route), access: callerAccess(values), observation: values.get(observationKey) };
}
