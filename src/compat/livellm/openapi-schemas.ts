import { anyOf, choice, listOf, nullable, object, ref, string, whole } from "./openapi-notation.ts";
import { livellmKinds } from "./provider-kind.ts";

const context = {
  context_limit: whole({ default: 0, description: "The most tokens to send; 0 or less is no limit." }),
  context_overflow_strategy: { ...choice("truncate", "recycle"), default: "truncate" },
};

const fallback = (name: string) =>
  object(
    {
      requests: listOf(ref(name)),
      strategy: { ...choice("sequential", "parallel"), default: "sequential" },
      timeout_per_request: {
        type: "number",
        exclusiveMinimum: 0,
        maximum: 3600,
        default: 360,
        description: "Seconds.",
      },
    },
    "requests",
  );

const mimeTypes = choice("audio/pcm", "audio/wav", "audio/mpeg", "audio/ulaw", "audio/alaw");
const target = { provider_uid: string, model: string };
const genConfig = { ...nullable("object"), description: "Settings such as temperature, top_p and max_tokens." };

const messages = {
  TextMessage: object({ role: choice("user", "model", "assistant", "system"), content: string }, "role", "content"),
  BinaryMessage: object(
    {
      role: choice("user"),
      content: { ...string, contentEncoding: "base64" },
      mime_type: string,
      caption: nullable("string"),
    },
    "role",
    "content",
    "mime_type",
  ),
  ToolCallMessage: object(
    {
      role: choice("tool_call"),
      tool_name: string,
      args: { type: ["object", "string"] },
      tool_call_id: nullable("string"),
    },
    "role",
    "tool_name",
    "args",
  ),
  ToolReturnMessage: object(
    { role: choice("tool_return"), tool_name: string, content: {}, tool_call_id: nullable("string") },
    "role",
    "tool_name",
    "content",
  ),
};

const tools = {
  WebSearch: object(
    {
      kind: choice("web_search"),
      search_context_size: { anyOf: [choice("low", "medium", "high"), whole()], default: "medium" },
    },
    "kind",
  ),
  McpServer: object(
    {
      kind: choice("mcp_streamable_server", "mcp_streamable"),
      url: { ...string, format: "uri" },
      prefix: { ...string, default: "" },
      timeout: { type: "number", default: 15, description: "Seconds." },
      kwargs: { type: "object", description: "Of these, `headers` is used." },
    },
    "url",
  ),
};

const message = anyOf(...Object.keys(messages));

/** The bodies of livellm's HTTP routes, by name. */
export const schemas = {
  ...messages,
  ...tools,
  Success: object({ success: { type: "boolean" }, message: string }, "success", "message"),
  FallbackConfig: object(
    {
      fallback_provider_uid: string,
      fallback_model: string,
      fallback_strategy: { ...choice("sequential", "parallel"), default: "sequential" },
      ...context,
    },
    "fallback_provider_uid",
    "fallback_model",
  ),
  ModelConfig: object({ fallback: { anyOf: [ref("FallbackConfig"), { type: "null" }] }, ...context }),
  Settings: object(
    {
      uid: string,
      provider: choice(...livellmKinds),
      api_key: string,
      base_url: nullable("string"),
      blacklist_models: { type: ["array", "null"], items: string },
      model_configs: { type: ["object", "null"], additionalProperties: ref("ModelConfig") },
    },
    "uid",
    "provider",
    "api_key",
  ),
  AgentRequest: object(
    {
      ...target,
      messages: listOf(message),
      tools: { ...listOf(anyOf(...Object.keys(tools))), default: [] },
      gen_config: genConfig,
      include_history: { type: "boolean", default: false },
      output_schema: { ...nullable("object"), description: "A JSON Schema with a title; the answer is then JSON." },
      ...context,
    },
    "provider_uid",
    "model",
    "messages",
  ),
  AgentFallbackRequest: fallback("AgentRequest"),
  AgentResponse: object(
    {
      output: string,
      usage: object({ input_tokens: whole(), output_tokens: whole() }, "input_tokens", "output_tokens"),
      history: { type: ["array", "null"], items: message },
    },
    "output",
    "usage",
    "history",
  ),
  SpeakRequest: object(
    {
      ...target,
      text: string,
      voice: string,
      mime_type: { ...mimeTypes, description: "Required with sample_rate, unless output_format is given." },
      sample_rate: whole({ minimum: 8000, maximum: 48000 }),
      output_format: { ...string, description: "In place of mime_type: mp3, pcm_24000, ulaw_8000 and such." },
      chunk_size: whole({ minimum: 1, maximum: 1000, default: 20, description: "Milliseconds." }),
      gen_config: genConfig,
    },
    "provider_uid",
    "model",
    "text",
    "voice",
  ),
  AudioFallbackRequest: fallback("SpeakRequest"),
  TranscribeRequest: object(
    {
      ...target,
      file: {
        type: "array",
        prefixItems: [string, { ...string, contentEncoding: "base64" }, string],
        minItems: 3,
        maxItems: 3,
      },
      language: nullable("string"),
      gen_config: genConfig,
    },
    "provider_uid",
    "model",
    "file",
  ),
  TranscribeFallbackRequest: fallback("TranscribeRequest"),
  TranscribeForm: object(
    {
      ...target,
      file: { ...string, contentMediaType: "audio/*" },
      language: string,
      gen_config: { ...string, contentMediaType: "application/json" },
    },
    "provider_uid",
    "model",
    "file",
  ),
  TranscribeResponse: object({ text: string, language: nullable("string") }, "text", "language"),
  Error: object({ detail: string }, "detail"),
  ValidationError: object(
    {
      detail: listOf(
        object(
          {
            type: string,
            loc: listOf({ type: ["string", "integer"] }),
            msg: string,
            input: {},
            ctx: { type: "object" },
          },
          "type",
          "loc",
          "msg",
        ),
      ),
    },
    "detail",
  ),
};
