/** A vendor as the live suite calls it. */
export interface LiveVendor {
  readonly kind: string;
  /** A small, current model; the environment variable names another. */
  readonly model: string;
  /** Set when the vendor is to be called. */
  readonly apiKey?: string;
  readonly baseUrl?: string;
  /** What has to be set for it to be called. */
  readonly needs: string;
}

const env = process.env;

/** Every kind that chats. Those whose variable is not set are skipped. */
export const liveVendors: readonly LiveVendor[] = [
  withKey("openai", "OPENAI_API_KEY", env.LIVE_OPENAI_MODEL || "gpt-5.4-mini"),
  withKey("anthropic", "ANTHROPIC_API_KEY", env.LIVE_ANTHROPIC_MODEL || "claude-haiku-5-5"),
  withKey("google", "GOOGLE_API_KEY", env.LIVE_GOOGLE_MODEL || "gemini-3.8-flash"),
  withKey("groq", "GROQ_API_KEY", env.LIVE_GROQ_MODEL || "openai/gpt-oss-20b"),
  withAddress("ollama", "LIVE_OLLAMA_BASE_URL", env.LIVE_OLLAMA_MODEL || "qwen3:4b"),
  {
    ...withAddress("openai-compatible", "LIVE_COMPATIBLE_BASE_URL", env.LIVE_COMPATIBLE_MODEL || "default"),
    ...(env.LIVE_COMPATIBLE_API_KEY && { apiKey: env.LIVE_COMPATIBLE_API_KEY }),
  },
];

function withKey(kind: string, needs: string, model: string): LiveVendor {
  const apiKey = env[needs];
  return { kind, model, needs, ...(apiKey && { apiKey }) };
}

function withAddress(kind: string, needs: string, model: string): LiveVendor {
  const baseUrl = env[needs];
  return { kind, model, needs, ...(baseUrl && { baseUrl }) };
}
