import type { ProviderConnection } from "../../core/provider.ts";
import type { UpstreamHead } from "../../core/upstream.ts";

/** The versions of the API that are still served: platform.claude.com, "Versions". */
export const apiVersions = ["2023-06-01", "2026-10-21"] as const;

/** From this version on the API refuses the sampling options for every model, and not only for the newer ones. */
const versionWithoutSampling = "2026-10-21";
const samplingOptions = ["temperature", "top_p", "top_k"];

/** Whether the provider's settings leave room for sampling options. */
export function allowsSampling({ settings }: ProviderConnection): boolean {
  return settings.anthropicVersion !== versionWithoutSampling;
}

/** The version for a body: the one in the settings, else the newest that knows every option in it. */
export function versionFor(body: object, { settings }: ProviderConnection): string {
  if (typeof settings.anthropicVersion === "string") return settings.anthropicVersion;
  return samplingOptions.some((option) => option in body) ? "2023-06-01" : versionWithoutSampling;
}

/** The address of a resource such as `messages`. A base URL may end in `/v1`, as other vendors' do. */
export function urlOf({ baseUrl }: ProviderConnection, resource: string): string {
  return `${baseUrl.replace(/\/v1$/, "")}/v1/${resource}`;
}

/** The key, the version, and last the configured headers, which may replace any. */
export function requestHeaders({ apiKey, headers }: ProviderConnection, version: string): Record<string, string> {
  const configured = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()] as const);
  return {
    ...(apiKey && { "x-api-key": apiKey.reveal() }),
    "anthropic-version": version,
    ...Object.fromEntries(configured),
  };
}

/** The vendor's own id for the request. */
export function requestIdOf({ headers }: UpstreamHead): string | undefined {
  const id = headers["request-id"];
  return typeof id === "string" && id !== "" ? id : undefined;
}
