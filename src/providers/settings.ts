import { createRequire } from "node:module";
import type { Ajv2020, ErrorObject, ValidateFunction } from "ajv/dist/2020.js";
import type { Violation, ViolationReason } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { ProviderKind } from "../core/provider.ts";

/** What is wrong with a provider's kind and settings, all of it; empty when nothing is. */
export type CheckSettings = (kind: string, settings: JsonObject) => readonly Violation[];

/**
 * Checks `Provider.kind` against the kinds there are, and `Provider.settings` against the kind's JSON Schema (2020-12;
 * `format` is not checked). Paths are those of a request with a `provider`. Throws when a kind's schema is none.
 */
export function createSettingsCheck(kinds: ReadonlyMap<string, ProviderKind>): CheckSettings {
  let compiled: ReadonlyMap<string, ValidateFunction> | undefined;
  const compile = () => {
    const ajv = createAjv();
    return new Map([...kinds].map(([name, { settingsSchema }]) => [name, ajv.compile(settingsSchema ?? none)]));
  };
  return (kind, settings) => {
    compiled ??= compile();
    const check = compiled.get(kind);
    if (!check) return [unknownKind(kind, [...kinds.keys()])];
    if (check(settings)) return [];
    return distinct((check.errors ?? []).flatMap((error) => violationOf(error, settings) ?? []));
  };
}

/** Loaded when it is needed first: ajv takes 13 MB. */
function createAjv(): Ajv2020 {
  const ajv: typeof import("ajv/dist/2020.js") = createRequire(import.meta.url)("ajv/dist/2020.js");
  // `verbose` gives each error the schema it comes from, for the names that are allowed.
  return new ajv.Ajv2020({ allErrors: true, verbose: true, validateFormats: false, strictTypes: false });
}

/** For a kind without settings. */
const none: JsonObject = { type: "object", properties: {}, additionalProperties: false };

function unknownKind(kind: string, kinds: readonly string[]): Violation {
  const there = `the kinds are ${kinds.toSorted().join(", ")}`;
  if (kind === "") return { field: "provider.kind", description: `is required; ${there}`, reason: "REQUIRED" };
  return { field: "provider.kind", description: `there is no kind "${kind}"; ${there}`, reason: "UNKNOWN" };
}

/** Undefined for an error that only says that others, which are in the list as well, make the whole fail. */
function violationOf(error: ErrorObject, settings: JsonObject): Violation | undefined {
  const at = (...more: string[]) => pathOf([...segmentsOf(error.instancePath), ...more], settings);
  const parameters: Readonly<Record<string, unknown>> = error.params;
  switch (error.keyword) {
    case "required":
      return { field: at(String(parameters.missingProperty)), description: "is required", reason: "REQUIRED" };
    case "additionalProperties":
    case "unevaluatedProperties": {
      const name = parameters.additionalProperty ?? parameters.unevaluatedProperty;
      return { field: at(String(name)), description: allowedNames(error.parentSchema), reason: "UNKNOWN" };
    }
    case "enum":
      return { field: at(), description: `must be ${allowedValues(parameters.allowedValues)}`, reason: "UNKNOWN" };
    case "const":
      return { field: at(), description: `must be ${JSON.stringify(parameters.allowedValue)}`, reason: "UNKNOWN" };
    case "if":
      return undefined;
    default:
      return { field: at(), description: error.message ?? "is not as it should be", reason: reasonOf(error.keyword) };
  }
}

function allowedNames(schema: unknown): string {
  const { properties } = schema as { readonly properties?: JsonObject };
  const names = Object.keys(properties ?? {});
  return names.length === 0
    ? "this kind has no such setting"
    : `there is no such setting; there are: ${names.join(", ")}`;
}

function allowedValues(values: unknown): string {
  const words = (Array.isArray(values) ? values : []).map((value) => JSON.stringify(value));
  return words.length === 1 ? String(words[0]) : `one of ${words.join(", ")}`;
}

const reasons: Readonly<Record<string, ViolationReason>> = {
  minimum: "OUT_OF_RANGE",
  maximum: "OUT_OF_RANGE",
  exclusiveMinimum: "OUT_OF_RANGE",
  exclusiveMaximum: "OUT_OF_RANGE",
  multipleOf: "OUT_OF_RANGE",
  minLength: "OUT_OF_RANGE",
  minItems: "OUT_OF_RANGE",
  minProperties: "OUT_OF_RANGE",
  maxLength: "TOO_LONG",
  maxItems: "TOO_MANY",
  maxProperties: "TOO_MANY",
};

function reasonOf(keyword: string): ViolationReason {
  return reasons[keyword] ?? "PATTERN";
}

/** A JSON Pointer (RFC 6901) taken apart. */
function segmentsOf(pointer: string): string[] {
  const segments = pointer.split("/").slice(1);
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** `provider.settings.list[0].name`; a pointer does not tell an index from a name, the value does. */
function pathOf(segments: readonly string[], settings: JsonObject): string {
  let path = "provider.settings";
  let value: unknown = settings;
  for (const segment of segments) {
    path += step(segment, Array.isArray(value));
    value = (value as Readonly<Record<string, unknown>> | undefined)?.[segment];
  }
  return path;
}

function step(segment: string, isIndex: boolean): string {
  if (isIndex) return `[${segment}]`;
  return /^[A-Za-z_$][\w$]*$/.test(segment) ? `.${segment}` : `[${JSON.stringify(segment)}]`;
}

/** Alternatives (`anyOf`) may complain about the same thing twice. */
function distinct(violations: readonly Violation[]): readonly Violation[] {
  return [...new Map(violations.map((violation) => [JSON.stringify(violation), violation])).values()];
}
