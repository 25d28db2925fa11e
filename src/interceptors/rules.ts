import {
  atLeastOne,
  double,
  duration,
  exactlyOne,
  int32,
  itemsNotEmpty,
  matches,
  maxItems,
  maxLength,
  maxPairs,
  minOneItem,
  notEmpty,
  notTogetherWith,
  oneOfWords,
  type Rule,
  required,
  uri,
} from "./rule.ts";
import {
  definedOnly,
  maxBytes,
  maxMediaBytes,
  mimeTypeWithData,
  oneofRequired,
  plainBaseUrl,
  rawAudio,
  sampleRate,
  sendableApiKey,
  sendableHeaders,
  soundParameters,
} from "./special-rules.ts";

/** Rules by message and field, both as the proto files name them; a oneof stands beside the fields. */
export type RuleTable = Readonly<Record<string, Readonly<Record<string, readonly Rule[]>>>>;

const id = matches(
  "^[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}$",
  "1 to 128 letters, digits, or any of . _ : @ -, such as openai-1",
);
const tokenId = matches(
  "^tok_[0-9a-f]{16}$",
  "the id of a token, such as tok_0f1e2d3c4b5a6978, and not the token itself",
);
const httpUrl = uri("string.uri, scheme http or https", ["http", "https"]);
const count = int32({ gte: 0 });
const chunk = int32({ gte: 10, lte: 1000 });
const text100k = [required, matches("\\S", "more than white space"), maxLength(100_000)];
const prompt32k = [required, matches("\\S", "more than white space"), maxLength(32_000)];

/**
 * Every rule of the contract's comments, in their order, by file. A test compares this table with the comments. Rules at the
 * end of a list that state no `text` are in the comment's prose.
 */
export const rules: RuleTable = {
  // access_service.proto
  AccessToken: {
    id: [tokenId],
    display_name: [maxLength(128)],
    labels: [maxPairs(32)],
    allowed_providers: [maxItems(256)],
    allowed_models: [maxItems(256)],
    allowed_routes: [maxItems(256)],
    requests_per_minute: [int32({ gte: 1 })],
    tokens_per_minute: [int32({ gte: 1 })],
  },
  GetTokenRequest: { id: [required, notEmpty, tokenId] },
  ListTokensRequest: { page_size: [count] },
  UpdateTokenRequest: { token: [required] },
  RevokeTokenRequest: { id: [required, notEmpty, tokenId] },
  ListAuditEventsRequest: { page_size: [count] },

  // agent.proto
  AgentConfig: {
    tools: [maxItems(128)],
    max_steps: [int32({ gte: 1, lte: 100 })],
  },
  ContextPolicy: { strategy: [definedOnly], max_input_tokens: [count] },
  GenerationConfig: {
    temperature: [double({ gte: 0, lte: 2 })],
    top_p: [double({ gt: 0, lte: 1 })],
    top_k: [int32({ gte: 1 })],
    max_output_tokens: [int32({ gte: 1 })],
    stop_sequences: [maxItems(16), itemsNotEmpty],
    presence_penalty: [double({ gte: -2, lte: 2 })],
    frequency_penalty: [double({ gte: -2, lte: 2 })],
  },
  ReasoningConfig: { effort: [definedOnly], budget_tokens: [count] },
  OutputFormat: { format: [oneofRequired] },
  JsonSchemaFormat: {
    name: [matches("^[A-Za-z0-9_-]{0,64}$", "at most 64 letters, digits, _ or -")],
    schema: [exactlyOne("exactly one of schema and schema_json", "schema", "schemaJson")],
  },

  // agent_service.proto
  RunRequest: { route: [required], messages: [required, minOneItem] },
  RunStreamRequest: { route: [required], messages: [required, minOneItem] },

  // audio.proto
  AudioFormat: {
    mime_type: [matches("^audio/[A-Za-z0-9.+-]+(;.*)?$", "a media type such as audio/wav"), soundParameters],
    sample_rate_hertz: [sampleRate],
    channel_count: [int32({ gte: 0, lte: 2 })],
  },
  AudioChunk: { data: [maxBytes(1_048_576)] },
  SilenceDetection: {
    threshold: [double({ gte: 0, lte: 1 })],
    silence_ms: [int32({ gte: 0, lte: 10_000 })],
    prefix_ms: [int32({ gte: 0, lte: 10_000 })],
  },
  SemanticDetection: { eagerness: [definedOnly] },
  Silence: { duration_ms: [int32({ gt: 0, lte: 600_000 })] },

  // audio_service.proto
  SpeechConfig: { speed: [double({ gte: 0.25, lte: 4 })] },
  SpeakRequest: { route: [required], text: text100k },
  SpeakStreamRequest: { route: [required], text: text100k, chunk_ms: [chunk] },
  SpeakDuplexRequest: { input: [oneofRequired] },
  SpeakDuplexStart: { route: [required], chunk_ms: [chunk] },
  SpeakText: { text: [notEmpty, maxLength(10_000)] },
  TranscribeRequest: { route: [required], audio: [required] },
  ListVoicesRequest: { provider: [required, notEmpty], page_size: [count] },

  // common.proto
  CallerInfo: {
    request_id: [maxLength(128)],
    session_id: [maxLength(128)],
    user_id: [maxLength(128)],
    app: [maxLength(128)],
    client_id: [maxLength(128)],
    device: [maxLength(128)],
    labels: [maxPairs(32)],
  },

  // images_service.proto
  ImageConfig: {
    size: [
      matches(
        "^([1-9][0-9]{0,4}x[1-9][0-9]{0,4}|[1-9][0-9]{0,2}:[1-9][0-9]{0,2})$",
        "pixels such as 1536x1024, or a proportion such as 3:2",
      ),
    ],
    resolution: [maxLength(16)],
    quality: [maxLength(32)],
    background: [definedOnly],
    mime_type: [matches("^image/[a-z0-9.+-]+$", "a media type such as image/png")],
    compression: [int32({ gte: 0, lte: 100 })],
    count: [int32({ gte: 0, lte: 10 })],
    style: [maxLength(64)],
    partial_images: [int32({ gte: 0, lte: 16 })],
    input_fidelity: [definedOnly],
  },
  GenerateImageRequest: { route: [required], prompt: prompt32k },
  GenerateImageStreamRequest: { route: [required], prompt: prompt32k },
  EditImageRequest: { route: [required], prompt: prompt32k, images: [required, minOneItem, maxItems(16)] },
  EditImageStreamRequest: { route: [required], prompt: prompt32k, images: [required, minOneItem, maxItems(16)] },

  // live_service.proto
  ConverseRequest: { input: [oneofRequired] },
  ConversationStart: { route: [required], format: [rawAudio], chunk_ms: [chunk] },
  ConversationConfig: { tools: [maxItems(128)] },
  UserText: { text: [notEmpty, maxLength(100_000)] },
  InterruptAnswer: { heard_ms: [int32({ gte: 0 })] },

  // message.proto
  Message: {
    role: [oneOfWords('string.in = "", user, assistant, system, tool', ["user", "assistant", "system", "tool"])],
    parts: [atLeastOne("at least one part, or text", ["text"])],
    text: [notTogetherWith("not together with parts", "parts")],
    name: [maxLength(64)],
  },
  Part: { content: [oneofRequired] },
  Media: {
    source: [oneofRequired],
    data: [maxMediaBytes],
    uri: [uri("string.uri")],
    mime_type: [matches("^[a-z]+/[A-Za-z0-9.+-]+(;.*)?$", "a media type such as image/png"), mimeTypeWithData],
    filename: [maxLength(255)],
  },
  ToolCall: { id: [notEmpty], name: [notEmpty] },
  ToolResult: { tool_call_id: [required, notEmpty] },

  // models_service.proto
  ListModelsRequest: { page_size: [count] },
  GetModelRequest: { provider: [required, notEmpty], id: [required, notEmpty] },
  ModelRequirements: {
    min_context_window: [count],
    min_output_tokens: [count],
    max_input_usd_per_mtok: [double({ gte: 0 })],
    max_output_usd_per_mtok: [double({ gte: 0 })],
  },
  FindBestModelRequest: { max_results: [int32({ gte: 0, lte: 20 })] },

  // providers_service.proto
  Provider: {
    id: [required, id],
    kind: [required, notEmpty, maxLength(64)],
    display_name: [maxLength(128)],
    api_key: [maxLength(8192)],
    base_url: [httpUrl],
    headers: [maxPairs(32)],
    labels: [maxPairs(32)],
    default_model: [maxLength(256)],
    fallback_model: [maxLength(256)],
    models: [maxItems(256)],
  },
  ModelSettings: {
    model: [required, notEmpty, maxLength(256)],
    fallbacks: [maxItems(7)],
    strategy: [definedOnly],
  },
  CreateProviderRequest: { provider: [required] },
  GetProviderRequest: { id: [required, notEmpty] },
  ListProvidersRequest: { page_size: [count] },
  UpdateProviderRequest: { provider: [required] },
  DeleteProviderRequest: { id: [required, notEmpty] },

  // route.proto
  Route: {
    targets: [maxItems(8), exactlyOne("exactly one of targets and name", "targets", "name")],
    strategy: [definedOnly],
    attempt_timeout: [duration({ gt: 0, lte: 3600 })],
    stall_timeout: [duration({ gt: 0 })],
    stagger: [duration({ gte: 0 })],
    name: [id],
  },
  Target: {
    provider: [id],
    model: [
      maxLength(256),
      atLeastOne("at least one of provider, inline_provider, model", ["provider", "inlineProvider"]),
    ],
    inline_provider: [notTogetherWith("not together with provider", "provider")],
    voice: [maxLength(256)],
    attempt_timeout: [duration({ gt: 0, lte: 3600 })],
  },
  InlineProvider: {
    kind: [required, notEmpty, maxLength(64)],
    api_key: [maxLength(8192), sendableApiKey],
    base_url: [httpUrl, plainBaseUrl],
    headers: [maxPairs(32), sendableHeaders],
  },

  // routes_service.proto
  NamedRoute: {
    name: [required, id],
    display_name: [maxLength(128)],
    route: [required],
    labels: [maxPairs(32)],
  },
  CreateRouteRequest: { route: [required] },
  GetRouteRequest: { name: [required, notEmpty] },
  ListRoutesRequest: { page_size: [count] },
  UpdateRouteRequest: { route: [required] },
  DeleteRouteRequest: { name: [required, notEmpty] },

  // tool.proto
  Tool: { kind: [oneofRequired] },
  FunctionTool: {
    name: [
      required,
      matches("^[A-Za-z_][A-Za-z0-9_-]{0,63}$", "1 to 64 letters, digits, _ or -, the first a letter or _"),
    ],
    input_schema: [notTogetherWith("not together with input_schema_json", "inputSchemaJson")],
  },
  McpServer: {
    url: [required, httpUrl],
    headers: [maxPairs(32)],
    prefix: [matches("^[A-Za-z0-9_-]{0,32}$", "at most 32 letters, digits, _ or -")],
    timeout: [duration({ gt: 0, lte: 600 })],
  },
  WebSearch: {
    context_size: [definedOnly],
    allowed_domains: [notTogetherWith("not together with blocked_domains", "blockedDomains")],
    max_uses: [int32({ gte: 1 })],
  },
  ProviderTool: { type: [required, notEmpty] },
  ToolChoice: { mode: [definedOnly] },

  // transcript.proto
  TranscriptionConfig: { phrases: [maxItems(1000)] },

  // transcription_service.proto
  TranscribeStreamRequest: { input: [oneofRequired] },
  TranscriptionStart: { route: [required], format: [required, rawAudio] },
};

/**
 * Fields that need not be set in a message when it is in this field of that message: an update names what it changes, and
 * the id says of what.
 */
export const optionalIn: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  UpdateProviderRequest: { provider: ["kind"] },
  UpdateRouteRequest: { route: ["route"] },
};
