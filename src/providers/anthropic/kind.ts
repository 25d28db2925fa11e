import type { ProviderKind } from "../../core/provider.ts";
import { apiVersions } from "./endpoint.ts";
import { createMessages } from "./messages.ts";
import { createModels } from "./models.ts";

const kind = "anthropic";

/** Anthropic's Claude models, over the Messages API. */
export const anthropic: ProviderKind = {
  kind,
  displayName: "Anthropic",
  rpcs: ["AgentService/Run", "AgentService/RunStream", "ModelsService/ListModels"],
  apiKeyRequired: true,
  baseUrlRequired: false,
  defaultBaseUrl: "https://api.anthropic.com",
  settingsSchema: {
    type: "object",
    properties: {
      anthropicVersion: {
        enum: apiVersions,
        description:
          "The API version of every call. When not set: the newest, or for calls with temperature, top_p or top_k, which " +
          "only older models take, the last version that knows them.",
      },
    },
    additionalProperties: false,
  },
  create(connection, upstream) {
    return { chat: createMessages(kind, connection, upstream), models: createModels(connection, upstream) };
  },
};
