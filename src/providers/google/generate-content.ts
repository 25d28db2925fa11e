import type { ProviderConnection } from "../../core/provider.ts";
import type { UpstreamRequest } from "../../core/upstream.ts";
import { writeJson } from "../openai-compatible/json-text.ts";
import { modelUrl, requestHeaders } from "./endpoint.ts";

/** What is asked of which model. */
interface GenerateContent {
  readonly model: string;
  readonly body: object;
}

/** Asks for an answer in pieces, as server-sent events. */
export function streamPost(connection: ProviderConnection, { model, body }: GenerateContent): Post {
  return toPost(connection, `${modelUrl(connection, model, "streamGenerateContent")}?alt=sse`, body);
}

/** Asks for an answer in one piece. */
export function unaryPost(connection: ProviderConnection, { model, body }: GenerateContent): Post {
  return toPost(connection, modelUrl(connection, model, "generateContent"), body);
}

function toPost(connection: ProviderConnection, url: string, body: object): Post {
  const headers = { "content-type": "application/json", ...requestHeaders(connection) };
  return { url, headers, body: writeJson(body) };
}

type Post = Omit<UpstreamRequest, "explain">;
