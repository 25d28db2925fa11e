import type { ViolationReason } from "./error.ts";

/** What is wrong with one header. Its name is left out where it must not be quoted. */
export interface HeaderFault {
  readonly header?: string;
  readonly reason: ViolationReason;
  readonly description: string;
}

/** Why a text cannot be the address of a provider. It is not quoted: it may hold a password. */
export function faultOfBaseUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || /\s/.test(text)) return "must be a URL such as https://api.example.com/v1";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https:// or http://";
  if (url.username !== "" || url.password !== "") {
    return "must not hold a user name or password: use apiKey or headers";
  }
  if (/[?#]/.test(text)) return "must not have a query or a fragment";
  return undefined;
}

/** Why a text cannot be an API key: it is going to be a header's value, and a line break is what copying a key adds. */
export function faultOfApiKey(text: string): string | undefined {
  if (/^[\x21-\x7e]*$/.test(text)) return undefined;
  return "must be of visible ASCII characters, without spaces or line breaks";
}

/** Hop-by-hop (RFC 9110 section 7.6.1 and older proxies'), and what the HTTP client sets from the request itself. */
const reservedHeaders: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "content-length",
  "host",
]);

/** Headers that cannot be sent with a request, by name and value. */
export function faultsOfHeaders(headers: Readonly<Record<string, string>>): HeaderFault[] {
  return Object.entries(headers).flatMap(([name, value]) => faultOfHeader(name, value) ?? []);
}

function faultOfHeader(name: string, value: string): HeaderFault | undefined {
  // RFC 9110 section 5.6.2. The name is not quoted: a whole header line in its place would show its value.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    const description = "a header's name must be an HTTP token such as x-title: letters, digits and !#$%&'*+-.^_`|~";
    return { reason: "PATTERN", description };
  }
  if (reservedHeaders.has(name.toLowerCase())) {
    return { header: name, reason: "UNSUPPORTED", description: "cannot be set: it belongs to the connection" };
  }
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return undefined;
  const description = "its value must not hold line breaks, control characters, or any beyond Latin-1";
  return { header: name, reason: "PATTERN", description };
}

/** Names that are there twice. */
export function faultsOfRepeatedHeaders(names: readonly string[]): HeaderFault[] {
  const lower = names.map((name) => name.toLowerCase());
  const repeated = names.filter((_, i) => lower.indexOf(lower[i] ?? "") < i);
  const description = "is there twice: header names are the same in capitals and small letters";
  return repeated.map((header) => ({ header, reason: "CONFLICT", description }));
}
