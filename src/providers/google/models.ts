import type { Model } from "@google/genai";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ListedModel, Models } from "../../core/models.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { count, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";
import { modelsUrl, requestHeaders } from "./endpoint.ts";
import { explainGoogleError } from "./error.ts";

/** Models over `GET /v1beta/models`, page by page. */
export function createModels(connection: ProviderConnection, upstream: Pick<Upstream, "json">): Models {
  const headers = requestHeaders(connection);
  const page = async (token: string, signal: AbortSignal): Promise<JsonObject> => {
    const request = { method: "GET", url: modelsUrl(connection, token), headers } as const;
    const { value } = await upstream.json({ ...request, explain: explainGoogleError }, signal);
    if (!isJsonObject(value)) throw unreadableAnswer("a list of models that is no list");
    return value;
  };
  return {
    async list(signal) {
      const models: ListedModel[] = [];
      const seen = new Set<string>();
      // A server that gives a token again would keep us for ever.
      for (let token = ""; !seen.has(token); ) {
        seen.add(token);
        const { models: listed, nextPageToken } = await page(token, signal);
        models.push(...readModels(listed));
        token = text(nextPageToken);
        if (token === "") break;
      }
      return models;
    },
  };
}

/** Reads a page of the list: `{models: […]}`. */
function readModels(models: unknown): readonly ListedModel[] {
  return objects(models)
    .filter(({ name }) => text(name) !== "")
    .map(toListedModel);
}

function toListedModel(value: JsonObject): ListedModel {
  const model = value as Unchecked<Model>;
  const id = text(model.name).replace(/^models\//, "");
  const displayName = text(model.displayName);
  return present({
    id,
    displayName: displayName && displayName !== id ? displayName : undefined,
    contextWindow: positive(model.inputTokenLimit),
    maxOutputTokens: positive(model.outputTokenLimit),
  });
}

function positive(value: unknown): number | undefined {
  return count(value) || undefined;
}
