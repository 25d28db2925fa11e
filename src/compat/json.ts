import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import { isJsonObject as isObject } from "../core/json.ts";

export type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** Narrows a parsed value to an object of the kind that messages of the contract take; arrays and null are none. */
export function isJsonObject(value: unknown): value is JsonObject {
  return isObject(value);
}

/** A parsed value, as JSON. */
export function jsonValue(value: unknown): JsonValue {
  return value as JsonValue;
}
