import { LivellmError } from "../core/error.ts";
import type { ProviderConfig } from "../core/provider.ts";

/** A provider as a caller writes it: everything but what the store, or the server's own configuration, decides. */
export type ProviderDraft = Omit<ProviderConfig, "readOnly" | "createTime" | "updateTime" | "revision">;

/**
 * Keeps the configured providers. Everything that is kept outlives the process once its promise has resolved (the
 * in-memory store apart). Secrets are sealed before they leave the process. Every method throws `LivellmError`.
 */
export interface ProviderStore {
  /** All of them, by id. */
  list(): Promise<readonly ProviderConfig[]>;
  get(id: string): Promise<ProviderConfig | undefined>;
  /** The revision of each, by id: tells what has changed without reading all of it. */
  revisions(): Promise<ReadonlyMap<string, string>>;
  /** `already_exists` when the id is taken. */
  create(draft: ProviderDraft): Promise<ProviderConfig>;
  /**
   * Replaces all of the provider but its create time. `aborted` when its revision is not the expected one, `not_found`
   * when there is none. The revision of the answer has never been used before.
   */
  update(draft: ProviderDraft, expectedRevision: string): Promise<ProviderConfig>;
  /** `aborted` when its revision is not the expected one, `not_found` when there is none. */
  delete(id: string, expectedRevision: string): Promise<void>;
  /**
   * Calls the listener, which must not throw, after every change, whoever made it, at once or within a second, and now and
   * then without one; look at the revisions then. Returns the function that ends it.
   */
  subscribe(listener: () => void): () => void;
  /** Nothing else may be called afterwards, but for `close` itself. */
  close(): Promise<void>;
}

/** A provider with this id is there already. */
export function providerExists(id: string): LivellmError {
  return new LivellmError(
    "already_exists",
    "invalid_request",
    `there is a provider "${id}" already: change it with UpdateProvider, or choose another id`,
  );
}

/** Somebody else has changed, or removed, the provider since the caller read it. */
export function providerChanged(id: string): LivellmError {
  return new LivellmError(
    "aborted",
    "invalid_request",
    `provider "${id}" has been changed meanwhile: read it again and repeat the change with its new etag`,
  );
}

/** The provider is not in the store. */
export function providerGone(id: string): LivellmError {
  return new LivellmError("not_found", "not_found", `there is no stored provider "${id}"`);
}
