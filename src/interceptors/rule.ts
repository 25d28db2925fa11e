import type { DescField, DescOneof } from "@bufbuild/protobuf";
import type { Duration } from "@bufbuild/protobuf/wkt";
import type { ViolationReason } from "../core/error.ts";

/** What a rule has found: what is wrong with a field, and what would be right. */
export interface Finding {
  readonly reason: ViolationReason;
  readonly description: string;
  /** Where below the field, such as `[2]` or `.mimeType`; the field itself when unset. */
  readonly below?: string;
}

/** The message a field is in, as its fields by their local names. */
export type Fields = Readonly<Record<string, unknown>>;

/** Limits that are the server's and not the contract's. */
export interface RuleLimits {
  /** The most bytes of one Media.data. */
  readonly maxMediaBytes: number;
}

/** Where a rule is applied. */
interface Scope {
  readonly member: DescField | DescOneof;
  readonly limits: RuleLimits;
}

/** One constraint of a field. */
export interface Rule {
  /** As the field's comment in the proto file words it; empty for one that its prose states. */
  readonly text: string;
  /** For the latter: the words of the comment. */
  readonly prose?: string;
  /** Undefined or nothing when the value keeps the rule. */
  readonly check: (value: unknown, message: Fields, scope: Scope) => Finding | readonly Finding[] | undefined;
  /** Asks that the field be set; what changes part of a resource need not set all of it. */
  readonly asksPresence?: true;
}

/** The field has to be set, and not be empty. */
export const required: Rule = {
  text: "Required.",
  check: (value) => (isEmpty(value) ? missing : undefined),
  asksPresence: true,
};

const missing: Finding = { reason: "REQUIRED", description: "is required" };

/** Not set, or what protobuf cannot tell from it. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === "") return true;
  return Array.isArray(value) && value.length === 0;
}

/** The shortest text; all of the contract's are 1, so that being too short is being absent. */
export const notEmpty: Rule = { ...required, text: "string.min_len = 1" };

/** Lengths count characters (code points), as protovalidate does. */
export function maxLength(most: number): Rule {
  return onText(`string.max_len = ${most}`, (text) => {
    if (text.length <= most) return undefined;
    const length = [...text].length;
    return length > most
      ? { reason: "TOO_LONG", description: `is ${length} characters long; ${most} are allowed` }
      : undefined;
  });
}

/** `right` says in words what the pattern wants. An empty text is a field that is not set. */
export function matches(source: string, right: string): Rule {
  const pattern = new RegExp(source);
  const finding: Finding = { reason: "PATTERN", description: `must be ${right}` };
  return onText(`string.pattern = ${source}`, (text) => (pattern.test(text) ? undefined : finding));
}

export function oneOfWords(text: string, words: readonly string[]): Rule {
  const finding: Finding = { reason: "UNKNOWN", description: `must be one of ${words.join(", ")}` };
  return onText(text, (word) => (words.includes(word) ? undefined : finding));
}

/** An absolute URI; with `schemes`, of one of these. */
export function uri(text: string, schemes?: readonly string[]): Rule {
  const right = schemes
    ? `a URL such as ${schemes.at(-1)}://example.com/v1`
    : "a URI such as https://example.com/cat.png";
  const finding: Finding = { reason: "PATTERN", description: `must be ${right}` };
  return onText(text, (value) => {
    if (!schemes && /^data:/i.test(value)) return undefined; // may be megabytes; whoever decodes it checks it
    const scheme = URL.parse(value)?.protocol.slice(0, -1);
    return scheme !== undefined && (!schemes || schemes.includes(scheme)) ? undefined : finding;
  });
}

function onText(text: string, check: (value: string) => Finding | undefined): Rule {
  return { text, check: (value) => (typeof value === "string" && value !== "" ? check(value) : undefined) };
}

/** Bounds of a number, in protovalidate's words. */
export interface Bounds {
  readonly gt?: number;
  readonly gte?: number;
  readonly lte?: number;
}

export function int32(bounds: Bounds): Rule {
  return numberRule("int32", bounds);
}

export function double(bounds: Bounds): Rule {
  return numberRule("double", bounds);
}

function numberRule(type: string, bounds: Bounds): Rule {
  const finding: Finding = { reason: "OUT_OF_RANGE", description: `must be ${boundsInWords(bounds, "")}` };
  return {
    text: boundsAsText(type, bounds, ""),
    check: (value) => (typeof value !== "number" || isWithin(value, bounds) ? undefined : finding),
  };
}

/** Bounds in seconds. */
export function duration(bounds: Bounds): Rule {
  const finding: Finding = {
    reason: "OUT_OF_RANGE",
    description: `must be ${boundsInWords(bounds, "s")}, written as "20s"`,
  };
  return {
    text: boundsAsText("duration", bounds, "s"),
    check: (value) => (value === undefined || isWithin(secondsOf(value as Duration), bounds) ? undefined : finding),
  };
}

function secondsOf({ seconds, nanos }: Duration): number {
  return Number(seconds) + nanos / 1e9;
}

function isWithin(value: number, { gt = -Infinity, gte = -Infinity, lte = Infinity }: Bounds): boolean {
  // Put so that NaN, which protobuf can carry, is within nothing.
  return (value > gt || gt === -Infinity) && value >= gte && value <= lte;
}

function boundsAsText(type: string, bounds: Bounds, unit: string): string {
  return Object.entries(bounds)
    .map(([name, value]) => `${type}.${name} = ${value}${unit}`)
    .join(", ");
}

function boundsInWords({ gt, gte, lte }: Bounds, unit: string): string {
  const words = [
    gt !== undefined && `more than ${gt}${unit}`,
    gte !== undefined && `at least ${gte}${unit}`,
    lte !== undefined && `at most ${lte}${unit}`,
  ];
  return words.filter(Boolean).join(" and ");
}

export function maxItems(most: number): Rule {
  return {
    text: `repeated.max_items = ${most}`,
    check: (value) => (Array.isArray(value) && value.length > most ? tooMany(value.length, most) : undefined),
  };
}

/** All of the contract's are 1: too few is none. */
export const minOneItem: Rule = { ...required, text: "repeated.min_items = 1" };

export function maxPairs(most: number): Rule {
  return {
    text: `map.max_pairs = ${most}`,
    check: (value) => {
      const count = typeof value === "object" && value !== null ? Object.keys(value).length : 0;
      return count > most ? tooMany(count, most) : undefined;
    },
  };
}

function tooMany(count: number, most: number): Finding {
  return { reason: "TOO_MANY", description: `has ${count} entries; ${most} are allowed` };
}

export const itemsNotEmpty: Rule = {
  text: "items.string.min_len = 1",
  check: (value) =>
    (value as readonly string[]).flatMap((item, index) => (item === "" ? [{ ...missing, below: `[${index}]` }] : [])),
};

/** The rule is about two fields or more; both or neither may be wrong. Names are local (camelCase). */
export function exactlyOne(text: string, here: string, other: string): Rule {
  return {
    text,
    check(value, message) {
      const set = [value, message[other]].filter((each) => !isEmpty(each)).length;
      if (set === 0) return { reason: "REQUIRED", description: `is required, or ${other} in its place` };
      return set === 2
        ? { reason: "CONFLICT", description: `${here} and ${other} exclude each other; set one` }
        : undefined;
    },
  };
}

export function notTogetherWith(text: string, other: string): Rule {
  const finding: Finding = { reason: "CONFLICT", description: `cannot be set together with ${other}; choose one` };
  return { text, check: (value, message) => (isEmpty(value) || isEmpty(message[other]) ? undefined : finding) };
}

export function atLeastOne(text: string, others: readonly string[]): Rule {
  const finding: Finding = { reason: "REQUIRED", description: `is required, or in its place ${others.join(" or ")}` };
  return {
    text,
    check: (value, message) =>
      isEmpty(value) && others.every((other) => isEmpty(message[other])) ? finding : undefined,
  };
}
