import { ScalarType } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import type { ViolationReason } from "../core/error.ts";
import type { JsonValue } from "../core/json.ts";

/** What is wrong with a value, and what would be right. */
export interface Problem {
  readonly reason: ViolationReason;
  readonly description: string;
}

/** What keeps a JSON value from being a scalar of this type (protobuf's JSON mapping), or undefined when it is one. */
export function describeScalarProblem(type: ScalarType, json: JsonValue): Problem | undefined {
  switch (type) {
    case ScalarType.STRING:
      return describeTextProblem(json);
    case ScalarType.BOOL:
      return typeof json === "boolean" ? undefined : wrong("must be true or false", json);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return describeNumberProblem(json);
    case ScalarType.BYTES:
      return describeBytesProblem(json);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return describeIntegerProblem(json, 0, 2 ** 32 - 1);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return describeIntegerProblem(json, -(2 ** 31), 2 ** 31 - 1);
    default:
      return undefined; // the contract has no 64-bit integers; the library's own message is good enough for one
  }
}

function describeTextProblem(json: JsonValue): Problem | undefined {
  if (typeof json !== "string") return wrong("must be a string", json);
  if (json.isWellFormed()) return undefined;
  const description = "must not hold half of a surrogate pair: the text was cut within a character, such as an emoji";
  return { reason: "PATTERN", description };
}

function describeNumberProblem(json: JsonValue): Problem | undefined {
  if (json === "NaN" || json === "Infinity" || json === "-Infinity") return undefined;
  return Number.isFinite(numberIn(json)) ? undefined : wrong("must be a number", json);
}

function describeIntegerProblem(json: JsonValue, least: number, most: number): Problem | undefined {
  const number = numberIn(json);
  if (Number.isNaN(number)) return wrong("must be a whole number", json);
  if (!Number.isInteger(number)) return { reason: "PATTERN", description: "must be a whole number" };
  if (number >= least && number <= most) return undefined;
  return { reason: "OUT_OF_RANGE", description: `must be between ${least} and ${most}` };
}

/** Protobuf takes numbers in quotes too; NaN when it is neither. */
function numberIn(json: JsonValue): number {
  if (typeof json === "number") return json;
  return typeof json === "string" && json !== "" && json.trim() === json ? Number(json) : Number.NaN;
}

function describeBytesProblem(json: JsonValue): Problem | undefined {
  if (typeof json !== "string") return wrong("must be a string of base64", json);
  if (/^data:/i.test(json)) {
    return { reason: "PATTERN", description: "must be base64, not a data: URI; put that into the field `uri` instead" };
  }
  try {
    base64Decode(json);
    return undefined;
  } catch {
    return { reason: "PATTERN", description: "must be base64, in the standard or the URL-safe alphabet" };
  }
}

function wrong(right: string, json: JsonValue): Problem {
  return { reason: "PATTERN", description: `${right}, not ${nameOf(json)}` };
}

/** The kind of a JSON value in words; never the value, which may be content. */
export function nameOf(json: JsonValue): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return "an array";
  return typeof json === "object" ? "an object" : `a ${typeof json}`;
}
