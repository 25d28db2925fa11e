import { BlockList, isIP } from "node:net";

/**
 * Who an IP address belongs to: `public` is anybody's on the Internet; `private` this machine's and its neighbours';
 * `forbidden` nobody's who could be a provider: link-local with the clouds' metadata services, multicast, broadcast.
 */
export type AddressRange = "public" | "private" | "forbidden";

type Subnet = readonly [network: string, prefix: number];

/** Never called, not even for administrators. The sources are RFC 6890 and the clouds' own pages on instance metadata. */
const forbidden = blockListOf([
  ["0.0.0.0", 8],
  ["100.100.100.200", 32], // Alibaba's metadata
  ["168.63.129.16", 32], // Azure's platform address, in a public range
  ["169.254.0.0", 16],
  ["192.0.0.192", 32], // Oracle's metadata
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
  ["::", 128],
  ["fd00:ec2::", 32], // Amazon's metadata, time and names
  ["fd20:ce::254", 128], // Google's metadata
  ["fe80::", 10],
  ["ff00::", 8],
]);

/** The rest of the special-purpose registries of IANA (RFC 6890), as far as they are not in `forbidden`. */
const privateIpv4 = blockListOf([
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
]);

/** All that has been given out of IPv6's public space (RFC 4291, 2.4), and what in it is not public. */
const globalUnicast = blockListOf([["2000::", 3]]);
const notGlobal = blockListOf([
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["3fff::", 20],
]);

function blockListOf(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of subnets) list.addSubnet(network, prefix, familyOf(network));
  return list;
}

/** `ipv4` or `ipv6`, as BlockList has them. */
export function familyOf(address: string): "ipv4" | "ipv6" {
  return isIP(address) === 4 ? "ipv4" : "ipv6";
}

/**
 * The range of an IP address in its usual notation. IPv4 that travels inside IPv6 counts as what it is inside; what is no
 * address is forbidden.
 */
export function rangeOf(address: string): AddressRange {
  const bare = address.replace(/%.*$/, "");
  const family = isIP(bare);
  if (family === 0) return "forbidden";
  if (family === 4) return rangeOfIpv4(bare);
  return rangeOfIpv6(bare, wordsOf(bare));
}

function rangeOfIpv4(address: string): AddressRange {
  if (forbidden.check(address, "ipv4")) return "forbidden";
  return privateIpv4.check(address, "ipv4") ? "private" : "public";
}

/** What carries an IPv4 address: its first words, where the address is, and whether a public one is public in it too. */
interface Carrier {
  readonly prefix: readonly number[];
  readonly at: number;
  readonly carriesPublic: boolean;
}

/** Mapped and NAT64 (RFC 6052) reach what they name; the others are of the past, or somebody's own. */
const carriers: readonly Carrier[] = [
  { prefix: [0, 0, 0, 0, 0, 0xffff], at: 6, carriesPublic: true },
  { prefix: [0x64, 0xff9b, 0, 0, 0, 0], at: 6, carriesPublic: true },
  { prefix: [0x64, 0xff9b, 1], at: 6, carriesPublic: false },
  { prefix: [0x2002], at: 1, carriesPublic: false },
  { prefix: [0, 0, 0, 0, 0xffff, 0], at: 6, carriesPublic: false },
];

function rangeOfIpv6(address: string, words: readonly number[]): AddressRange {
  if (forbidden.check(address, "ipv6")) return "forbidden";
  const carrier = carriers.find(({ prefix }) => prefix.every((word, i) => word === words[i]));
  if (carrier) return rangeInside(carrier, ipv4At(words, carrier.at));
  if (isCompatible(words)) return rangeInside({ carriesPublic: false }, ipv4At(words, 6));
  const isPublic = globalUnicast.check(address, "ipv6") && !notGlobal.check(address, "ipv6");
  return isPublic ? "public" : "private";
}

function rangeInside({ carriesPublic }: Pick<Carrier, "carriesPublic">, inner: string): AddressRange {
  const range = rangeOfIpv4(inner);
  return range === "public" && !carriesPublic ? "private" : range;
}

/** `::a.b.c.d` of the first standard; `::1` is this machine, and not 0.0.0.1. */
function isCompatible(words: readonly number[]): boolean {
  return words.slice(0, 6).every((word) => word === 0) && words[6] !== 0;
}

function ipv4At(words: readonly number[], at: number): string {
  const [high = 0, low = 0] = words.slice(at, at + 2);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}

/** The eight words of an IPv6 address. WHATWG's parser writes dotted endings as words; it was an address before. */
function wordsOf(address: string): readonly number[] {
  const [front = "", back] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const head = numbersOf(front);
  const tail = numbersOf(back ?? "");
  return [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

function numbersOf(text: string): readonly number[] {
  return text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16));
}
