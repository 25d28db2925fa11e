import { NamedRouteSchema } from "../../gen/livellm/v1/routes_service_pb.ts";
import type { RouteDraft } from "../store/route-store.ts";
import { createUpdateMask } from "./update-mask.ts";

/** What `UpdateRouteRequest.update_mask` may name. */
export const routeMask = createUpdateMask<typeof NamedRouteSchema, RouteDraft>({
  schema: NamedRouteSchema,
  changeable: ["displayName", "route", "labels"],
  immutable: ["name"],
  ignored: ["readOnly", "createTime", "updateTime", "etag"],
});
