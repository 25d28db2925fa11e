import type { Provider } from "../../gen/livellm/v1/providers_service_pb.ts";
import type { Violation } from "../core/error.ts";
import type { ProviderKind } from "../core/provider.ts";
import type { ProviderDraft } from "../store/provider-store.ts";

/**
 * What is wrong with a provider beyond the form of its fields, its settings apart. `draft` is the provider as it would be
 * kept, `given` what the request holds: secrets are looked at there, before they are hidden. No message quotes a secret.
 */
export function checkProvider(
  draft: ProviderDraft,
  given: Provider,
  { kind, mayCall = () => true }: { readonly kind: ProviderKind | undefined; readonly mayCall?: MayCall | undefined },
): Violation[] {
  return [
    ...checkBaseUrl(draft, kind, mayCall),
    ...checkApiKey(draft, given, kind),
    ...checkHeaders(draft, given),
    ...checkFallbacks(given),
  ];
}

/** Whether this server would ever connect to such a host, as far as that can be told without looking it up. */
export type MayCall = (hostname: string) => boolean;

function checkBaseUrl({ baseUrl }: ProviderDraft, kind: ProviderKind | undefined, mayCall: MayCall): Violation[] {
  const field = "provider.baseUrl";
  if (baseUrl === "") {
    if (!kind?.baseUrlRequired) return [];
    return [{ field, description: `is required for the kind ${kind.kind}`, reason: "REQUIRED" }];
  }
  const wrong = faultOfUrl(baseUrl);
  if (wrong !== undefined) return [{ field, description: wrong, reason: "PATTERN" }];
  if (mayCall(new URL(baseUrl).hostname)) return [];
  const description = "must not be link-local, multicast, or a cloud's metadata service: this server never calls those";
  return [{ field, description, reason: "UNSUPPORTED" }];
}

/** The URL is not quoted: it may hold a password. */
function faultOfUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || /\s/.test(text)) return "must be a URL such as https://api.example.com/v1";
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must begin with https:// or http://";
  if (url.username !== "" || url.password !== "") {
    return "must not hold a user name or password: use apiKey or headers";
  }
  if (/[?#]/.test(text)) return "must not have a query or a fragment";
  return undefined;
}

function checkApiKey(draft: ProviderDraft, given: Provider, kind: ProviderKind | undefined): Violation[] {
  const field = "provider.apiKey";
  if (!draft.apiKey && kind?.apiKeyRequired) {
    return [{ field, description: `is required for the kind ${kind.kind}`, reason: "REQUIRED" }];
  }
  // It is going to be a header's value; a line break at the end is what copying a key gives.
  if (!/^[\x21-\x7e]*$/.test(given.apiKey)) {
    const description = "must be of visible ASCII characters, without spaces or line breaks";
    return [{ field, description, reason: "PATTERN" }];
  }
  return [];
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

function checkHeaders(draft: ProviderDraft, given: Provider): Violation[] {
  const values = Object.entries(given.headers);
  return [
    ...values.flatMap(([name, value]) => checkHeader(name, value)),
    ...repeated(Object.keys(draft.headers)).map((name): Violation => {
      const description = "is there twice: header names are the same in capitals and small letters";
      return { field: headerField(name), description, reason: "CONFLICT" };
    }),
  ];
}

function checkHeader(name: string, value: string): Violation[] {
  // RFC 9110 section 5.6.2. The name is not quoted: a whole header line in its place would show its value.
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
    const description = "a header's name must be an HTTP token such as x-title: letters, digits and !#$%&'*+-.^_`|~";
    return [{ field: "provider.headers", description, reason: "PATTERN" }];
  }
  const field = headerField(name);
  if (reservedHeaders.has(name.toLowerCase())) {
    return [{ field, description: "cannot be set: it belongs to the connection", reason: "UNSUPPORTED" }];
  }
  if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
    const description = "its value must not hold line breaks, control characters, or any beyond Latin-1";
    return [{ field, description, reason: "PATTERN" }];
  }
  return [];
}

function headerField(name: string): string {
  return `provider.headers[${JSON.stringify(name)}]`;
}

function repeated(names: readonly string[]): readonly string[] {
  const lower = names.map((name) => name.toLowerCase());
  return names.filter((_, i) => lower.indexOf(lower[i] ?? "") < i);
}

/** Fallbacks are kept and returned, and an inline provider's key must be neither. */
function checkFallbacks(given: Provider): Violation[] {
  return given.models.flatMap(({ fallbacks }, i) =>
    fallbacks.flatMap(({ inlineProvider }, j): Violation[] => {
      if (!inlineProvider) return [];
      const field = `provider.models[${i}].fallbacks[${j}].inlineProvider`;
      const description = "cannot be kept in a fallback: add it as a provider of its own and name that";
      return [{ field, description, reason: "UNSUPPORTED" }];
    }),
  );
}
