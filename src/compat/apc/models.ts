import { Code, ConnectError } from "@connectrpc/connect";
import { Modality } from "../../../gen/livellm/v1/common_pb.ts";
import { Feature, type Model, ModelsService, type ProviderFailure } from "../../../gen/livellm/v1/models_service_pb.ts";
import type { Caller, Gateway } from "../gateway.ts";
import { Rejected } from "../rejected.ts";

/** What this system calls providers whose names here are others. */
const oldNames: Readonly<Record<string, string>> = { google: "gemini" };

/**
 * The models of all providers that can be asked, or of one. Throws {@link Rejected}: 400 when there is no such provider, 503 when it
 * cannot be asked.
 */
export async function listModels(gateway: Gateway, provider: string, caller: Caller): Promise<object> {
  const id = Object.keys(oldNames).find((name) => oldNames[name] === provider) ?? provider;
  const models: Model[] = [];
  let pageToken = "";
  do {
    const page = await pageOf(gateway, { provider: id, pageToken, pageSize: 1000 }, caller);
    const [failure] = page.failures;
    if (id !== "" && failure) throw new Rejected(503, `Provider '${provider}' not available: ${reasonOf(failure)}`);
    models.push(...page.models);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return { object: "list", data: models.map(modelOf) };
}

function reasonOf({ failure }: ProviderFailure): string {
  return failure?.message || "it does not answer";
}

async function pageOf(
  gateway: Gateway,
  asked: { provider: string; pageToken: string; pageSize: number },
  caller: Caller,
) {
  try {
    return await gateway.unary(ModelsService.method.listModels, asked, caller);
  } catch (error) {
    const unknown = error instanceof ConnectError && error.code === Code.NotFound && asked.provider !== "";
    throw unknown ? new Rejected(400, `Provider '${asked.provider}' not available`) : error;
  }
}

function modelOf(model: Model): object {
  const json = model.features.includes(Feature.JSON_SCHEMA);
  return {
    id: model.id,
    object: "model",
    name: model.displayName || model.id,
    provider: oldNames[model.provider] ?? model.provider,
    context_limit: model.contextWindow ?? null,
    capabilities: {
      multimodal: model.inputModalities.some((modality) => modality !== Modality.TEXT),
      tools: model.features.includes(Feature.TOOLS),
      streaming: true,
      json_mode: json,
      thinking: model.features.includes(Feature.REASONING),
    },
    status: "available",
  };
}
