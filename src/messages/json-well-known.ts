import { type DescMessage, fromJson } from "@bufbuild/protobuf";
import { isJsonObject, type JsonValue } from "../core/json.ts";
import { nameOf, type Problem } from "./json-scalars.ts";

/** Whether a message has a JSON form of its own (google.protobuf.Duration, Struct, …). */
export function isWellKnown(desc: DescMessage): boolean {
  return forms.has(desc.typeName);
}

/**
 * What keeps a JSON value from being this well-known type, or undefined when it is one. `depth` is how many more levels
 * a free form may have.
 */
export function describeWellKnownProblem(desc: DescMessage, json: JsonValue, depth: number): Problem | undefined {
  return forms.get(desc.typeName)?.(json, desc, depth);
}

type Form = (json: JsonValue, desc: DescMessage, depth: number) => Problem | undefined;

const duration: Form = (json, desc) => {
  const right = 'a duration in seconds, in quotes and with an "s", such as "20s" or "1.5s"';
  if (typeof json === "number") return pattern(`must be ${right}: did you mean "${json}s"?`);
  if (typeof json !== "string" || !/^-?\d+(\.\d{1,9})?s$/.test(json)) return pattern(`must be ${right}`);
  return readable(desc, json) ? undefined : { reason: "OUT_OF_RANGE", description: "must be within ±315576000000s" };
};

const timestamp: Form = (json, desc) =>
  typeof json === "string" && readable(desc, json)
    ? undefined
    : pattern('must be a time as in RFC 3339, such as "2026-11-30T12:00:00Z"');

const fieldMask: Form = (json, desc) =>
  typeof json === "string" && readable(desc, json)
    ? undefined
    : pattern('must be one string of paths in lowerCamelCase, such as "displayName,apiKey"');

const struct: Form = (json, _desc, depth) =>
  isJsonObject(json) ? tooDeep(json, depth) : pattern(`must be a JSON object, not ${nameOf(json)}`);

const list: Form = (json, _desc, depth) =>
  Array.isArray(json) ? tooDeep(json, depth) : pattern(`must be an array, not ${nameOf(json)}`);

const forms = new Map<string, Form>([
  ["google.protobuf.Duration", duration],
  ["google.protobuf.Timestamp", timestamp],
  ["google.protobuf.FieldMask", fieldMask],
  ["google.protobuf.Struct", struct],
  ["google.protobuf.ListValue", list],
  ["google.protobuf.Value", (json, _desc, depth) => tooDeep(json, depth)],
]);

function pattern(description: string): Problem {
  return { reason: "PATTERN", description };
}

function tooDeep(json: JsonValue, depth: number): Problem | undefined {
  return isDeeperThan(json, depth)
    ? { reason: "OUT_OF_RANGE", description: "is nested too deeply: 100 levels at most" }
    : undefined;
}

function isDeeperThan(json: JsonValue, depth: number): boolean {
  if (typeof json !== "object" || json === null) return false;
  return depth <= 0 || Object.values(json).some((value: JsonValue) => isDeeperThan(value, depth - 1));
}

function readable(desc: DescMessage, json: JsonValue): boolean {
  try {
    fromJson(desc, json as Parameters<typeof fromJson>[1]);
    return true;
  } catch {
    return false;
  }
}
