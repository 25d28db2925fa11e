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

/** Whether an address is that of a proxy which is believed in what it says of its clients. Throws for what is no address. */
export function proxyCheck(entries: readonly string[]): (address: string) => boolean {
  const { hasAddress, hasHost } = allowedAddresses(entries);
  const name = entries.find((entry) => hasHost(entry.toLowerCase()));
  if (name === undefined) return hasAddress;
  throw new RangeError(`LIVELLM_TRUSTED_PROXIES: "${name}" is no IP address or CIDR block such as 10.1.0.0/16`);
}

function readAllowed(entries: readonly string[]): AllowedAddresses {
  try {
    return allowedAddresses(entries);
  } catch (cause) {
    throw new Error(`LIVELLM_ALLOWED_ADDRESSES: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
