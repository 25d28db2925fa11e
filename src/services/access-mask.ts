import { isFieldSet } from "@bufbuild/protobuf";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import { AccessTokenSchema, type AccessToken as ProtoAccessToken } from "../../gen/livellm/v1/access_service_pb.ts";
import type { Violation } from "../core/error.ts";
import type { TokenSettings } from "./access-messages.ts";

type Merge = (current: TokenSettings, given: TokenSettings) => TokenSettings;

/** What a mask may name, by its name in the contract; of labels also one entry, as `labels.team`. */
const fields: ReadonlyMap<string, Merge> = new Map<string, Merge>([
  ["display_name", (current, { displayName }) => ({ ...current, displayName })],
  ["labels", (current, { labels }) => ({ ...current, labels })],
  ["expire_time", (current, { expireTime }) => ({ ...current, expireTime })],
  ["disabled", (current, { disabled }) => ({ ...current, disabled })],
  ["allowed_providers", (current, { allowed }) => withAllowed(current, { providers: allowed.providers })],
  ["allowed_models", (current, { allowed }) => withAllowed(current, { models: allowed.models })],
  ["allowed_routes", (current, { allowed }) => withAllowed(current, { routes: allowed.routes })],
  [
    "inline_providers_allowed",
    (current, { allowed }) => withAllowed(current, { inlineProviders: allowed.inlineProviders }),
  ],
  ["requests_per_minute", (current, { requestsPerMinute }) => ({ ...current, requestsPerMinute })],
  ["tokens_per_minute", (current, { tokensPerMinute }) => ({ ...current, tokensPerMinute })],
]);

/** Output only, and the etag, which is compared and not written. */
const ignored: ReadonlySet<string> = new Set([
  "obfuscated_token",
  "create_time",
  "update_time",
  "last_use_time",
  "etag",
]);

const label = "labels.";

/** Reads `UpdateTokenRequest.update_mask`. Without one (an empty one is none), what is set in the token; `*` is everything. */
export function changedTokenPaths(
  given: ProtoAccessToken,
  mask: FieldMask | undefined,
): { readonly paths: readonly string[]; readonly violations: readonly Violation[] } {
  const named = mask?.paths ?? [];
  const asked =
    named.length === 0 ? setFields(given) : named.flatMap((path) => (path === "*" ? [...fields.keys()] : path));
  return {
    paths: asked.filter((path) => fields.has(path) || isLabel(path)),
    violations: asked.flatMap((path) => pathViolation(path) ?? []),
  };
}

/** The current settings with the changed fields from the given ones. */
export function mergeToken(current: TokenSettings, given: TokenSettings, paths: readonly string[]): TokenSettings {
  return paths.reduce((settings, path) => {
    const merge = fields.get(path);
    return merge ? merge(settings, given) : mergeLabel(settings, given, path.slice(label.length));
  }, current);
}

function withAllowed(current: TokenSettings, change: Partial<TokenSettings["allowed"]>): TokenSettings {
  return { ...current, allowed: { ...current.allowed, ...change } };
}

function mergeLabel(settings: TokenSettings, given: TokenSettings, key: string): TokenSettings {
  const { [key]: _, ...others } = settings.labels;
  const added = Object.hasOwn(given.labels, key) ? { [key]: given.labels[key] ?? "" } : {};
  return { ...settings, labels: { ...others, ...added } };
}

function setFields(given: ProtoAccessToken): readonly string[] {
  const set = AccessTokenSchema.fields.filter((field) => isFieldSet(given, field)).map(({ name }) => name);
  return set.filter((name) => fields.has(name));
}

function isLabel(path: string): boolean {
  return path.startsWith(label) && path.length > label.length;
}

function pathViolation(path: string): Violation | undefined {
  if (fields.has(path) || ignored.has(path) || isLabel(path)) return undefined;
  if (path === "id") return { field: "updateMask", description: "id cannot be changed", reason: "IMMUTABLE" };
  const names = [...fields.keys()].map((name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
  const description = `there is no such field to change; there are: ${names.join(", ")}, or * for all`;
  return { field: "updateMask", description, reason: "UNKNOWN" };
}
