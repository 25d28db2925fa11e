import { createRequire } from "node:module";
import type { Ajv, ErrorObject, Options } from "ajv";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { TookTooLong, withinMs } from "./time-limit.ts";

/** Says where a value breaks a schema, as JSON Pointers (RFC 6901) and rules; undefined when nowhere. */
export type CheckJson = (value: unknown) => string | undefined;

/** Reads JSON Schemas that callers wrote; what they hold is bounded, since a schema can be made to run for ever. */
export interface JsonSchemas {
  /** What is wrong with a schema, as a sentence; undefined when nothing. */
  problemOf(schemaJson: string): string | undefined;
  /** Throws a RangeError that says what is wrong with the schema. The check throws `TookTooLong`. */
  compile(schemaJson: string): CheckJson;
}

const maxSchemaCharacters = 131_072;
const maxCompileMs = 1_000;
const maxCheckMs = 250;

/** The drafts that are told apart by `$schema`; 2020-12 where it says nothing. */
const drafts = { "2020-12": "ajv/dist/2020.js", "2019-09": "ajv/dist/2019.js", "draft-07": "ajv" } as const;
type Draft = keyof typeof drafts;

/**
 * `format` is not checked, unknown keywords are let through, and `$ref` points inside the schema: nothing is ever fetched.
 * Keep one for the process: the rules for schemas are compiled once.
 */
export function createJsonSchemas(): JsonSchemas {
  const rules = new Map<Draft, Ajv>();
  const rulesOf = (draft: Draft): Ajv => {
    const ajv = rules.get(draft) ?? createAjv(draft, {});
    rules.set(draft, ajv);
    return ajv;
  };
  const read = (schemaJson: string): { readonly draft: Draft; readonly schema: JsonObject } => {
    const schema = parseSchema(schemaJson);
    const draft = draftOf(schema);
    const { $schema: _, ...rest } = schema;
    const ajv = rulesOf(draft);
    if (ajv.validateSchema(rest) !== true) throw new RangeError(`is no JSON Schema: ${wordsFor(ajv.errors ?? [])}`);
    return { draft, schema: rest };
  };
  return {
    problemOf(schemaJson) {
      try {
        read(schemaJson);
        return undefined;
      } catch (error) {
        return problem(error).message;
      }
    },
    compile(schemaJson) {
      try {
        const { draft, schema } = read(schemaJson);
        return compiled(draft, schema);
      } catch (error) {
        throw problem(error);
      }
    },
  };
}

function parseSchema(schemaJson: string): JsonObject {
  if (schemaJson.length > maxSchemaCharacters) {
    throw new RangeError(`is longer than ${maxSchemaCharacters} characters`);
  }
  const schema = parsed(schemaJson);
  if (!isJsonObject(schema)) throw new RangeError('is no JSON Schema: one is a JSON object, such as {"type":"object"}');
  if (schema.$async !== undefined) throw new RangeError("is no JSON Schema: there is no keyword $async");
  return schema;
}

/** The parser's own message quotes the text. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function draftOf({ $schema = "" }: JsonObject): Draft {
  const address = String($schema);
  if (address === "") return "2020-12";
  const draft = (Object.keys(drafts) as Draft[]).find((name) => address.includes(name));
  if (draft) return draft;
  throw new RangeError(`has a $schema that is not known; use 2020-12, 2019-09 or draft-07, or leave it out`);
}

/** One for each schema that is compiled, because it keeps them. */
function compiled(draft: Draft, schema: JsonObject): CheckJson {
  const ajv = createAjv(draft, { validateSchema: false });
  const check = withinMs(maxCompileMs, () => ajv.compile(schema));
  return (value) => (withinMs(maxCheckMs, () => check(value)) ? undefined : wordsFor(check.errors ?? []));
}

/** Loaded when it is needed first: it takes 13 MB. */
function createAjv(draft: Draft, options: Options): Ajv {
  const { default: AjvOfDraft } = createRequire(import.meta.url)(drafts[draft]) as { default: typeof Ajv };
  return new AjvOfDraft({ strict: false, validateFormats: false, allErrors: true, logger: false, ...options });
}

function problem(error: unknown): RangeError {
  if (error instanceof RangeError) return error;
  if (error instanceof TookTooLong) return new RangeError(`is too much to check: reading it ${error.message}`);
  const reason = error instanceof Error ? error.message : "it cannot be read";
  const remedy = reason.includes("resolve reference") ? "; a $ref points inside the schema" : "";
  return new RangeError(`is no JSON Schema: ${reason}${remedy}`);
}

/** `/items/0/price must be number`, for the first few; names and rules, never values. */
function wordsFor(errors: readonly ErrorObject[]): string {
  const shown = errors.slice(0, 5).map(({ instancePath, message, params }) => {
    const missing = typeof params.missingProperty === "string" ? "" : additional(params);
    return `${instancePath || "/"} ${message ?? "is wrong"}${missing}`;
  });
  const more = errors.length > shown.length ? `, and ${errors.length - shown.length} more` : "";
  return `${[...new Set(shown)].join("; ")}${more}`.slice(0, 500);
}

function additional({ additionalProperty }: Readonly<Record<string, unknown>>): string {
  return typeof additionalProperty === "string" ? `: ${additionalProperty}` : "";
}
