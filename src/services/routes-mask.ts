import { isFieldSet } from "@bufbuild/protobuf";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { NamedRouteSchema, type NamedRoute as ProtoNamedRoute } from "../../gen/livellm/v1/routes_service_pb.ts";
import type { Violation } from "../core/error.ts";
import type { RouteDraft } from "../store/route-store.ts";

/** What a mask may name, by its name in the contract; of labels also one entry, as `labels.team`. */
const fields = new Map<string, Exclude<keyof RouteDraft, "name">>([
  ["display_name", "displayName"],
  ["route", "route"],
  ["labels", "labels"],
]);

/** Output only, and the etag, which is compared and not written. */
const ignored: ReadonlySet<string> = new Set(["read_only", "create_time", "update_time", "etag"]);

const label = "labels.";

/**
 * Reads `UpdateRouteRequest.update_mask`. Without one (an empty one is none), what is set in the route; `*` is everything.
 */
export function changedRoutePaths(
  given: ProtoNamedRoute,
  mask: FieldMask | undefined,
): { readonly paths: readonly string[]; readonly violations: readonly Violation[] } {
  const named = mask?.paths ?? [];
  const asked =
    named.length === 0 ? setFields(given) : named.flatMap((path) => (path === "*" ? [...fields.keys()] : path));
  return {
    paths: asked.filter((path) => fields.has(path) || isLabel(path)),
    violations: asked.flatMap((path) => pathViolation(path) ?? []),
  };
}

/** The current route with the changed fields from the given one. */
export function mergeRoute(current: RouteDraft, given: RouteDraft, paths: readonly string[]): RouteDraft {
  return paths.reduce((draft, path) => mergeField(draft, given, path), current);
}

function mergeField(draft: RouteDraft, given: RouteDraft, path: string): RouteDraft {
  const field = fields.get(path);
  if (field) return { ...draft, [field]: given[field] };
  const key = path.slice(label.length);
  const { [key]: _, ...others } = draft.labels;
  return {
    ...draft,
    labels: Object.hasOwn(given.labels, key) ? { ...others, [key]: given.labels[key] ?? "" } : others,
  };
}

function setFields(given: ProtoNamedRoute): readonly string[] {
  const set = NamedRouteSchema.fields.filter((field) => isFieldSet(given, field)).map(({ name }) => name);
  return set.filter((name) => fields.has(name));
}

function isLabel(path: string): boolean {
  return path.startsWith(label) && path.length > label.length;
}

function pathViolation(path: string): Violation | undefined {
  if (fields.has(path) || ignored.has(path) || isLabel(path)) return undefined;
  if (path === "name") return { field: "updateMask", description: "name cannot be changed", reason: "IMMUTABLE" };
  const description = `there is no field "${path}" to change; there are: displayName, route, labels, or * for all`;
  return { field: "updateMask", description, reason: "UNKNOWN" };
}
