import { isFieldSet } from "@bufbuild/protobuf";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { type Provider, ProviderSchema } from "../../gen/livellm/v1/providers_service_pb.ts";
import type { Violation } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";
import type { ProviderDraft } from "../store/provider-store.ts";

type Field = Exclude<keyof ProviderDraft, "id" | "kind">;

/** What a mask may name, by its name in the contract. */
const plainFields = {
  display_name: "displayName",
  base_url: "baseUrl",
  allowed_models: "allowedModels",
  blocked_models: "blockedModels",
  default_options: "defaultOptions",
  labels: "labels",
  disabled: "disabled",
  default_model: "defaultModel",
  fallback_model: "fallbackModel",
  models: "models",
  settings: "settings",
} as const satisfies Readonly<Record<string, Field>>;

const secretFields = { api_key: "apiKey", headers: "headers" } as const satisfies Readonly<Record<string, Field>>;

const fields = new Map<string, Field>(Object.entries({ ...plainFields, ...secretFields }));

const immutable: ReadonlySet<string> = new Set(["id", "kind"]);

/** Output only, and the etag, which is compared and not written. */
const ignored: ReadonlySet<string> = new Set([
  "obfuscated_api_key",
  "header_names",
  "read_only",
  "create_time",
  "update_time",
  "etag",
]);

/** Fields of which a mask may name one entry: `labels.team`, `settings.api`. In maps the key may hold dots. */
const maps: ReadonlySet<string> = new Set(["labels", "headers"]);
const structs: ReadonlySet<string> = new Set(["default_options", "settings"]);

/** The fields an update changes, as paths in the contract's names, and what is wrong with the mask. */
export interface ChangedPaths {
  readonly paths: readonly string[];
  readonly violations: readonly Violation[];
}

/**
 * Reads `UpdateProviderRequest.update_mask`. Without one (an empty one is none), what is set in the provider; `*` is
 * everything but secrets that are not set, which may still be named beside it.
 */
export function changedPaths(provider: Provider, mask: FieldMask | undefined): ChangedPaths {
  const named = mask?.paths ?? [];
  if (named.length === 0) return { paths: setPaths(provider), violations: [] };
  const paths = named.flatMap((path) => (path === "*" ? allPaths(provider) : [path]));
  return {
    paths: paths.filter((path) => !pathViolation(path) && fields.has(headOf(path))),
    violations: paths.flatMap((path) => pathViolation(path) ?? []),
  };
}

/** True when the mask, or its absence, speaks about every field that is set, `kind` included. */
export function coversKind(mask: FieldMask | undefined): boolean {
  const named = mask?.paths ?? [];
  return named.length === 0 || named.includes("*");
}

function allPaths(provider: Provider): string[] {
  const secrets = Object.keys(secretFields);
  return [...Object.keys(plainFields), ...setPaths(provider).filter((path) => secrets.includes(path))];
}

function setPaths(provider: Provider): string[] {
  const set = ProviderSchema.fields.filter((field) => isFieldSet(provider, field));
  return set.map(({ name }) => name).filter((name) => fields.has(name));
}

function pathViolation(path: string): Violation | undefined {
  const head = headOf(path);
  const nested = path !== head;
  if (immutable.has(head)) return maskViolation(`${head} cannot be changed`, "IMMUTABLE");
  if (nested ? isEntry(path) : fields.has(head) || ignored.has(head)) return undefined;
  const names = [...fields.keys()].map(jsonName).join(", ");
  return maskViolation(`there is no field "${path}" to change; there are: ${names}, or * for all`, "UNKNOWN");
}

/** A path to one entry of a map or a struct, with no empty name in it. */
function isEntry(path: string): boolean {
  const head = headOf(path);
  return (maps.has(head) || structs.has(head)) && keysOf(path).every((key) => key !== "");
}

/** The current provider with the changed fields from the given one. */
export function mergeProvider(current: ProviderDraft, given: ProviderDraft, paths: readonly string[]): ProviderDraft {
  return paths.reduce((draft, path) => mergeField(draft, given, path), current);
}

function mergeField(draft: ProviderDraft, given: ProviderDraft, path: string): ProviderDraft {
  const field = fields.get(headOf(path));
  if (!field) return draft;
  if (path === headOf(path)) return { ...draft, [field]: given[field] };
  return { ...draft, [field]: mergeEntry(draft[field], given[field], keysOf(path)) };
}

type Entries = Readonly<Record<string, unknown>>;

function mergeEntry(current: unknown, given: unknown, [key = "", ...rest]: readonly string[]): Entries {
  const [into, from] = [entriesOf(current), entriesOf(given)];
  if (rest.length > 0) return { ...into, [key]: mergeEntry(into[key], from[key], rest) };
  const { [key]: _, ...others } = into;
  return Object.hasOwn(from, key) ? { ...others, [key]: from[key] } : others;
}

/**
 * Entries that neither the current nor the given provider has. Mostly it is the JSON form of masks that changed the name,
 * which turns capitals into underscores; a change that did not happen must not look as if it had.
 */
export function missingEntries(
  current: ProviderDraft,
  given: ProviderDraft,
  paths: readonly string[],
): readonly Violation[] {
  const entries = paths.filter((path) => path !== headOf(path));
  const missing = entries.filter((path) => !hasEntry(current, path) && !hasEntry(given, path));
  return missing.map((path) =>
    maskViolation(`there is no "${path}", neither now nor in the request; name ${jsonName(headOf(path))}`, "UNKNOWN"),
  );
}

function hasEntry(draft: ProviderDraft, path: string): boolean {
  const field = fields.get(headOf(path));
  let value: unknown = field && draft[field];
  for (const key of keysOf(path)) {
    if (!Object.hasOwn(entriesOf(value), key)) return false;
    value = entriesOf(value)[key];
  }
  return true;
}

function entriesOf(value: unknown): Entries {
  return isJsonObject(value) ? value : {};
}

function headOf(path: string): string {
  return path.split(".", 1)[0] ?? "";
}

function keysOf(path: string): readonly string[] {
  const rest = path.slice(headOf(path).length + 1);
  return maps.has(headOf(path)) ? [rest] : rest.split(".");
}

function maskViolation(description: string, reason: Violation["reason"]): Violation {
  return { field: "updateMask", description, reason };
}

function jsonName(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
