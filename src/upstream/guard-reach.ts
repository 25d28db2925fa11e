import { isLoopback } from "../core/loopback.ts";
import type { Reach } from "./guard.ts";

/** What decides how far the addresses in requests may reach. */
export interface ReachFacts {
  /** The address that this server listens on. */
  readonly host: string;
  /** Whether callers have to say who they are. */
  readonly hasTokens: boolean;
  /** The operator's own word. */
  readonly allowPrivate: boolean;
}

/**
 * A server that listens on loopback, without tokens, is a developer's own: what it reaches, the developer reaches anyway.
 * Everybody else's requests name public addresses, unless the operator says otherwise.
 */
export function reachOfRequests({ host, hasTokens, allowPrivate }: ReachFacts): Reach {
  return allowPrivate || (isLoopback(host) && !hasTokens) ? "private" : "public";
}
