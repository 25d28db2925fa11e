import { LivellmError } from "../core/error.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { ModelSettings, ProviderConfig } from "../core/provider.ts";
import { Secret } from "../core/secret.ts";
import type { ProviderDraft } from "./provider-store.ts";
import type { Sealer } from "./sealing.ts";

/** A row of the table `provider`, the same in every database: JSON as text, times in milliseconds since 1970. */
export interface ProviderRow {
  readonly id: string;
  readonly kind: string;
  /** Everything that is neither secret nor a column of its own. */
  readonly config: string;
  /** API key and headers, sealed together; null when there are none. */
  readonly secrets: string | null;
  readonly revision: string;
  readonly create_time: number;
  readonly update_time: number;
}

/** The columns that an update writes. */
export type ProviderColumns = Omit<ProviderRow, "id" | "revision" | "create_time" | "update_time">;

type StoredConfig = Omit<ProviderDraft, "id" | "kind" | "apiKey" | "headers">;

interface StoredSecrets {
  readonly apiKey?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the database keeps of a provider. */
export function columnsOf(draft: ProviderDraft, sealer: Sealer): ProviderColumns {
  const { id, kind, apiKey, headers, ...config } = draft;
  return {
    kind,
    config: JSON.stringify(config satisfies StoredConfig),
    secrets: sealSecrets(draft, sealer),
  };
}

function sealSecrets({ id, apiKey, headers }: ProviderDraft, sealer: Sealer): string | null {
  const names = Object.keys(headers);
  if (!apiKey && names.length === 0) return null;
  const secrets: StoredSecrets = {
    ...(apiKey && { apiKey: apiKey.reveal() }),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value.reveal()])),
  };
  return sealer.seal(JSON.stringify(secrets), id);
}

/** The provider that a row holds. Throws `internal` when its secrets cannot be opened, or it was not written by us. */
export function configFromRow(row: ProviderRow, sealer: Sealer): ProviderConfig {
  const config = parseObject(row.config, row.id);
  const { apiKey, headers } = openSecrets(row, sealer);
  return {
    ...emptyConfig,
    ...(config as Partial<StoredConfig>),
    id: row.id,
    kind: row.kind,
    ...(apiKey !== undefined && { apiKey: new Secret(apiKey) }),
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, new Secret(value)])),
    readOnly: false,
    createTime: new Date(row.create_time),
    updateTime: new Date(row.update_time),
    revision: row.revision,
  };
}

/** Rows written before a field existed read as if it were not set. */
export const emptyConfig: StoredConfig = {
  displayName: "",
  baseUrl: "",
  allowedModels: [],
  blockedModels: [],
  defaultOptions: {},
  labels: {},
  disabled: false,
  defaultModel: "",
  fallbackModel: "",
  models: [] satisfies ModelSettings[],
  settings: {},
};

function openSecrets(row: ProviderRow, sealer: Sealer): StoredSecrets {
  if (row.secrets === null) return { headers: {} };
  const text = sealer.open(row.secrets, row.id);
  if (text === undefined) throw unreadable(row.id, "its secrets were sealed with another master key, or changed");
  return JSON.parse(text) as StoredSecrets; // authentic: only sealSecrets has written it
}

function parseObject(text: string, id: string): JsonObject {
  const value = parseJson(text);
  if (!isJsonObject(value)) throw unreadable(id, "its configuration is not a JSON object");
  return value;
}

/** Undefined when it is not JSON: the parser's error would quote it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unreadable(id: string, why: string): LivellmError {
  return new LivellmError("internal", "internal", `the stored provider "${id}" cannot be read: ${why}`);
}
