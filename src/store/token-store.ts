import type { AccessToken } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";

/** A token as an administrator, and the server, make it: everything but what the store decides. */
export type TokenDraft = Omit<AccessToken, "createTime" | "updateTime" | "lastUseTime" | "revision">;

/** Keeps the callers' tokens, as {@link ProviderStore} keeps providers; it is closed with that. */
export interface TokenStore {
  /** All of them, by id. */
  list(): Promise<readonly AccessToken[]>;
  get(id: string): Promise<AccessToken | undefined>;
  /** The revision of each, by id: tells what has changed without reading all of it. */
  revisions(): Promise<ReadonlyMap<string, string>>;
  /** `already_exists` when the id is taken. */
  create(draft: TokenDraft): Promise<AccessToken>;
  /**
   * Replaces all of the token but its times of creation and use. `aborted` when its revision is not the expected one,
   * `not_found` when there is none. The revision of the answer has never been used before.
   */
  update(draft: TokenDraft, expectedRevision: string): Promise<AccessToken>;
  /** `aborted` when its revision is not the expected one, `not_found` when there is none. */
  delete(id: string, expectedRevision: string): Promise<void>;
  /** Notes when the token was used; changes neither its revision nor anything else, and tells no listener. */
  noteUse(id: string, time: Date): Promise<void>;
  /** As that of {@link ProviderStore}. */
  subscribe(listener: () => void): () => void;
}

/** A token with this id is there already. */
export function tokenExists(id: string): LivellmError {
  return new LivellmError("already_exists", "invalid_request", `there is a token "${id}" already: try again`);
}

/** Somebody else has changed, or revoked, the token since the caller read it. */
export function tokenChanged(id: string): LivellmError {
  return new LivellmError(
    "aborted",
    "invalid_request",
    `token "${id}" has been changed meanwhile: read it again and repeat the change with its new etag`,
  );
}

/** The token is not in the store. */
export function tokenGone(id: string): LivellmError {
  return new LivellmError("not_found", "not_found", `there is no token "${id}"`);
}
