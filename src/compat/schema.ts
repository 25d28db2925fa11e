import { isJsonObject, type JsonObject, type JsonValue, jsonValue } from "./json.ts";
import { type Issue, Rejected } from "./rejected.ts";

/** What a reader gives for a value that it has reported. */
export const invalid: unique symbol = Symbol("invalid");

/** Where a value is, and where what is wrong with it is reported. */
export interface At {
  readonly loc: Issue["loc"];
  readonly issues: Issue[];
}

/** Reads a value, leniently as pydantic does; reports what is wrong and goes on, so that all of it is told at once. */
export type Reader<T> = (value: unknown, at: At) => T | typeof invalid;

/** A field of an object. Without `fallback` it is required; an explicit null reads as not there. */
export interface Field<T> {
  readonly read: Reader<T>;
  readonly fallback?: () => T;
}

/** Reads a whole value. Throws {@link Rejected} (422) with everything that is wrong with it. */
export function readAs<T>(reader: Reader<T>, value: unknown, loc: Issue["loc"]): T {
  const at: At = { loc, issues: [] };
  const result = reader(value, at);
  if (result === invalid || at.issues.length > 0) throw new Rejected(422, at.issues);
  return result;
}

export function report(at: At, issue: Omit<Issue, "loc">): typeof invalid {
  at.issues.push({
    type: issue.type,
    loc: at.loc,
    msg: issue.msg,
    input: issue.input,
    ...(issue.ctx && { ctx: issue.ctx }),
  });
  return invalid;
}

export function below(at: At, key: string | number): At {
  return { loc: [...at.loc, key], issues: at.issues };
}

export function required<T>(read: Reader<T>): Field<T> {
  return { read };
}

export function optional<T>(read: Reader<T>): Field<T | undefined> {
  return { read, fallback: () => undefined };
}

export function withDefault<T>(read: Reader<T>, fallback: () => T): Field<T> {
  return { read, fallback };
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type ObjectOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** An object with these fields; others are passed over. */
export function object<const F extends Fields>(fields: F): Reader<ObjectOf<F>> {
  return (value, at) => {
    if (!isJsonObject(value)) {
      const msg = "Input should be a valid dictionary or object to extract fields from";
      return report(at, { type: "model_attributes_type", msg, input: value });
    }
    const entries = Object.entries(fields).map(([name, field]) => [name, readField(value, name, field, at)] as const);
    if (entries.some(([, read]) => read === invalid)) return invalid;
    return Object.fromEntries(entries) as ObjectOf<F>;
  };
}

function readField(parent: JsonObject, name: string, field: Field<unknown>, at: At): unknown {
  const value = parent[name];
  const absent = value === undefined || value === null;
  if (absent && field.fallback) return field.fallback();
  if (value === undefined) return report(below(at, name), { type: "missing", msg: "Field required", input: parent });
  return field.read(value, below(at, name));
}

export const text: Reader<string> = (value, at) =>
  typeof value === "string"
    ? value
    : report(at, { type: "string_type", msg: "Input should be a valid string", input: value });

export const anything: Reader<JsonValue> = (value) => jsonValue(value);

export const dictionary: Reader<JsonObject> = (value, at) =>
  isJsonObject(value)
    ? value
    : report(at, { type: "dict_type", msg: "Input should be a valid dictionary", input: value });

export const boolean: Reader<boolean> = (value, at) => {
  if (typeof value === "boolean") return value;
  const word = String(value).toLowerCase();
  if (["1", "true", "yes", "y", "on", "t"].includes(word)) return true;
  if (["0", "false", "no", "n", "off", "f"].includes(word)) return false;
  return report(at, {
    type: "bool_parsing",
    msg: "Input should be a valid boolean, unable to interpret input",
    input: value,
  });
};

export interface Bounds {
  readonly ge?: number;
  readonly le?: number;
  readonly gt?: number;
}

/** A number; text that is one is taken, too. */
export function number(bounds: Bounds = {}): Reader<number> {
  return (value, at) => {
    const read = numberIn(value);
    if (read !== undefined) return withinBounds(read, bounds, value, at);
    const parsing = typeof value === "string";
    const msg = `Input should be a valid number${parsing ? ", unable to parse string as a number" : ""}`;
    return report(at, { type: parsing ? "float_parsing" : "float_type", msg, input: value });
  };
}

/** A whole number; `"30"` and `30.0` are, `1.5` is not. */
export function integer(bounds: Bounds = {}): Reader<number> {
  return (value, at) => {
    const read = numberIn(value);
    if (read !== undefined && Number.isInteger(read)) return withinBounds(read, bounds, value, at);
    return report(at, { ...notAnInteger(value, read), input: value });
  };
}

function numberIn(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "string" && /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return Number(value);
  return undefined;
}

function notAnInteger(value: unknown, read: number | undefined): { type: string; msg: string } {
  const start = "Input should be a valid integer";
  if (typeof value === "string") return { type: "int_parsing", msg: `${start}, unable to parse string as an integer` };
  if (read !== undefined) return { type: "int_from_float", msg: `${start}, got a number with a fractional part` };
  return { type: "int_type", msg: start };
}

function withinBounds(read: number, { ge, le, gt }: Bounds, value: unknown, at: At): number | typeof invalid {
  const wrong = (type: string, words: string, ctx: Record<string, number>): typeof invalid =>
    report(at, { type, msg: `Input should be ${words} ${Object.values(ctx)[0]}`, input: value, ctx });
  if (ge !== undefined && read < ge) return wrong("greater_than_equal", "greater than or equal to", { ge });
  if (gt !== undefined && read <= gt) return wrong("greater_than", "greater than", { gt });
  if (le !== undefined && read > le) return wrong("less_than_equal", "less than or equal to", { le });
  return read;
}

/** One of some words; `type` is pydantic's word for the kind of choice. */
export function oneOf<const W extends string>(words: readonly W[], type: "enum" | "literal_error" = "enum"): Reader<W> {
  const quoted = words.map((word) => `'${word}'`);
  const expected = [quoted.slice(0, -1).join(", "), quoted.at(-1)].filter(Boolean).join(" or ");
  return (value, at) => {
    const word = words.find((candidate) => candidate === value);
    return word ?? report(at, { type, msg: `Input should be ${expected}`, input: value, ctx: { expected } });
  };
}

export function list<T>(item: Reader<T>): Reader<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value))
      return report(at, { type: "list_type", msg: "Input should be a valid list", input: value });
    const items = value.map((one, i) => item(one, below(at, i)));
    return items.some((one) => one === invalid) ? invalid : (items as T[]);
  };
}

export function record<T>(item: Reader<T>): Reader<Readonly<Record<string, T>>> {
  return (value, at) => {
    const read = dictionary(value, at);
    if (read === invalid) return invalid;
    const entries = Object.entries(read).map(([key, one]) => [key, item(one, below(at, key))] as const);
    if (entries.some(([, one]) => one === invalid)) return invalid;
    return Object.fromEntries(entries) as Record<string, T>;
  };
}

/** Checks what another reader has read; the check gives a sentence when it is wrong. */
export function checked<T>(read: Reader<T>, check: (value: T) => string | undefined): Reader<T> {
  return (value, at) => {
    const result = read(value, at);
    if (result === invalid) return invalid;
    const problem = check(result);
    if (problem === undefined) return result;
    return report(at, { type: "value_error", msg: `Value error, ${problem}`, input: value, ctx: { error: {} } });
  };
}

/** A form that a body can have; what is wrong with it is reported under its name. */
export interface Branch<T> {
  readonly name: string;
  readonly read: Reader<T>;
}

/** Either of two forms; the second wins when the value is both. When it is neither, what is wrong with each is reported. */
export function either<A, B>(first: Branch<A>, second: Branch<B>): Reader<{ first: A } | { second: B }> {
  return (value, at) => {
    const attempt = <T>({ name, read }: Branch<T>): { result: T | typeof invalid; issues: readonly Issue[] } => {
      const own: At = { loc: [...at.loc, name], issues: [] };
      return { result: read(value, own), issues: own.issues };
    };
    const [one, other] = [attempt(first), attempt(second)];
    if (other.result !== invalid && other.issues.length === 0) return { second: other.result };
    if (one.result !== invalid && one.issues.length === 0) return { first: one.result };
    at.issues.push(...one.issues, ...other.issues);
    return invalid;
  };
}
