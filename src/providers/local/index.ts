import type { ProviderKind } from "../../core/provider.ts";
import { echo } from "./echo.ts";

/** What runs in this process and needs no key. */
export const local: ProviderKind = {
  kind: "local",
  displayName: "Local engine",
  rpcs: ["AgentService/Run", "AgentService/RunStream"],
  apiKeyRequired: false,
  baseUrlRequired: false,
  defaultBaseUrl: "",
  create: () => ({ chat: echo, models: { list: async () => [{ id: "echo", displayName: "Echo" }] } }),
};
