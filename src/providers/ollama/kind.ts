import type { ProviderKind } from "../../core/provider.ts";
import { createChat } from "./chat.ts";
import { createModels } from "./models.ts";

const kind = "ollama";

/** Models on a machine of one's own, over Ollama's own API. A key is for Ollamas behind a proxy, and for ollama.com. */
export const ollama: ProviderKind = {
  kind,
  displayName: "Ollama",
  keepsTrace: true,
  rpcs: ["AgentService/Run", "AgentService/RunStream", "ModelsService/ListModels"],
  apiKeyRequired: false,
  baseUrlRequired: false,
  defaultBaseUrl: "http://localhost:11434",
  settingsSchema: {
    type: "object",
    properties: {
      pull: {
        enum: ["never", "missing"],
        default: "never",
        description:
          "Whether a model that is not there is pulled when it is called; the call waits, and tells how far it is.",
      },
    },
    additionalProperties: false,
  },
  create(connection, upstream) {
    return { chat: createChat(connection, upstream), models: createModels(connection, upstream) };
  },
};
