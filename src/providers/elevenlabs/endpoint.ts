import type { ProviderConnection } from "../../core/provider.ts";
import type { UpstreamHead } from "../../core/upstream.ts";

/** Credentials, and last the configured headers, which may replace any. */
export function requestHeaders({ apiKey, headers }: ProviderConnection): Record<string, string> {
  const configured = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()] as const);
  return { ...(apiKey && { "xi-api-key": apiKey.reveal() }), ...Object.fromEntries(configured) };
}

export const jsonHeaders = { "content-type": "application/json" } as const;

/** An address under `/v1` or `/v2`; what has no value is left out of the query. */
export function addressOf(
  { baseUrl }: ProviderConnection,
  path: string,
  query: Readonly<Record<string, string | number | boolean | undefined>> = {},
): string {
  const url = new URL(baseUrl + path);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  return url.href;
}

/** The vendor's own id for the request. */
export function requestIdOf({ headers }: UpstreamHead): string | undefined {
  const id = headers["request-id"] ?? headers["x-request-id"];
  return typeof id === "string" && id !== "" ? id : undefined;
}
