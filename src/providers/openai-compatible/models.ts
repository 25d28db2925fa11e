import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { ListedModel, Models } from "../../core/models.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "./broken-stream.ts";
import type { Dialect } from "./dialect.ts";
import { modelsUrl, requestHeaders } from "./endpoint.ts";
import { explainOpenAIError } from "./error.ts";
import { count, object, objects, strings, text } from "./json-fields.ts";
import { present } from "./usage.ts";

/** Models over `GET /models`. */
export function createModels(
  connection: ProviderConnection,
  dialect: Dialect,
  upstream: Pick<Upstream, "json">,
): Models {
  const url = modelsUrl(connection, dialect);
  const { "content-type": _, ...headers } = requestHeaders(connection, dialect);
  const request = { method: "GET", url, headers, explain: explainOpenAIError } as const;
  return { list: async (signal) => readModels((await upstream.json(request, signal)).value) };
}

/** Reads the answer of `GET /models`: `{data: […]}`, or with Together the list itself. */
export function readModels(value: unknown): readonly ListedModel[] {
  const list = isJsonObject(value) ? value.data : value;
  if (!Array.isArray(list)) throw unreadableAnswer("a list of models that is no list");
  return objects(list)
    .filter((model) => text(model.id) !== "")
    .map(toListedModel);
}

/** OpenAI says nothing but the day of a shutdown; the other names are OpenRouter's, Mistral's, Groq's, vLLM's, Together's. */
function toListedModel(model: JsonObject): ListedModel {
  const id = text(model.id);
  const displayName = text(model.display_name) || text(model.name);
  const aliases = strings(model.aliases).filter((alias) => alias !== id);
  return present({
    id,
    displayName: displayName && displayName !== id ? displayName : undefined,
    aliases: aliases.length > 0 ? aliases : undefined,
    contextWindow: contextWindowOf(model),
    maxOutputTokens: count(object(model.top_provider).max_completion_tokens) ?? count(model.max_completion_tokens),
    retireTime: dateOf(model.shutdown_date) ?? dateOf(model.deprecation),
  });
}

function contextWindowOf(model: JsonObject): number | undefined {
  const names = ["context_window", "context_length", "max_context_length", "max_model_len"];
  return names.map((name) => count(model[name])).find((size) => size !== undefined && size > 0);
}

function dateOf(value: unknown): Date | undefined {
  const time = Date.parse(text(value));
  return Number.isNaN(time) ? undefined : new Date(time);
}
