import type { ProviderConnection } from "../../core/provider.ts";
import type { ExplainError, UpstreamRequest } from "../../core/upstream.ts";
import { requestHeaders } from "../openai-compatible/endpoint.ts";
import { writeJson } from "../openai-compatible/json-text.ts";

/** A call of Ollama's own API, such as `POST /api/chat`. */
export function toPost(
  connection: ProviderConnection,
  call: { readonly path: "chat" | "pull" | "show"; readonly body: object; readonly explain: ExplainError },
): UpstreamRequest {
  return {
    url: apiUrl(connection, call.path),
    headers: requestHeaders(connection, { authentication: "bearer" }),
    body: writeJson(call.body),
    explain: call.explain,
  };
}

export function toGet(connection: ProviderConnection, path: "tags", explain: ExplainError): UpstreamRequest {
  const { "content-type": _, ...headers } = requestHeaders(connection, { authentication: "bearer" });
  return { method: "GET", url: apiUrl(connection, path), headers, explain };
}

/** A base URL may end in `/api`, or in the `/v1` of the surface that is like OpenAI's. */
function apiUrl({ baseUrl }: ProviderConnection, path: string): string {
  return `${baseUrl.replace(/\/(?:api|v1)$/, "")}/api/${path}`;
}
