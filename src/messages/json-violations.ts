import type { DescEnum, DescField, DescMessage } from "@bufbuild/protobuf";
import type { Violation } from "../core/error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import { describeScalarProblem, nameOf, type Problem } from "./json-scalars.ts";
import { describeWellKnownProblem, isWellKnown } from "./json-well-known.ts";
import { nearestWord } from "./near-word.ts";

/** The depth at which protobuf-es stops reading. */
const maxDepth = 100;

/** What a message's fields and words are called where it is written. */
export interface Spelling {
  /** The fields that may be written. */
  fields(desc: DescMessage): readonly DescField[];
  nameOf(field: DescField): string;
  wordsOf(desc: DescEnum): readonly string[];
}

/** As protobuf's JSON mapping has it. */
const inJson: Spelling = {
  fields: ({ fields }) => fields,
  nameOf: ({ jsonName }) => jsonName,
  wordsOf: ({ values }) => values.map(({ name }) => name),
};

/**
 * Compares a JSON value with the message it should be and lists everything that does not fit, in the order of the text.
 * Slow and thorough: for requests that the fast reader has refused.
 */
export function findJsonViolations(desc: DescMessage, json: JsonValue, spelling = inJson): readonly Violation[] {
  const violations: Violation[] = [];
  walkMessage(desc, json, {
    depth: 1,
    path: "",
    spelling,
    report: (field, problem) => violations.push({ field, ...problem }),
  });
  return violations;
}

interface Place {
  /** In JSON names; keys that are not known, as they stand in the text. */
  readonly path: string;
  readonly depth: number;
  readonly spelling: Spelling;
  readonly report: (path: string, problem: Problem) => void;
}

function memberOf(place: Place, name: string): Place {
  return { ...place, path: place.path === "" ? name : `${place.path}.${name}` };
}

function entryOf(place: Place, key: string | number): Place {
  return { ...place, path: `${place.path}[${JSON.stringify(key)}]` };
}

function report({ path, report }: Place, problem: Problem | undefined): void {
  if (problem) report(path, problem);
}

function walkMessage(desc: DescMessage, json: JsonValue, place: Place): void {
  if (place.depth > maxDepth) {
    report(place, { reason: "OUT_OF_RANGE", description: `is nested deeper than ${maxDepth} levels` });
  } else if (isWellKnown(desc)) {
    report(place, describeWellKnownProblem(desc, json, maxDepth - place.depth));
  } else if (isJsonObject(json)) {
    walkFields(desc, json, { ...place, depth: place.depth + 1 });
  } else {
    report(place, mustBe(`a JSON object (${desc.name})`, json));
  }
}

function mustBe(right: string, json: JsonValue): Problem {
  return { reason: "PATTERN", description: `must be ${right}, not ${nameOf(json)}` };
}

function walkFields(desc: DescMessage, json: JsonObject, place: Place): void {
  const seen = new Map<string, string>();
  for (const [key, value] of Object.entries(json)) {
    const field = place.spelling.fields(desc).find(({ name, jsonName }) => name === key || jsonName === key);
    if (field === undefined) {
      report(memberOf(place, key), { reason: "UNKNOWN", description: describeUnknownField(desc, key, place.spelling) });
      continue;
    }
    const at = memberOf(place, place.spelling.nameOf(field));
    const conflict = conflictOf(field, key, value, seen);
    if (conflict) report(at, { reason: "CONFLICT", description: conflict });
    walkField(field, value, at);
  }
}

function describeUnknownField(desc: DescMessage, key: string, spelling: Spelling): string {
  const names = spelling.fields(desc).map((field) => spelling.nameOf(field));
  const near = nearestWord(key, names);
  if (near) return `unknown field; did you mean "${near}"?`;
  return names.length === 0
    ? `unknown field; ${desc.name} has none`
    : `unknown field; ${desc.name} has ${names.join(", ")}`;
}

/** A field may be set once, and of a oneof one member; null sets nothing. Notes what is set in `seen`. */
function conflictOf(field: DescField, key: string, value: JsonValue, seen: Map<string, string>): string | undefined {
  const before = seen.get(field.name);
  seen.set(field.name, key);
  if (before !== undefined) return `is the same field as "${before}"; set it once`;
  if (field.oneof === undefined || value === null) return undefined;
  const slot = `oneof ${field.oneof.name}`;
  const other = seen.get(slot);
  seen.set(slot, key);
  return other === undefined ? undefined : `cannot be set together with "${other}"; choose one`;
}

function walkField(field: DescField, json: JsonValue, place: Place): void {
  // A field that is null is not set; a google.protobuf.Value that is null is null, and fine as well.
  if (json === null) return;
  if (field.fieldKind === "list") walkList(field, json, place);
  else if (field.fieldKind === "map") walkMap(field, json, place);
  else walkValue(field, json, place);
}

function walkList(field: DescField, json: JsonValue, place: Place): void {
  if (!Array.isArray(json)) report(place, mustBe("an array", json));
  else for (const [index, item] of json.entries()) walkItem(field, item as JsonValue, entryOf(place, index));
}

function walkMap(field: DescField, json: JsonValue, place: Place): void {
  if (!isJsonObject(json)) report(place, mustBe("a JSON object", json));
  else for (const [key, item] of Object.entries(json)) walkItem(field, item, entryOf(place, key));
}

function walkItem(field: DescField, json: JsonValue, place: Place): void {
  const mayBeNull = field.message?.typeName === "google.protobuf.Value";
  if (json === null && !mayBeNull) report(place, { reason: "PATTERN", description: "must not be null" });
  else walkValue(field, json, place);
}

function walkValue(field: DescField, json: JsonValue, place: Place): void {
  if (field.message) walkMessage(field.message, json, place);
  else if (field.enum) report(place, describeEnumProblem(field.enum, json, place.spelling));
  else if (field.scalar !== undefined) report(place, describeScalarProblem(field.scalar, json));
}

function describeEnumProblem(desc: DescEnum, json: JsonValue, spelling: Spelling): Problem | undefined {
  if (typeof json === "number" && Number.isInteger(json)) return undefined;
  const words = spelling.wordsOf(desc);
  const choice = `use one of ${words.join(", ")}`;
  if (typeof json !== "string")
    return { reason: "PATTERN", description: `must be a word, not ${nameOf(json)}; ${choice}` };
  if (words.includes(json)) return undefined;
  const near = nearestWord(`${desc.sharedPrefix ?? ""}${json}`, words) ?? nearestWord(json, words);
  const hint = near ? `did you mean "${near}"? ` : "";
  return { reason: "UNKNOWN", description: `unknown word; ${hint}${choice}` };
}
