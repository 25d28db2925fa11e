import type { ProviderKind } from "../../core/provider.ts";
import { createChatCompletions } from "../openai-compatible/chat.ts";
import { dialects } from "../openai-compatible/dialects.ts";
import { createModels } from "../openai-compatible/models.ts";
import { createResponses } from "./responses.ts";

const kind = "openai";

/** OpenAI itself: the Responses API, or chat completions with `settings: {"api": "chat"}`. */
export const openai: ProviderKind = {
  kind,
  displayName: "OpenAI",
  rpcs: ["AgentService/Run", "AgentService/RunStream", "ModelsService/ListModels"],
  apiKeyRequired: true,
  baseUrlRequired: false,
  defaultBaseUrl: "https://api.openai.com/v1",
  settingsSchema: {
    type: "object",
    properties: {
      api: {
        enum: ["responses", "chat"],
        default: "responses",
        description: "Which API serves chat: Responses, or the older chat completions.",
      },
    },
    additionalProperties: false,
  },
  create(connection, upstream) {
    const chat =
      connection.settings.api === "chat"
        ? createChatCompletions({ kind, dialect: dialects.openai, connection }, upstream)
        : createResponses(kind, connection, upstream);
    return { chat, models: createModels(connection, dialects.openai, upstream) };
  },
};
