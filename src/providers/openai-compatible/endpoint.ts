import type { ProviderConnection } from "../../core/provider.ts";
import type { UpstreamHead } from "../../core/upstream.ts";
import type { Dialect } from "./dialect.ts";

/** The address of a chat completions call. */
export function chatUrl(connection: ProviderConnection, dialect: Dialect, model: string): string {
  if (!usesDeployments(connection, dialect)) return `${connection.baseUrl}/chat/completions`;
  return `${connection.baseUrl}/openai/deployments/${encodeURIComponent(model)}/chat/completions${version(connection, dialect)}`;
}

/** The address of the list of models. */
export function modelsUrl(connection: ProviderConnection, dialect: Dialect): string {
  if (!usesDeployments(connection, dialect)) return `${connection.baseUrl}/models`;
  return `${connection.baseUrl}/openai/models${version(connection, dialect)}`;
}

/** Azure has two surfaces: the older one has deployments in the path, `/openai/v1` is as OpenAI's own. */
function usesDeployments({ baseUrl }: ProviderConnection, { deployments }: Dialect): boolean {
  return deployments !== undefined && !baseUrl.endsWith("/v1");
}

function version({ settings }: ProviderConnection, { deployments }: Dialect): string {
  const named = typeof settings.apiVersion === "string" ? settings.apiVersion : deployments?.apiVersion;
  return `?api-version=${encodeURIComponent(named ?? "")}`;
}

/** Credentials, our request id where the vendor takes one, and last the configured headers, which may replace any. */
export function requestHeaders(
  { apiKey, headers }: ProviderConnection,
  dialect: Pick<Dialect, "authentication" | "requestIdHeader">,
  requestId = "",
): Record<string, string> {
  const configured = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()] as const);
  return {
    "content-type": "application/json",
    ...(apiKey && credentials(apiKey.reveal(), dialect.authentication)),
    ...(dialect.requestIdHeader && fitsHeader(requestId) && { [dialect.requestIdHeader]: requestId }),
    ...Object.fromEntries(configured),
  };
}

function credentials(key: string, authentication: Dialect["authentication"]): Record<string, string> {
  return authentication === "api-key" ? { "api-key": key } : { authorization: `Bearer ${key}` };
}

/** OpenAI refuses an `x-client-request-id` that is not ASCII or has more than 512 characters: "API overview". */
function fitsHeader(requestId: string): boolean {
  return /^[\x20-\x7e]{1,512}$/.test(requestId);
}

/** The vendor's own id for the request. */
export function requestIdOf({ headers }: UpstreamHead): string | undefined {
  const id = headers["x-request-id"] ?? headers["apim-request-id"];
  return typeof id === "string" && id !== "" ? id : undefined;
}
