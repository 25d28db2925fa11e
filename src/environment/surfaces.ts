import { list, listOf, text } from "./readers.ts";
import type { Variables } from "./variable.ts";

/** The surfaces of older systems, in the names that those had. */
export const surfaceVariables = {
  LIVELLM_SURFACES: {
    description:
      "The older systems whose clients are served: any of `livellm`, `v1`, `apc`, `chat`; see docs/migrating.md.",
    default: "livellm,v1",
    read: listOf("livellm", "v1", "apc", "chat"),
  },
  LIVELLM_TRUSTED_PROXIES: {
    description:
      "IP addresses and CIDR blocks of proxies that are believed in what they say of their clients, separated by commas (surface `apc`).",
    default: "",
    read: list,
  },
  LIVELLM_APC_LIVE_MODELS: {
    description:
      "Surface `apc`: the models of `/api/gemini/ws`, as `provider/model`; the next is tried where one is not there.",
    default: "google/gemini-2.0-flash-exp,google/gemini-3.1-flash-live-preview",
    read: list,
  },
  SUPPORTED_PROVIDERS: {
    description: "Surface `chat`: its providers, any of `gpt`, `claude`, `gemini`, `groq`.",
    default: "gpt,claude,gemini",
    read: text,
  },
  MIN_MESSAGE_LENGTH: { description: "Surface `chat`: the fewest characters of a message.", default: "1", read: text },
  MAX_MESSAGE_LENGTH: { description: "Surface `chat`: the most.", default: "24000", read: text },
  MAX_MESSAGES_IN_CONTEXT: { description: "Surface `chat`: the most messages.", default: "50", read: text },
  GENERIC_SYSTEM_PROMPT: {
    description: "Surface `chat`: the system prompt, where a conversation and a provider have none.",
    default: "",
    read: text,
  },
  OPENAI_MODEL_DEFAULT: { description: "Surface `chat`: the model of `gpt`.", default: "gpt-4o", read: text },
  OPENAI_MODEL_FALLBACK: { description: "The one behind it.", default: "gpt-4o-mini", read: text },
  OPENAI_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  OPENAI_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  GPT_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
  ANTHROPIC_MODEL_DEFAULT: {
    description: "Surface `chat`: the model of `claude`.",
    default: "claude-3-5-sonnet-latest",
    read: text,
  },
  ANTHROPIC_MODEL_FALLBACK: { description: "The one behind it.", default: "claude-3-5-haiku-latest", read: text },
  ANTHROPIC_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  ANTHROPIC_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  CLAUDE_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
  GEMINI_MODEL_DEFAULT: {
    description: "Surface `chat`: the model of `gemini`.",
    default: "gemini-2.0-flash",
    read: text,
  },
  GEMINI_MODEL_FALLBACK: { description: "The one behind it.", default: "gemini-1.5-pro", read: text },
  GEMINI_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  GEMINI_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  GEMINI_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
  GROQ_MODEL_DEFAULT: {
    description: "Surface `chat`: the model of `groq`.",
    default: "llama-3.3-70b-versatile",
    read: text,
  },
  GROQ_MODEL_FALLBACK: { description: "The one behind it.", default: "mixtral-8x7b-32768", read: text },
  GROQ_TEMPERATURE: { description: "Its temperature.", default: "0.3", read: text },
  GROQ_MAX_TOKENS: { description: "The most tokens it writes.", default: "8192", read: text },
  GROQ_SYSTEM_PROMPT: { description: "Its system prompt.", default: "", read: text },
} as const satisfies Variables;

/** Those that the surface `chat` reads, as the older system does. */
export const chatNames = [
  "SUPPORTED_PROVIDERS",
  "MIN_MESSAGE_LENGTH",
  "MAX_MESSAGE_LENGTH",
  "MAX_MESSAGES_IN_CONTEXT",
  "GENERIC_SYSTEM_PROMPT",
  "OPENAI_MODEL_DEFAULT",
  "OPENAI_MODEL_FALLBACK",
  "OPENAI_TEMPERATURE",
  "OPENAI_MAX_TOKENS",
  "GPT_SYSTEM_PROMPT",
  "ANTHROPIC_MODEL_DEFAULT",
  "ANTHROPIC_MODEL_FALLBACK",
  "ANTHROPIC_TEMPERATURE",
  "ANTHROPIC_MAX_TOKENS",
  "CLAUDE_SYSTEM_PROMPT",
  "GEMINI_MODEL_DEFAULT",
  "GEMINI_MODEL_FALLBACK",
  "GEMINI_TEMPERATURE",
  "GEMINI_MAX_TOKENS",
  "GEMINI_SYSTEM_PROMPT",
  "GROQ_MODEL_DEFAULT",
  "GROQ_MODEL_FALLBACK",
  "GROQ_TEMPERATURE",
  "GROQ_MAX_TOKENS",
  "GROQ_SYSTEM_PROMPT",
] as const satisfies readonly (keyof typeof surfaceVariables)[];
