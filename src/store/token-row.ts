import type { AccessToken } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import { isJsonObject } from "../core/json.ts";
import type { TokenDraft } from "./token-store.ts";

/** A row of the table `token`, the same in every database: JSON as text, times in milliseconds since 1970. */
export interface TokenRow {
  readonly id: string;
  /** SHA-256 of the token, which itself is not kept. */
  readonly digest: string;
  /** Everything that is not a column of its own. */
  readonly config: string;
  readonly revision: string;
  readonly create_time: number;
  readonly update_time: number;
  readonly last_use_time: number | null;
}

type StoredToken = Omit<TokenDraft, "id" | "digest" | "expireTime"> & { readonly expireTimeMs?: number };

/** What the database keeps of a token, beside its id and digest. */
export function tokenConfigOf({ id: _, digest: __, expireTime, ...config }: TokenDraft): string {
  return JSON.stringify({
    ...config,
    ...(expireTime && { expireTimeMs: expireTime.getTime() }),
  } satisfies StoredToken);
}

/**
 * The token that a row holds. Throws `internal` when it was not written by us: a token whose limits cannot be read must not
 * become one without limits.
 */
export function tokenFromRow(row: TokenRow): AccessToken {
  const { expireTimeMs, ...config } = parsed(row);
  return {
    ...config,
    id: row.id,
    digest: row.digest,
    ...(expireTimeMs !== undefined && { expireTime: new Date(expireTimeMs) }),
    createTime: new Date(row.create_time),
    updateTime: new Date(row.update_time),
    ...(row.last_use_time !== null && { lastUseTime: new Date(row.last_use_time) }),
    revision: row.revision,
  };
}

function parsed(row: TokenRow): StoredToken {
  const config = parseJson(row.config);
  if (isJsonObject(config) && isJsonObject(config.allowed)) return config as unknown as StoredToken;
  const message = `the stored token "${row.id}" cannot be read: its configuration is not what this server writes`;
  throw new LivellmError("internal", "internal", message);
}

/** Undefined when it is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
