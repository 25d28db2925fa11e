const text = { type: "string" } as const;
const texts = { type: "array", items: text } as const;
const labels = { type: "object", additionalProperties: text, maxProperties: 32 } as const;
const anyObject = { type: "object" } as const;
const time = { type: "string", format: "date-time" } as const;
/** As the contract has it for providers and routes. */
const id = { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$" } as const;
const milliseconds = { type: "number", minimum: 0 } as const;
const count = { type: "integer", minimum: 1 } as const;
const strategy = { enum: ["sequential", "parallel"] } as const;

function record(required: readonly string[], properties: object) {
  return { type: "object", additionalProperties: false, required, properties } as const;
}

const contextPolicy = record(["strategy", "maxInputTokens"], {
  strategy: { enum: ["disabled", "truncate", "recycle"] },
  maxInputTokens: { type: "integer", minimum: 0 },
});

const target = record(["provider", "model", "voice", "options"], {
  provider: text,
  model: text,
  voice: text,
  options: anyObject,
  attemptTimeoutMs: milliseconds,
  contextPolicy,
});

const plainSecrets = record([], {
  apiKey: { type: "string", maxLength: 8192 },
  headers: { type: "object", additionalProperties: text, maxProperties: 32 },
});

const provider = record(["id", "kind"], {
  id,
  kind: { type: "string", minLength: 1, maxLength: 64 },
  displayName: { type: "string", maxLength: 128 },
  baseUrl: text,
  allowedModels: texts,
  blockedModels: texts,
  defaultOptions: anyObject,
  labels,
  disabled: { type: "boolean" },
  defaultModel: { type: "string", maxLength: 256 },
  fallbackModel: { type: "string", maxLength: 256 },
  models: {
    type: "array",
    maxItems: 256,
    items: record(["model", "fallbacks"], {
      model: { type: "string", minLength: 1, maxLength: 256 },
      fallbacks: { type: "array", items: target, maxItems: 7 },
      strategy,
      contextPolicy,
    }),
  },
  settings: anyObject,
  createTime: time,
  secrets: { if: text, else: plainSecrets },
});

const route = record(["name", "route"], {
  name: id,
  displayName: { type: "string", maxLength: 128 },
  route: record(["targets"], {
    targets: { type: "array", items: target, minItems: 1, maxItems: 8 },
    strategy,
    attemptTimeoutMs: milliseconds,
    stallTimeoutMs: milliseconds,
    staggerMs: milliseconds,
  }),
  labels,
  createTime: time,
});

const token = record(["id", "digest", "allowed", "obfuscated"], {
  id: { type: "string", pattern: "^tok_[0-9a-f]{16}$" },
  digest: { type: "string", pattern: "^[0-9a-f]{64}$" },
  displayName: { type: "string", maxLength: 128 },
  labels,
  expireTime: time,
  disabled: { type: "boolean" },
  allowed: record(["providers", "models", "routes", "inlineProviders"], {
    providers: texts,
    models: texts,
    routes: texts,
    inlineProviders: { type: "boolean" },
  }),
  requestsPerMinute: count,
  tokensPerMinute: count,
  obfuscated: text,
  createTime: time,
});

const header = {
  type: "object",
  required: ["form"],
  properties: { form: { enum: ["sealed", "passphrase", "plain"] }, salt: text, check: text },
  additionalProperties: false,
} as const;

/** The form of an export's document, as a JSON Schema (2020-12): a hand-written one need not have what is usual. */
export const exportSchema = record(["livellm", "version", "secrets", "providers", "routes", "tokens"], {
  livellm: { const: "export" },
  version: { const: 1 },
  exportTime: time,
  secrets: header,
  providers: { type: "array", items: provider },
  routes: { type: "array", items: route },
  tokens: { type: "array", items: token },
});
