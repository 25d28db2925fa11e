import { createRequire } from "node:module";
import type { ErrorObject } from "ajv/dist/2020.js";
import { LivellmError, type Violation, type ViolationReason } from "../core/error.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import { type ExportDocument, exportVersion } from "./export-document.ts";
import { exportSchema } from "./export-schema.ts";

/**
 * What is wrong with the form of a document; nothing when it is an `ExportDocument`, from which what is usual may be absent.
 * No description quotes it: there may be secrets in it. Throws `invalid_argument` for what is no export, or a later version's.
 */
export function findFormViolations(document: unknown): readonly Violation[] {
  refuseOthers(document);
  const ajv: typeof import("ajv/dist/2020.js") = createRequire(import.meta.url)("ajv/dist/2020.js");
  const formats = { "date-time": isTime };
  const check = new ajv.Ajv2020({ allErrors: true, strictTypes: false, formats }).compile(exportSchema);
  if (check(document)) return [];
  return (check.errors ?? []).flatMap((error) => violationOf(error) ?? []);
}

/** As `Date` writes it. */
function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(text) && !Number.isNaN(Date.parse(text));
}

function refuseOthers(document: unknown): asserts document is JsonObject & Partial<ExportDocument> {
  if (!isJsonObject(document) || document.livellm !== "export") {
    throw refused('it is not an export of livellm, which begins with "livellm": "export"');
  }
  if (document.version === exportVersion) return;
  throw refused(`this livellm reads exports of version ${exportVersion}, not ${JSON.stringify(document.version)}`);
}

function violationOf({ keyword, instancePath, params, message }: ErrorObject): Violation | undefined {
  const field = pathOf(instancePath);
  const parameters: Readonly<Record<string, unknown>> = params;
  if (keyword === "required") {
    return { field: join(field, String(parameters.missingProperty)), description: "is required", reason: "REQUIRED" };
  }
  if (keyword === "additionalProperties") {
    const name = String(parameters.additionalProperty);
    return { field: join(field, name), description: "there is no such field", reason: "UNKNOWN" };
  }
  if (keyword === "if") return undefined; // what it leads to is in the list as well
  return { field, description: message ?? "is not as it should be", reason: reasons[keyword] ?? "PATTERN" };
}

const reasons: Readonly<Record<string, ViolationReason>> = {
  minimum: "OUT_OF_RANGE",
  minLength: "REQUIRED",
  minItems: "REQUIRED",
  maxLength: "TOO_LONG",
  maxItems: "TOO_MANY",
  maxProperties: "TOO_MANY",
  enum: "UNKNOWN",
};

/** `providers[0].models[1].strategy` from a JSON Pointer (RFC 6901). */
function pathOf(pointer: string): string {
  const segments = pointer.split("/").slice(1);
  return segments.map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~")).reduce(join, "");
}

function join(path: string, segment: string): string {
  if (/^\d+$/.test(segment)) return `${path}[${segment}]`;
  return path === "" ? segment : `${path}.${segment}`;
}

function refused(why: string): LivellmError {
  return new LivellmError("invalid_argument", "invalid_request", `this cannot be imported: ${why}`);
}
