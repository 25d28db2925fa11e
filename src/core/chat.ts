import type { JsonObject } from "./json.ts";
import type { Warning } from "./route.ts";
import type { ModelTool, ToolChoice } from "./tools.ts";
import type { Usage } from "./usage.ts";

/** Who wrote a message. */
export type Role = "user" | "assistant" | "system" | "tool";

/** One message of a conversation. */
export interface Message {
  readonly role: Role;
  readonly parts: readonly Part[];
  readonly name?: string;
}

/** Opaque state of a provider, valid for one kind of provider alone. */
export interface ProviderState {
  readonly providerKind: string;
  readonly data: Uint8Array;
}

/** A source the model used; the span counts UTF-16 code units of the part's text, end exclusive. */
export interface Citation {
  readonly uri: string;
  readonly title: string;
  readonly quote: string;
  readonly startIndex?: number;
  readonly endIndex?: number;
}

/** Binary content: exactly one of `data` and `uri` is set. A `data:` URI has become `data` before an adapter sees it. */
export interface Media {
  readonly data?: Uint8Array;
  readonly uri?: string;
  /** The IANA media type, such as `image/png`; may be empty with `uri`. */
  readonly mimeType: string;
  readonly filename?: string;
}

/** What every kind of part may carry. */
interface PartExtras {
  readonly citations?: readonly Citation[];
  readonly providerState?: ProviderState;
}

export interface TextPart extends PartExtras {
  readonly type: "text";
  readonly text: string;
}

export interface MediaPart extends PartExtras {
  readonly type: "media";
  readonly media: Media;
}

export interface ReasoningPart extends PartExtras {
  readonly type: "reasoning";
  readonly text: string;
  /** True when the provider hides the text and gives only the state that has to be sent back. */
  readonly redacted?: boolean;
}

/** Who runs a tool: the caller, this server (MCP), or the provider. */
export type Executor = "client" | "server" | "provider";

export interface ToolCallPart extends PartExtras {
  readonly type: "tool-call";
  readonly id: string;
  readonly name: string;
  /** The arguments exactly as the model wrote them. */
  readonly argumentsJson: string;
  readonly executor: Executor;
}

export interface ToolResultPart extends PartExtras {
  readonly type: "tool-result";
  readonly toolCallId: string;
  readonly name: string;
  readonly text: string;
  readonly structured?: JsonObject;
  readonly media: readonly Media[];
  readonly failed: boolean;
}

/** One piece of a message. */
export type Part = TextPart | MediaPart | ReasoningPart | ToolCallPart | ToolResultPart;

/** How much a model thinks before it answers; each provider has its own scale, and the nearest is used. */
export interface ReasoningConfig {
  readonly effort?: "disabled" | "minimal" | "low" | "medium" | "high" | "max";
  readonly budgetTokens?: number;
  readonly hidden: boolean;
}

export type Modality = "text" | "image" | "audio" | "video" | "document";

/** How a model picks its words. An option that is absent is the provider's to choose. */
export interface GenerationConfig {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly maxOutputTokens?: number;
  readonly stopSequences: readonly string[];
  readonly seed?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly reasoning?: ReasoningConfig;
  readonly outputModalities: readonly Modality[];
}

/** The form of an answer; text when absent. */
export type OutputFormat =
  | {
      readonly type: "json-schema";
      readonly name: string;
      readonly description?: string;
      readonly schemaJson: string;
      readonly strict?: boolean;
    }
  | { readonly type: "json-object" };

/** One model call, as an adapter gets it. */
export interface ChatRequest {
  readonly model: string;
  readonly instructions: string;
  readonly messages: readonly Message[];
  readonly tools: readonly ModelTool[];
  readonly toolChoice?: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly generation: GenerationConfig;
  readonly outputFormat?: OutputFormat;
  /** Merged, last, into the body; the adapter refuses keys that it sets itself with `refuseReservedOptions`. */
  readonly options: JsonObject;
  /** For vendors that take one. */
  readonly requestId: string;
  /** The end user's id, for vendors that take one; empty when not known. */
  readonly userId: string;
}

/** Why a model stopped. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter" | "refusal" | "max_steps" | "other";

/** A part as far as it is known when it begins. */
export type PartHead =
  | { readonly type: "text" }
  | { readonly type: "reasoning" }
  | { readonly type: "tool-call"; readonly id: string; readonly name: string; readonly executor: Executor };

/**
 * What an adapter yields, in this order: `response` once, then parts, then `finished` once, last. `key` is the adapter's own
 * name for a part, unique within the call; several parts may be open at once. Errors are thrown, never yielded. A vendor's
 * stream that ends without its terminal event throws `stream_broken`, and never gives `finished`.
 */
export type ChatEvent =
  /** The vendor has begun to answer; not yet a commit. `model` as the vendor reports it. */
  | {
      readonly type: "response";
      readonly model?: string;
      readonly requestId?: string;
      readonly warnings?: readonly Warning[];
    }
  | { readonly type: "part-started"; readonly key: string; readonly part: PartHead }
  /** More of a part: text, reasoning, or a tool call's arguments. What is new, never what there is so far. */
  | { readonly type: "delta"; readonly key: string; readonly text: string }
  /** A part is complete. */
  | {
      readonly type: "part-finished";
      readonly key: string;
      readonly citations?: readonly Citation[];
      readonly providerState?: ProviderState;
      readonly redacted?: boolean;
    }
  /** A part that came in one piece, such as an image, or the result of a provider's own tool. */
  | { readonly type: "part"; readonly part: Part }
  /** Nothing yet, but something is going on, such as `pulling llama3.2, 41 %`. */
  | { readonly type: "progress"; readonly note: string }
  | {
      readonly type: "finished";
      readonly finishReason: FinishReason;
      /** The vendor's own word for it. */
      readonly providerFinishReason: string;
      readonly usage: Usage;
      /** What else the provider said about the answer, in its own form. */
      readonly metadata?: JsonObject;
      readonly warnings?: readonly Warning[];
    };

/** What a provider that chats can do. */
export interface Chat {
  stream(request: ChatRequest, signal: AbortSignal): AsyncIterable<ChatEvent>;
  /** The whole answer at once, where the vendor offers it; the events are those that `stream` would have given. */
  generate?(request: ChatRequest, signal: AbortSignal): Promise<readonly ChatEvent[]>;
}
