import { BlockList, isIP } from "node:net";
import { familyOf } from "./guard-ranges.ts";

/** Hosts and addresses that requests may name though they are private. */
export interface AllowedAddresses {
  hasHost(host: string): boolean;
  hasAddress(address: string): boolean;
}

/** Reads a list of host names, IP addresses and CIDR blocks. Throws a RangeError that names the entry that is none. */
export function allowedAddresses(entries: readonly string[]): AllowedAddresses {
  const hosts = new Set<string>();
  const blocks = new BlockList();
  for (const entry of entries) add(entry.toLowerCase(), hosts, blocks);
  return {
    hasHost: (host) => hosts.has(host),
    hasAddress: (address) => isIP(address) !== 0 && blocks.check(address, familyOf(address)),
  };
}

function add(entry: string, hosts: Set<string>, blocks: BlockList): void {
  const [address = "", prefix, ...rest] = entry.split("/");
  const bits = isIP(address) === 4 ? 32 : 128;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (isIP(address) !== 0 && rest.length === 0 && length <= bits) blocks.addSubnet(address, length, familyOf(address));
  else if (prefix === undefined && /^[a-z\d_]([a-z\d_.-]*[a-z\d_])?$/.test(address)) hosts.add(address);
  else throw new RangeError(`"${entry}" is no host name, IP address or CIDR block such as 10.1.0.0/16`);
}
