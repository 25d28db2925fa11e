import { type DescMessage, fromJson, type MessageShape } from "@bufbuild/protobuf";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { createValidator } from "../interceptors/validate-message.ts";
import { findJsonViolations } from "../messages/json-violations.ts";
import { inFile, inJsonWords, inSnakeCase } from "./file-spelling.ts";
import { type FilePath, type Finding, pathFromWords } from "./mistake.ts";

/** One message of the contract, as a file says it. */
export interface ReadMessage<D extends DescMessage> {
  /** What of it can be read; absent when it is nothing of the kind. */
  readonly message?: MessageShape<D>;
  readonly findings: readonly Finding[];
}

/**
 * Reads what stands at `path` as a message, strictly, and checks it against the rules that requests are checked by. What
 * does not fit is left out, so that the rest is checked all the same.
 */
export function readMessage<D extends DescMessage>(desc: D, value: JsonValue, path: FilePath): ReadMessage<D> {
  if (!isJsonObject(value)) return { findings: [{ path, problem: "must be a mapping" }] };
  const misfits = findJsonViolations(desc, value, inFile).map(({ field, description }) => ({
    path: pathFromWords(field),
    problem: description,
  }));
  const fitting = misfits.reduce<JsonValue>((rest, misfit) => without(rest, misfit.path), value);
  const message = fromJson(desc, inJsonWords(desc, fitting as JsonObject) as Parameters<typeof fromJson>[1]);
  const broken = findingsOf(createValidator({ maxMediaBytes: 0 })(desc, message), []);
  const findings = [...misfits, ...broken.filter((finding) => !misfits.some((misfit) => isWithin(misfit, finding)))];
  return { message, findings: findings.map((finding) => ({ ...finding, path: [...path, ...finding.path] })) };
}

/** Whether something was left out there, so that what is missing is no mistake of its own. */
function isWithin(misfit: Finding, { path }: Finding): boolean {
  return path.every((step, i) => misfit.path[i] === step);
}

/** The value without what stands at a path. An item of a list takes the list along, since the others would move up. */
function without(value: JsonValue, [step, ...rest]: FilePath): JsonValue {
  if (Array.isArray(value)) return value.map((item: JsonValue, i) => (i === step ? without(item, rest) : item));
  if (!isJsonObject(value)) return value;
  const kept = Object.entries(value).flatMap(([key, item]) => {
    if (inSnakeCase(key) !== step && key !== step) return [[key, item] as const];
    const [next, ...further] = rest;
    if (next === undefined || (typeof next === "number" && further.length === 0)) return [];
    return [[key, without(item, rest)] as const];
  });
  return Object.fromEntries(kept);
}

/** What is wrong with a request, in the names that a file has for its fields. */
export function findingsOf(
  violations: readonly { readonly field: string; readonly description: string }[],
  path: FilePath,
): readonly Finding[] {
  return violations.map(({ field, description }) => ({
    path: [...path, ...pathFromWords(field).map((step) => (typeof step === "number" ? step : inSnakeCase(step)))],
    problem: description,
  }));
}
