import type { ProviderConnection } from "../../core/provider.ts";

const version = "v1beta";

/** The address of a method of a model, such as `models/gemini-3.8-flash:generateContent`. */
export function modelUrl({ baseUrl }: ProviderConnection, model: string, method: string): string {
  return `${versioned(baseUrl)}/${resourceName(model).split("/").map(encodeURIComponent).join("/")}:${method}`;
}

/** The address of the list of models, or of a page of it. */
export function modelsUrl({ baseUrl }: ProviderConnection, pageToken: string): string {
  const page = pageToken === "" ? "" : `&pageToken=${encodeURIComponent(pageToken)}`;
  return `${versioned(baseUrl)}/models?pageSize=1000${page}`;
}

/** The address of the Live API. */
export function liveUrl({ baseUrl }: ProviderConnection): string {
  const { protocol, host, pathname } = new URL(baseUrl);
  const root = `${protocol === "http:" ? "ws" : "wss"}://${host}${pathname.replace(/\/(v\d\w*)?$/, "")}`;
  return `${root}/ws/google.ai.generativelanguage.${version}.GenerativeService.BidiGenerateContent`;
}

/** A model as the API names it: tuned models have a collection of their own. */
export function resourceName(model: string): string {
  return model.includes("/") ? model : `models/${model}`;
}

/** The key goes into a header, never into the address; the configured headers come last and may replace any. */
export function requestHeaders({ apiKey, headers }: ProviderConnection): Record<string, string> {
  const configured = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.reveal()] as const);
  return {
    ...(apiKey && { "x-goog-api-key": apiKey.reveal() }),
    ...Object.fromEntries(configured),
  };
}

/** A base URL may name its version, as those of proxies do. */
function versioned(baseUrl: string): string {
  return /\/v\d\w*$/.test(baseUrl) ? baseUrl : `${baseUrl}/${version}`;
}
