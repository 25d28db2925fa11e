import { invalidRequest } from "../../core/error.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { isRawJson } from "./json-text.ts";

/**
 * Refuses options that the adapter sets itself, all of them at once. The path has no position in it, because an adapter
 * does not know which target of the route it serves.
 */
export function refuseReservedOptions(options: JsonObject, reserved: readonly string[]): void {
  const taken = Object.keys(options).filter((key) => reserved.includes(key));
  if (taken.length === 0) return;
  throw invalidRequest(
    taken.map((key) => ({
      field: `route.targets[].options.${key}`,
      description: "is set by the server itself",
      reason: "CONFLICT",
    })),
  );
}

/** Merges a target's options, last, into a body. Objects are merged key by key, everything else is replaced. */
export function mergeOptions<Body extends object>(body: Body, options: JsonObject): Body & Record<string, unknown> {
  const merged: Record<string, unknown> = { ...(body as Record<string, unknown>) };
  for (const [key, option] of Object.entries(options)) {
    const ours = merged[key];
    const both = isJsonObject(ours) && isJsonObject(option) && !isRawJson(ours);
    merged[key] = both ? mergeOptions(ours, option) : option;
  }
  return merged as Body & Record<string, unknown>;
}
