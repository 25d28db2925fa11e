import { readFileSync } from "node:fs";
import path from "node:path";
import { ProviderSchema } from "../../gen/livellm/v1/providers_service_pb.ts";
import type { Violation } from "../core/error.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../core/json.ts";
import type { ModelSettings, ProviderConfig, ProviderKind } from "../core/provider.ts";
import { checkProvider } from "../services/providers-check.ts";
import { draftFromProto } from "../services/providers-messages.ts";
import type { FilePath, Finding } from "./mistake.ts";
import { findingsOf, readMessage } from "./read-message.ts";
import { isReference } from "./references.ts";

export interface ProviderChecks {
  readonly kinds: ReadonlyMap<string, ProviderKind>;
  /** What is wrong with a kind and its settings, with paths from `provider` on. */
  readonly checkSettings: (kind: string, settings: JsonObject) => readonly Violation[];
  /** Relative paths are taken from here. */
  readonly folder: string;
  /** Every provider that a fallback may name. */
  readonly providerIds: readonly string[];
}

/** What a file says of its providers. */
export interface FileProviders {
  readonly providers: readonly ProviderConfig[];
  readonly findings: readonly Finding[];
}

/** Reads the items of `providers`, each as CreateProvider takes it, with `api_key_file` beside `api_key`. */
export function readProviders(
  given: readonly JsonValue[],
  written: readonly JsonValue[],
  checks: ProviderChecks,
): FileProviders {
  const read = given.map((item, i) => readProvider(item, { path: ["providers", i], written: written[i], checks }));
  return {
    providers: read.flatMap(({ provider }) => provider ?? []),
    findings: read.flatMap(({ findings }) => findings),
  };
}

interface Place {
  readonly path: FilePath;
  readonly written: JsonValue | undefined;
  readonly checks: ProviderChecks;
}

interface ReadProvider {
  readonly provider?: ProviderConfig;
  readonly findings: readonly Finding[];
}

function readProvider(item: JsonValue, { path: at, written, checks }: Place): ReadProvider {
  const { value, findings: ofKey } = withApiKey(item, { path: at, written, checks });
  const { message, findings } = readMessage(ProviderSchema, value, at);
  if (!message) return { findings: [...ofKey, ...findings] };
  const draft = draftFromProto(message);
  const violations = [
    ...checks.checkSettings(draft.kind, draft.settings),
    ...checkProvider(draft, message, { kind: checks.kinds.get(draft.kind) }),
  ].map(({ field, description }) => ({ field: field.replace(/^provider\.?/, ""), description }));
  const unknown = unknownFallbacks(draft.models, checks.providerIds);
  const all = [...ofKey, ...findings, ...findingsOf([...violations, ...unknown], at)];
  return all.length > 0 ? { findings: all } : { provider: readOnly(draft), findings: [] };
}

/** Fallbacks that name no provider there is. */
function unknownFallbacks(models: readonly ModelSettings[], ids: readonly string[]) {
  return models.flatMap(({ fallbacks }, i) =>
    fallbacks.flatMap(({ provider }, j) => {
      if (provider === "" || ids.includes(provider)) return [];
      const description = `there is no provider "${provider}"; there are: ${ids.join(", ")}`;
      return [{ field: `models[${i}].fallbacks[${j}].provider`, description }];
    }),
  );
}

/** The provider with the key that `api_key_file` names. A key that stands in the file itself is refused. */
function withApiKey(item: JsonValue, { path: at, written, checks }: Place) {
  const none = { value: item, findings: [] as readonly Finding[] };
  if (!isJsonObject(item)) return none;
  const { api_key_file: file, ...rest } = item;
  const problem = (name: string, text: string) => ({ value: rest, findings: [{ path: [...at, name], problem: text }] });
  if (file === undefined) {
    const key = isJsonObject(written) ? (written.api_key ?? written.apiKey) : undefined;
    if (key === undefined || key === null || isReference(key)) return none;
    return { ...none, findings: [{ path: [...at, "api_key"], problem: keyElsewhere }] };
  }
  if (item.api_key !== undefined || item.apiKey !== undefined)
    return problem("api_key_file", "cannot stand beside api_key; choose one");
  if (typeof file !== "string" || file === "") return problem("api_key_file", "must be the path of a file");
  try {
    return {
      value: { ...rest, api_key: readFileSync(path.resolve(checks.folder, file), "utf8").trim() },
      findings: [],
    };
  } catch (error) {
    return problem("api_key_file", error instanceof Error ? error.message : String(error));
  }
}

const keyElsewhere =
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what is to be written
  "a key does not belong in this file: write a reference to a variable of the environment, in ${ and }, or name a file with api_key_file";

function readOnly(draft: ReturnType<typeof draftFromProto>): ProviderConfig {
  const started = new Date();
  return { ...draft, readOnly: true, createTime: started, updateTime: started, revision: "file" };
}
