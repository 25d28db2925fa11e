import type { ProviderKind } from "../../core/provider.ts";
import { createChatCompletions } from "../openai-compatible/chat.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createModels } from "../openai-compatible/models.ts";

const kind = "mistral";

/** Mistral's models, over chat completions. */
export const mistral: ProviderKind = {
  kind,
  displayName: "Mistral",
  conventionalName: "mistral_ai",
  rpcs: ["AgentService/Run", "AgentService/RunStream", "ModelsService/ListModels"],
  apiKeyRequired: true,
  baseUrlRequired: false,
  defaultBaseUrl: "https://api.mistral.ai/v1",
  create(connection, upstream) {
    const dialect = dialects.mistral;
    return {
      chat: createChatCompletions({ kind, dialect, connection }, upstream),
      models: createModels(connection, dialect, upstream),
    };
  },
};
