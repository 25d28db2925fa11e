import type { Capabilities, ProviderKind } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { type ChatCompletionsSetup, createChatCompletions } from "./chat.ts";
import { chooseDialect, dialects } from "./dialects.ts";
import { createModels } from "./models.ts";

/** Any server that speaks OpenAI's chat completions: vLLM, LM Studio, OpenRouter, xAI, DeepSeek, Mistral, Together, Azure, … */
export const openaiCompatible: ProviderKind = {
  kind: "openai-compatible",
  displayName: "OpenAI-compatible",
  rpcs: ["AgentService/Run", "AgentService/RunStream", "ModelsService/ListModels"],
  apiKeyRequired: false,
  baseUrlRequired: true,
  defaultBaseUrl: "",
  settingsSchema: {
    type: "object",
    properties: {
      dialect: {
        enum: Object.keys(dialects),
        description: "How the server differs from OpenAI's own; found by the host of the base URL when not set.",
      },
      apiVersion: {
        type: "string",
        pattern: "^\\d{4}-\\d{2}-\\d{2}(-preview)?$",
        description: "Azure's api-version, for base URLs that do not end in /v1.",
      },
    },
    additionalProperties: false,
  },
  create(connection, upstream) {
    const dialect = chooseDialect(connection.settings.dialect, connection.baseUrl);
    return createChatCompletionsCapabilities({ kind: "openai-compatible", dialect, connection }, upstream);
  },
};

/** What every server that speaks this protocol can do. */
export function createChatCompletionsCapabilities(setup: ChatCompletionsSetup, upstream: Upstream): Capabilities {
  return {
    chat: createChatCompletions(setup, upstream),
    models: createModels(setup.connection, setup.dialect, upstream),
  };
}
