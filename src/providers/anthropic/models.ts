import type { ModelInfo, ModelInfosPage } from "@anthropic-ai/sdk/resources/models";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ListedModel, Models } from "../../core/models.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { count, objects, text, type Unchecked } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";
import { requestHeaders, urlOf, versionFor } from "./endpoint.ts";
import { explainAnthropicError } from "./error.ts";

/** More pages than there will ever be models for, a thousand on each. */
const maxPages = 20;

/** Models over `GET /v1/models`, page by page. */
export function createModels(connection: ProviderConnection, upstream: Pick<Upstream, "json">): Models {
  const headers = requestHeaders(connection, versionFor({}, connection));
  const readPage = async (after: string, signal: AbortSignal): Promise<Page> => {
    const url = `${urlOf(connection, "models")}?limit=1000${after && `&after_id=${encodeURIComponent(after)}`}`;
    const request = { method: "GET", url, headers, explain: explainAnthropicError } as const;
    return readModels((await upstream.json(request, signal)).value);
  };
  return {
    async list(signal) {
      const models: ListedModel[] = [];
      let page = await readPage("", signal);
      models.push(...page.models);
      for (let read = 1; page.next !== "" && read < maxPages; read++) {
        page = await readPage(page.next, signal);
        models.push(...page.models);
      }
      return models;
    },
  };
}

interface Page {
  readonly models: readonly ListedModel[];
  /** The id after which the next page begins; empty on the last. */
  readonly next: string;
}

function readModels(value: unknown): Page {
  const page: Unchecked<ModelInfosPage> = isJsonObject(value) ? (value as Unchecked<ModelInfosPage>) : {};
  if (!Array.isArray(page.data)) throw unreadableAnswer("a list of models that is no list");
  return {
    models: objects(page.data)
      .filter((model) => text(model.id) !== "")
      .map(toListedModel),
    next: page.has_more === true ? text(page.last_id) : "",
  };
}

function toListedModel(value: JsonObject): ListedModel {
  const model = value as Unchecked<ModelInfo>;
  return present({
    id: text(model.id),
    displayName: text(model.display_name) || undefined,
    contextWindow: count(model.max_input_tokens),
    maxOutputTokens: count(model.max_tokens),
    retireTime: dateOf(model.retires_at),
  });
}

function dateOf(value: unknown): Date | undefined {
  const time = Date.parse(text(value));
  return Number.isNaN(time) ? undefined : new Date(time);
}
