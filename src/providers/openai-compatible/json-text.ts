import { invalidRequest } from "../../core/error.ts";

const raw = Symbol("raw JSON");

/** JSON text that goes out byte for byte inside a body: key order and integers above 2^53 survive. */
export interface RawJson {
  readonly [raw]: string;
}

/** Wraps the caller's JSON text. Throws `invalid_argument` naming `field` when it is no JSON. */
export function rawJson(text: string, field: string): RawJson {
  try {
    JSON.parse(text);
  } catch {
    throw invalidRequest([{ field, description: "is not valid JSON", reason: "PATTERN" }]);
  }
  return { [raw]: text };
}

/** `JSON.stringify` that puts {@link RawJson} in as it is. (`JSON.rawJSON` of the platform takes no objects.) */
export function writeJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (isRawJson(value)) return value[raw];
  if (Array.isArray(value)) return `[${value.map((item) => writeJson(item ?? null)).join(",")}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${writeJson(field)}`).join(",")}}`;
}

export function isRawJson(value: unknown): value is RawJson {
  return typeof value === "object" && value !== null && raw in value;
}
