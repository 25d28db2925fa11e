import { isJsonObject, type JsonObject } from "../../core/json.ts";

/** A documented type whose values are not to be trusted yet: the compiler knows the names of its fields, no more. */
export type Unchecked<T> = { readonly [Key in keyof T]?: unknown };

/** A field as text; empty when it is anything else. */
export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A field as an object; empty when it is anything else. */
export function object(value: unknown): JsonObject {
  return isJsonObject(value) ? value : none;
}

const none: JsonObject = {};

/** A field as a list of objects; whatever else is in it is left out. */
export function objects(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

/** A field as a list of texts; whatever else is in it is left out. */
export function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

/** A field as a count; absent when it is none. */
export function count(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;
}
