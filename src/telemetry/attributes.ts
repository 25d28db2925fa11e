import type { Capability } from "../core/provider.ts";

/**
 * The attributes of spans and metrics. What has a name in OpenTelemetry's semantic conventions (1.45) bears it; a test
 * compares these with the package, which is too large to be loaded for its words.
 */
export const attribute = {
  rpcSystem: "rpc.system.name",
  rpcMethod: "rpc.method",
  rpcStatus: "rpc.response.status_code",
  errorType: "error.type",
  operation: "gen_ai.operation.name",
  provider: "gen_ai.provider.name",
  requestModel: "gen_ai.request.model",
  requestStream: "gen_ai.request.stream",
  tokenType: "gen_ai.token.type",
  outputType: "gen_ai.output.type",
  responseModel: "gen_ai.response.model",
  finishReasons: "gen_ai.response.finish_reasons",
  timeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  inputTokens: "gen_ai.usage.input_tokens",
  outputTokens: "gen_ai.usage.output_tokens",
  cacheReadTokens: "gen_ai.usage.cache_read.input_tokens",
  cacheCreationTokens: "gen_ai.usage.cache_creation.input_tokens",
  reasoningTokens: "gen_ai.usage.reasoning.output_tokens",
  conversationId: "gen_ai.conversation.id",
  toolName: "gen_ai.tool.name",
  toolCallId: "gen_ai.tool.call.id",
  toolType: "gen_ai.tool.type",
  toolArguments: "gen_ai.tool.call.arguments",
  toolResult: "gen_ai.tool.call.result",
  systemInstructions: "gen_ai.system_instructions",
  inputMessages: "gen_ai.input.messages",
  outputMessages: "gen_ai.output.messages",
  mcpMethod: "mcp.method.name",
  httpStatus: "http.response.status_code",
  sessionId: "session.id",
  userId: "user.id",
  serviceVersion: "service.version",
  runtimeVersion: "process.runtime.version",
} as const;

/** Those that the conventions have no name for. */
export const ownAttribute = {
  /** The framing a call came in: `grpc`, `json`, `sse`, … */
  face: "livellm.face",
  /** The id of a configured provider, or `inline`. */
  providerId: "livellm.provider.id",
  outcome: "livellm.outcome",
  direction: "livellm.audio.direction",
  /** What CallerInfo says. */
  app: "client.app",
  clientId: "client.id",
  device: "client.device",
  /** In front of the name of each of the caller's labels. */
  label: "livellm.label.",
  requestId: "livellm.request.id",
  tokenId: "livellm.token.id",
  /** Which of the processes that serve one port. */
  worker: "livellm.worker",
  step: "livellm.step.index",
  isFallback: "livellm.fallback",
  providerRequestId: "livellm.provider.request_id",
  costUsd: "livellm.cost.usd",
  audioInputSeconds: "livellm.audio.input_duration",
  audioOutputSeconds: "livellm.audio.output_duration",
} as const;

/** The conventions' names of what a capability does, and ours for what they have none for. */
export const operations: Readonly<Record<Capability, string>> = {
  chat: "chat",
  speech: "speech",
  transcription: "transcription",
  liveTranscription: "live_transcription",
  images: "generate_content",
  live: "live",
  models: "list_models",
};

/** `gen_ai.output.type`, where a capability has one. */
export const outputTypes: Partial<Readonly<Record<Capability, string>>> = {
  speech: "speech",
  images: "image",
  transcription: "text",
  liveTranscription: "text",
};

/** The system behind a face; the plain faces are framings of Connect's own. */
export function rpcSystemOf(face: string): string {
  return face === "grpc" || face === "grpc-web" ? "grpc" : "connectrpc";
}
