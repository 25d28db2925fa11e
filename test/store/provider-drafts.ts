import type { ProviderConfig } from "../../src/core/provider.ts";
import { Secret } from "../../src/core/secret.ts";
import type { ProviderDraft } from "../../src/store/provider-store.ts";

/** A secret that must turn up nowhere; long and odd enough to be found by a search for its bytes. */
export const canary = "sk-canary-7f3a91c2d5e8";

/** A provider with every field set. */
export function fullDraft(id: string, changes: Partial<ProviderDraft> = {}): ProviderDraft {
  return {
    id,
    kind: "openai-compatible",
    displayName: "A provider — with a name",
    apiKey: new Secret(canary),
    baseUrl: "https://api.example.com/v1",
    headers: { "x-title": new Secret(`${canary}-header`), "X-Empty": new Secret("") },
    allowedModels: ["gpt-*"],
    blockedModels: ["*-preview"],
    defaultOptions: { reasoning: { effort: "low" }, stop: [1, null, "a\u2028b"] },
    labels: { team: "voice", "app.example.com/tier": "1" },
    disabled: true,
    defaultModel: "gpt-6",
    fallbackModel: "gpt-6-mini",
    models: [
      {
        model: "gpt-*",
        fallbacks: [
          {
            provider: "other",
            model: "m",
            voice: "",
            options: { a: 1 },
            attemptTimeoutMs: 1500.5,
            contextPolicy: { strategy: "recycle", maxInputTokens: 200 },
          },
        ],
        strategy: "parallel",
        contextPolicy: { strategy: "truncate", maxInputTokens: 4000 },
      },
    ],
    settings: { dialect: "vllm" },
    ...changes,
  };
}

/** A provider with nothing but what is required. */
export function bareDraft(id: string): ProviderDraft {
  return {
    id,
    kind: "local",
    displayName: "",
    baseUrl: "",
    headers: {},
    allowedModels: [],
    blockedModels: [],
    defaultOptions: {},
    labels: {},
    disabled: false,
    defaultModel: "",
    fallbackModel: "",
    models: [],
    settings: {},
  };
}

/** The same as a server's own configuration has it. */
export function bareConfig(id: string, changes: Partial<ProviderConfig> = {}): ProviderConfig {
  const time = new Date(0);
  return { ...bareDraft(id), readOnly: true, createTime: time, updateTime: time, revision: "1", ...changes };
}
