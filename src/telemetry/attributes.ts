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
  tokenType: "gen_ai.token.type",
} as const;

/** Those that the conventions have no name for. */
export const ownAttribute = {
  /** The framing a call came in: `grpc`, `json`, `sse`, … */
  face: "livellm.face",
  /** The id of a configured provider, or `inline`. */
  providerId: "livellm.provider.id",
  outcome: "livellm.outcome",
  direction: "livellm.audio.direction",
  app: "livellm.client.app",
  tokenId: "livellm.token.id",
  /** The number of one of several processes that serve one port. */
  worker: "livellm.worker",
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

/** The system behind a face; the plain faces are framings of Connect's own. */
export function rpcSystemOf(face: string): string {
  return face === "grpc" || face === "grpc-web" ? "grpc" : "connectrpc";
}
