import { lookup as systemLookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { buildConnector } from "undici";
import { LivellmError } from "../core/error.ts";
import type { AllowedAddresses } from "./guard-allowed.ts";
import { rangeOf } from "./guard-ranges.ts";

/** How far calls may go: `public` to the Internet alone, `private` to this machine and its network too. */
export type Reach = "public" | "private";

export interface GuardOptions {
  /** Asked at each connection: what a server may do changes when it is given its first token. */
  readonly reach: () => Reach;
  /** What may be called beyond the reach; never what is forbidden to all. */
  readonly allowed?: AllowedAddresses;
  /** The system's resolver when unset. */
  readonly lookup?: LookupFunction;
}

/**
 * Decides where connections may go. It looks at the address that a connection is about to be opened to, after the name was
 * looked up, so that a name that is looked up twice cannot be one thing first and another then.
 */
export interface Guard {
  /** Throws `permission_denied` where a URL's host says enough by itself: an IP address, or a metadata service. */
  check(hostname: string): void;
  /** For connections: fails with `permission_denied` when a name leads nowhere that may be called. */
  readonly lookup: LookupFunction;
}

export function createGuard({ reach, allowed, lookup = systemLookup as LookupFunction }: GuardOptions): Guard {
  const permits = (host: string, address: string): boolean => {
    const range = rangeOf(address);
    if (range === "forbidden") return false;
    return (
      range === "public" || reach() === "private" || allowed?.hasHost(host) || allowed?.hasAddress(address) || false
    );
  };
  return {
    check(hostname) {
      const host = hostOf(hostname);
      if (metadataHosts.has(host) || (isIP(host) !== 0 && !permits(host, host))) throw mayNotBeCalled();
    },
    lookup(hostname, options, callback) {
      const host = hostOf(hostname);
      if (metadataHosts.has(host)) return callback(mayNotBeCalled(), []);
      lookup(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, []);
        const addresses = (Array.isArray(found) ? found : []).filter(({ address }) => permits(host, address));
        const [first] = addresses;
        if (!first) return callback(mayNotBeCalled(), []);
        return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
      });
    },
  };
}

/** Whether a guard lets a host through, as far as the host says enough by itself. */
export function permits(guard: Guard, hostname: string): boolean {
  try {
    guard.check(hostname);
    return true;
  } catch (error) {
    if (refusalOfGuard(error)) return false;
    throw error;
  }
}

/** Goes wherever an administrator may send it: everywhere but to what is forbidden to all. */
export const administratorsGuard: Guard = createGuard({ reach: () => "private" });

/** Clouds' metadata services by name: some resolve to them only from inside. */
const metadataHosts: ReadonlySet<string> = new Set([
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
  "metadata.azure.internal",
  "metadata.tencentyun.com",
]);

/** As it is compared: lower-case, without the brackets of IPv6 and the dot of the root. */
function hostOf(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}

/** The same words for all that is refused: which name leads where inside is not the caller's to learn. */
function mayNotBeCalled(): LivellmError {
  const message =
    "this address may not be called: it has to be one of the public Internet, or on this server's allow-list";
  return new LivellmError("permission_denied", "permission_denied", message);
}

/** Whether an error is a guard's, however deep a client has wrapped it. */
export function refusalOfGuard(error: unknown): LivellmError | undefined {
  if (error instanceof LivellmError && error.reason === "permission_denied") return error;
  return error instanceof Error && error.cause !== undefined ? refusalOfGuard(error.cause) : undefined;
}

/** undici's connector behind a guard. Node looks no IP address up, so those are looked at before; never calls back at once. */
export function guardedConnector(guard: Guard, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, lookup: guard.lookup });
  return (options, callback) => {
    try {
      guard.check(options.hostname);
    } catch (error) {
      return queueMicrotask(() => callback(error as LivellmError, null));
    }
    return connect(options, callback);
  };
}
