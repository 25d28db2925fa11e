import type { ListedModel, Models } from "../../core/models.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { objects, text } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";
import { addressOf, requestHeaders } from "./endpoint.ts";
import { explainElevenLabsError } from "./error.ts";

/** Models over `GET /v1/models`, which lists those that speak. */
export function createModels(connection: ProviderConnection, upstream: Pick<Upstream, "json">): Models {
  const url = addressOf(connection, "/v1/models");
  return {
    async list(signal) {
      const request = {
        method: "GET",
        url,
        headers: requestHeaders(connection),
        explain: explainElevenLabsError,
      } as const;
      return readModels((await upstream.json(request, signal)).value);
    },
  };
}

function readModels(value: unknown): readonly ListedModel[] {
  if (!Array.isArray(value)) throw unreadableAnswer("a list of models that is no list");
  return objects(value)
    .filter((model) => text(model.model_id) !== "")
    .map((model) => present({ id: text(model.model_id), displayName: text(model.name) || undefined }));
}
