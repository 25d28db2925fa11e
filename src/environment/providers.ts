import { httpUrl, secret, text } from "./readers.ts";
import type { Variables } from "./variable.ts";

/** The providers that need no more than a key or an address. */
export const providerVariables = {
  OPENAI_API_KEY: { description: "Makes the read-only provider `openai`.", default: "", read: secret },
  OPENAI_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  ANTHROPIC_API_KEY: { description: "Makes the read-only provider `anthropic`.", default: "", read: secret },
  ANTHROPIC_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  GEMINI_API_KEY: { description: "Makes the read-only provider `google`.", default: "", read: secret },
  GOOGLE_API_KEY: { description: "The same, where `GEMINI_API_KEY` is not set.", default: "", read: secret },
  GEMINI_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  GOOGLE_BASE_URL: { description: "The same, where `GEMINI_BASE_URL` is not set.", default: "", read: httpUrl },
  GROQ_API_KEY: { description: "Makes the read-only provider `groq`.", default: "", read: secret },
  GROQ_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  ELEVENLABS_API_KEY: { description: "Makes the read-only provider `elevenlabs`.", default: "", read: secret },
  ELEVENLABS_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  MISTRAL_API_KEY: { description: "Makes the read-only provider `mistral`.", default: "", read: secret },
  MISTRAL_BASE_URL: { description: "Where it is.", default: "", read: httpUrl },
  OLLAMA_HOST: {
    description: "Where Ollama is; makes the read-only provider `ollama`, as does one that answers at its usual port.",
    default: "",
    read: text,
  },
} as const satisfies Variables;
