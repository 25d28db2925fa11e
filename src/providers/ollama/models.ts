import { LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ListedModel, Models } from "../../core/models.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { unreadableAnswer } from "../openai-compatible/broken-stream.ts";
import { count, object, objects, text } from "../openai-compatible/json-fields.ts";
import { present } from "../openai-compatible/usage.ts";
import { toGet, toPost } from "./endpoint.ts";
import { explainOllamaError } from "./error.ts";

/** The models that are there, `GET /api/tags`, each with what `POST /api/show` says of it. */
export function createModels(connection: ProviderConnection, upstream: Pick<Upstream, "json">): Models {
  const describe = async (id: string, signal: AbortSignal): Promise<ListedModel> => {
    const post = toPost(connection, { path: "show", body: { model: id }, explain: explainOllamaError(id) });
    try {
      return toListedModel(id, (await upstream.json(post, signal)).value);
    } catch (error) {
      signal.throwIfAborted();
      // A model may go between the two calls, and a damaged one is still one of the list.
      if (error instanceof LivellmError) return toListedModel(id, undefined);
      throw error;
    }
  };
  return {
    async list(signal) {
      const { value } = await upstream.json(toGet(connection, "tags", explainOllamaError("")), signal);
      return inParallel(readNames(value), (id) => describe(id, signal));
    },
  };
}

function readNames(value: unknown): readonly string[] {
  const { models } = object(value);
  if (!Array.isArray(models)) throw unreadableAnswer("a list of models that is no list");
  return objects(models)
    .map((model) => text(model.model) || text(model.name))
    .filter((name) => name !== "");
}

/** A machine at home has dozens of models and few cores. */
const atOnce = 4;

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

/** `llama3.2:latest` is called `llama3.2`, too. */
function toListedModel(id: string, shown: unknown): ListedModel {
  const short = id.replace(/:latest$/, "");
  return present({
    id,
    aliases: short === id ? undefined : [short],
    contextWindow: contextWindowOf(object(shown)),
  });
}

/** What the model was trained for, or the `num_ctx` of its Modelfile, which is what Ollama then gives it. */
function contextWindowOf({ model_info, parameters }: JsonObject): number | undefined {
  const info = object(model_info);
  const trained = count(info[`${text(info["general.architecture"])}.context_length`]);
  const given = /^num_ctx\s+(\d+)/m.exec(text(parameters))?.[1];
  if (given === undefined) return trained;
  return Math.min(Number(given), trained ?? Number.POSITIVE_INFINITY);
}
