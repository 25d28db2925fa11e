import type { Config } from "./config.ts";
import { createGuard, type Guard } from "./upstream/guard.ts";
import { type AllowedAddresses, allowedAddresses } from "./upstream/guard-allowed.ts";
import { reachOfRequests } from "./upstream/guard-reach.ts";

/** For the addresses that requests bring along: inline providers, MCP servers. */
export function createRequestsGuard(config: Config, hasTokens: () => boolean): Guard {
  const { host, allowPrivateAddresses, allowedAddresses: entries } = config;
  const reach = () => reachOfRequests({ host, hasTokens: hasTokens(), allowPrivate: allowPrivateAddresses });
  return createGuard({ reach, allowed: readAllowed(entries) });
}

function readAllowed(entries: readonly string[]): AllowedAddresses {
  try {
    return allowedAddresses(entries);
  } catch (cause) {
    throw new Error(`LIVELLM_ALLOWED_ADDRESSES: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
