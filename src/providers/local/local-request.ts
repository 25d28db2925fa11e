import { invalidRequest, LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Warning } from "../../core/route.ts";

/** The models of the local engine have no options: one that is given is refused, not lost. */
export function refuseOptions(model: string, options: JsonObject): void {
  const names = Object.keys(options);
  if (names.length === 0) return;
  throw invalidRequest(
    names.map((name) => ({
      field: `route.targets[].options.${name}`,
      description: `${model} has no options`,
      reason: "UNKNOWN",
    })),
  );
}

/** Throws `failed_precondition` for a language that is said and is not English: the next target may know it. */
export function requireEnglish(model: string, languageCode: string): void {
  if (languageCode === "" || /^en(-|$)/i.test(languageCode)) return;
  const description = `${model} knows English only`;
  throw new LivellmError("failed_precondition", "unsupported", `config.languageCode: ${description}`, {
    violations: [{ field: "config.languageCode", description, reason: "UNSUPPORTED" }],
  });
}

/** Warnings for fields that are set and have no use here; `fields` by their path in JSON names. */
export function ignoredFields(model: string, fields: Readonly<Record<string, unknown>>): readonly Warning[] {
  const isSet = (value: unknown) => (Array.isArray(value) ? value.length > 0 : Boolean(value));
  return Object.entries(fields)
    .filter(([, value]) => isSet(value))
    .map(([field]) => ({ code: "option-ignored", message: `${model} has no use for it`, field }));
}

/** The provider has no such model for this. */
export function noSuchModel(model: string, purpose: string, models: readonly string[]): LivellmError {
  return new LivellmError(
    "not_found",
    "model_not_found",
    `the provider local has no ${purpose} model ${model}; it has ${models.join(", ")}`,
  );
}
