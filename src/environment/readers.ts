import { availableParallelism } from "node:os";
import { Secret } from "../core/secret.ts";

/** Throws a RangeError that says what would be right. */
export interface Reader<T> {
  (text: string): T;
  /** What is not plain text. */
  readonly form?: SettingForm;
}

/** What a value may look like in a file that has more than texts. */
export type SettingForm =
  | { readonly is: "number"; readonly least: number; readonly most: number }
  | { readonly is: "word"; readonly words: readonly string[] }
  | { readonly is: "flag" }
  | { readonly is: "list"; readonly words?: readonly string[] }
  | { readonly is: "secret" };

export const text = (value: string): string => value;
export const secret = inForm({ is: "secret" }, (value) => (value === "" ? undefined : new Secret(value)));
export const secrets = inForm({ is: "secret" }, (value): readonly Secret[] =>
  list(value).map((key) => new Secret(key)),
);
export const list = inForm({ is: "list" }, (value): readonly string[] =>
  value.split(",").flatMap((item) => item.trim() || []),
);

function inForm<T>(form: SettingForm, read: (value: string) => T): Reader<T> {
  return Object.assign((value: string) => read(value), { form });
}

export function whole(least: number, most: number): Reader<number> {
  return inForm({ is: "number", least, most }, (value) => {
    const number = Number(value);
    if (value.trim() !== "" && Number.isInteger(number) && number >= least && number <= most) return number;
    throw new RangeError(`it must be a whole number from ${least} to ${most}`);
  });
}

/** Undefined when it is not set. */
export function optional<T>(reader: Reader<T>): Reader<T | undefined> {
  const read = (value: string) => (value === "" ? undefined : reader(value));
  return reader.form ? inForm(reader.form, read) : read;
}

export function oneOf<W extends string>(...words: readonly W[]): Reader<W> {
  return inForm({ is: "word", words }, (value) => {
    const word = words.find((candidate) => candidate === value);
    if (word !== undefined) return word;
    throw new RangeError(`it must be one of ${words.join(", ")}`);
  });
}

export const adminToken = inForm({ is: "secret" }, (value) => {
  if (value === "" || /^[\x21-\x7e]{16,}$/.test(value)) return secret(value);
  throw new RangeError("it must have at least 16 visible ASCII characters: make one with openssl rand -hex 32");
});

/** Of processes; `auto` is one for each core that this process may use. */
export function workers(value: string): number {
  if (value === "auto") return availableParallelism();
  const number = Number(value);
  if (Number.isInteger(number) && number >= 1 && number <= 256) return number;
  throw new RangeError("it must be a whole number from 1 to 256, or auto");
}

export const flag = inForm({ is: "flag" }, (value) => {
  if (value === "1" || value === "0") return value === "1";
  throw new RangeError("it must be 1 or 0");
});

export function httpUrl(value: string): string | undefined {
  if (value === "") return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^https?:$/.test(url.protocol)) return value.replace(/\/+$/, "");
  throw new RangeError("it must be an address such as https://api.example.com/v1");
}

export const redisUrl = inForm({ is: "secret" }, (value) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url && /^rediss?:$/.test(url.protocol) && url.hostname !== "") return new Secret(value);
  throw new RangeError("it must be an address such as redis://user:password@host:6379/0, or rediss:// for TLS");
});

/** Of pages, as browsers send them: in the header `Origin` there is no path, and no port that is the usual one. */
export const origins = inForm({ is: "list" }, (value): readonly string[] => {
  const all = list(value);
  if (all.every(isOrigin)) return all;
  throw new RangeError("it must be * or origins such as https://app.example.com: without a path, in small letters");
});

/** Those of apps and extensions have schemes of their own. */
function isOrigin(text: string): boolean {
  if (text === "*" || text === "null") return true;
  if (!/^[a-z][a-z\d+.-]*:\/\/[^/?#@\s]+$/.test(text)) return false;
  return !/^https?:/.test(text) || (URL.canParse(text) && new URL(text).origin === text);
}

/** As strict as Sentry's own client, which prints what it does not understand. */
export const sentryDsn = inForm({ is: "secret" }, (value) => {
  const form = /^https?:\/\/\w+(?::\w+)?@(?:\[[:.%\w]+\]|[\w.-]+)(?::\d+)?\/(?:[^?#]*\/)?\d+$/;
  if (form.test(value)) return new Secret(value);
  throw new RangeError(
    "it must be an address such as https://KEY@o1.ingest.sentry.io/2, as the project's settings have it",
  );
});

export function listOf<W extends string>(...words: readonly W[]): Reader<readonly W[]> {
  return inForm({ is: "list", words }, (value) => list(value).map(oneOf(...words)));
}

/** In milliseconds. */
export const day = 86_400_000;

/** What may also be left empty. */
export function orEmpty<W>(read: Reader<W>): Reader<W | ""> {
  return (value) => (value === "" ? "" : read(value));
}

export function share(value: string): number {
  const number = Number(value);
  if (number >= 0 && number <= 1) return number;
  throw new RangeError("it must be a number from 0 to 1");
}

/** `a=1,b=2`, as OpenTelemetry writes it; values are percent-encoded. */
export function keyValues(value: string): Readonly<Record<string, string>> {
  return Object.fromEntries(list(value).map(keyValue));
}

function keyValue(pair: string): readonly [string, string] {
  const [, key, value] = /^([^=\s]+)\s*=\s*(.*)$/.exec(pair) ?? [];
  if (key === undefined || value === undefined) throw new RangeError("it must be like key=value,key=value");
  try {
    return [key, decodeURIComponent(value)];
  } catch {
    throw new RangeError(`the value of ${key} is not percent-encoded: write % as %25`);
  }
}

export function secretKeyValues(value: string): Readonly<Record<string, Secret>> {
  return Object.fromEntries(Object.entries(keyValues(value)).map(([key, one]) => [key, new Secret(one)]));
}
