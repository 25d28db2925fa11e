import type { JsonObject } from "../../core/json.ts";
import { asDeepSeekSpeaks } from "./deepseek-dialect.ts";
import type { Dialect, ToolCallIds } from "./dialect.ts";
import { asMistralSpeaks } from "./mistral-dialect.ts";
import { asOpenAIModelSpeaks } from "./openai-dialect.ts";
import { asGrokSpeaks } from "./xai-dialect.ts";

const effort = (word: string): JsonObject => ({ reasoning_effort: word });

const anyIds: ToolCallIds = { pattern: /^[\w-]{1,64}$/, length: 64 };
/** "string too long. Expected a string with maximum length 40", of `messages[].tool_calls[].id`. */
const openaiIds: ToolCallIds = { pattern: /^[\w-]{1,40}$/, length: 40 };

const sampling = { temperature: "temperature", topP: "top_p" } as const;
const penalties = { presencePenalty: "presence_penalty", frequencyPenalty: "frequency_penalty" } as const;

/** A server that we know nothing of: what OpenAI's protocol has, in its older and commonest spelling. */
const generic: Dialect = {
  name: "generic",
  hosts: [],
  authentication: "bearer",
  parameters: { ...sampling, ...penalties, maxOutputTokens: "max_tokens", seed: "seed" },
  maxStopSequences: 4,
  asksForUsage: true,
  reasoning: {
    efforts: {
      minimal: effort("low"),
      low: effort("low"),
      medium: effort("medium"),
      high: effort("high"),
      max: effort("high"),
    },
    answerFields: ["reasoning_content", "reasoning"],
  },
  systemRole: "system",
  messageNames: true,
  content: { images: true, audioFormats: ["wav", "mp3"] },
  output: { jsonSchema: true, jsonObject: true, modalities: ["text"] },
  tools: { strict: true, parallelOption: true, ids: anyIds },
  userParameter: "user",
};

const openai: Dialect = {
  ...generic,
  name: "openai",
  hosts: ["api.openai.com"],
  requestIdHeader: "x-client-request-id",
  ofModel: asOpenAIModelSpeaks,
  parameters: { ...sampling, ...penalties, maxOutputTokens: "max_completion_tokens", seed: "seed" },
  // The efforts are the model's.
  reasoning: { efforts: {}, answerFields: [] },
  systemRole: "developer",
  content: { images: true, audioFormats: ["wav", "mp3"], files: "file" },
  output: { jsonSchema: true, jsonObject: true, modalities: ["text", "audio"] },
  tools: { strict: true, parallelOption: true, allowedTools: true, ids: openaiIds },
  userParameter: "safety_identifier",
};

const azure: Dialect = {
  ...openai,
  name: "azure",
  hosts: [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"],
  authentication: "api-key",
  deployments: { apiVersion: "2024-10-21" },
  content: { images: true, audioFormats: ["wav", "mp3"] },
  tools: { strict: true, parallelOption: true, ids: openaiIds },
  userParameter: "user",
};

const vllm: Dialect = {
  ...generic,
  name: "vllm",
  parameters: { ...generic.parameters, topK: "top_k" },
  maxStopSequences: 16,
  // docs.vllm.ai, "Reasoning outputs": `reasoning_content` is the name before 0.11; only the template can switch it off.
  reasoning: {
    efforts: { ...generic.reasoning.efforts, disabled: { chat_template_kwargs: { enable_thinking: false } } },
    answerFields: ["reasoning", "reasoning_content"],
    historyField: "reasoning",
  },
  content: { images: true, audioFormats: ["wav", "mp3", "flac", "ogg"], video: true },
};

const lmStudio: Dialect = {
  ...generic,
  name: "lm-studio",
  parameters: { ...generic.parameters, topK: "top_k" },
  content: { images: true, audioFormats: [] },
  // "'response_format.type' must be 'json_schema' or 'text'".
  output: { jsonSchema: true, jsonObject: false, modalities: ["text"] },
  tools: { strict: false, parallelOption: false, ids: anyIds },
};

const routed = (word: string): JsonObject => ({ reasoning: { effort: word } });

const openrouter: Dialect = {
  ...generic,
  name: "openrouter",
  hosts: ["openrouter.ai"],
  parameters: { ...generic.parameters, topK: "top_k" },
  reasoning: {
    efforts: {
      disabled: routed("none"),
      minimal: routed("minimal"),
      low: routed("low"),
      medium: routed("medium"),
      high: routed("high"),
      max: routed("xhigh"),
    },
    budget: ["reasoning", "max_tokens"],
    hidden: { reasoning: { exclude: true } },
    answerFields: ["reasoning", "reasoning_content"],
    historyField: "reasoning",
    details: true,
  },
  content: { images: true, audioFormats: ["wav", "mp3"], files: "file", fileAddresses: true, video: true },
  output: { jsonSchema: true, jsonObject: true, modalities: ["text", "image", "audio"] },
  tools: { ...generic.tools, webSearch: { type: "openrouter:web_search" } },
};

const xai: Dialect = {
  ...generic,
  name: "xai",
  hosts: ["api.x.ai"],
  ofModel: asGrokSpeaks,
  parameters: { ...generic.parameters, maxOutputTokens: "max_completion_tokens" },
  reasoning: { ...generic.reasoning, answerFields: ["reasoning_content"] },
  content: { images: true, audioFormats: [] },
  reasoningOutsideCompletion: true,
};

const thinking = (word: string): JsonObject => ({ thinking: { type: "enabled" }, reasoning_effort: word });

const deepseek: Dialect = {
  ...generic,
  name: "deepseek",
  hosts: ["api.deepseek.com"],
  ofModel: asDeepSeekSpeaks,
  parameters: { ...sampling, ...penalties, maxOutputTokens: "max_tokens" },
  maxStopSequences: 16,
  // api-docs.deepseek.com/guides/thinking_mode: on by default; after a tool call its text has to come back, else 400.
  reasoning: {
    efforts: {
      disabled: { thinking: { type: "disabled" } },
      minimal: thinking("low"),
      low: thinking("low"),
      medium: thinking("high"),
      high: thinking("high"),
      max: thinking("max"),
    },
    answerFields: ["reasoning_content"],
    historyField: "reasoning_content",
  },
  content: { images: false, audioFormats: [] },
  output: { jsonSchema: false, jsonObject: true, modalities: ["text"] },
  tools: { strict: false, parallelOption: false, ids: anyIds },
  userParameter: undefined,
};

const mistral: Dialect = {
  ...generic,
  name: "mistral",
  hosts: ["api.mistral.ai", "codestral.mistral.ai"],
  ofModel: asMistralSpeaks,
  parameters: { ...sampling, ...penalties, maxOutputTokens: "max_tokens", seed: "random_seed" },
  maxTemperature: 1.5,
  maxStopSequences: 16,
  // Unknown fields are refused with 422; usage is always in the last chunk.
  asksForUsage: false,
  reasoning: {
    efforts: {
      disabled: effort("none"),
      minimal: effort("none"),
      low: effort("high"),
      medium: effort("high"),
      high: effort("high"),
      max: effort("high"),
    },
    answerFields: [],
  },
  messageNames: false,
  answersTools: true,
  content: { images: true, audioFormats: ["wav", "mp3"], files: "document_url", fileAddresses: true },
  // "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
  tools: { strict: true, parallelOption: true, ids: { pattern: /^[a-zA-Z0-9]{9}$/, length: 9 } },
  userParameter: undefined,
};

const together: Dialect = {
  ...generic,
  name: "together",
  hosts: ["api.together.xyz", "api.together.ai"],
  parameters: { ...generic.parameters, topK: "top_k" },
  reasoning: { ...generic.reasoning, answerFields: ["reasoning", "reasoning_content"] },
  content: { images: true, audioFormats: [], video: true },
  tools: { strict: false, parallelOption: false, ids: anyIds },
};

const groq: Dialect = {
  ...generic,
  name: "groq",
  hosts: ["api.groq.com"],
  parameters: { ...generic.parameters, maxOutputTokens: "max_completion_tokens" },
  reasoning: {
    efforts: { ...generic.reasoning.efforts, disabled: effort("none") },
    hidden: { reasoning_format: "hidden" },
    answerFields: ["reasoning"],
    historyField: "reasoning",
  },
  // console.groq.com/docs/openai: `messages[].name` is answered with 400.
  messageNames: false,
  content: { images: true, audioFormats: [] },
  // "json mode cannot be combined with tool/function calling".
  output: { ...generic.output, excludesTools: true },
  tools: {
    ...generic.tools,
    webSearch: { type: "browser_search" },
    codeExecution: { type: "code_interpreter" },
  },
};

/** Every dialect there is. */
export const dialects = {
  generic,
  openai,
  azure,
  vllm,
  "lm-studio": lmStudio,
  openrouter,
  xai,
  deepseek,
  mistral,
  together,
  groq,
} as const satisfies Readonly<Record<string, Dialect>>;

/** The dialect that the settings name, else the one of the base URL's host, else `generic`. */
export function chooseDialect(name: unknown, baseUrl: string): Dialect {
  const named = Object.values(dialects).find((dialect) => dialect.name === name);
  return named ?? dialectOfHost(URL.parse(baseUrl)?.hostname ?? "") ?? generic;
}

function dialectOfHost(hostname: string): Dialect | undefined {
  const matches = (host: string) => (host.startsWith(".") ? hostname.endsWith(host) : hostname === host);
  return Object.values<Dialect>(dialects).find(({ hosts }) => hosts.some(matches));
}
