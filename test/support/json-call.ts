import type { JsonObject } from "@bufbuild/protobuf";

export interface JsonAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

/** A unary call as plain JSON over HTTP. `method` is the name of the RPC, such as `AgentService/Run`. */
export async function callJson(url: string, method: string, request: object, headers = {}): Promise<JsonAnswer> {
  const response = await fetch(`${url}/livellm.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(20_000),
  });
  return { status: response.status, body: (await response.json()) as JsonObject };
}

/** Adds a provider to a gateway; throws when it is not taken. */
export async function createProvider(url: string, provider: object, headers = {}): Promise<JsonObject> {
  const { status, body } = await callJson(url, "ProvidersService/CreateProvider", { provider }, headers);
  if (status !== 200) throw new Error(`the provider was not created: ${JSON.stringify(body)}`);
  return body.provider as JsonObject;
}

/** Changes nothing of a provider but its revision, as which it is known from then on. */
export async function changeProvider(url: string, id: string): Promise<void> {
  const request = { provider: { id }, updateMask: "displayName" };
  const { status, body } = await callJson(url, "ProvidersService/UpdateProvider", request);
  if (status !== 200) throw new Error(`the provider was not changed: ${JSON.stringify(body)}`);
}
