import type { AudioFormat } from "./audio-format.ts";
import type { FinishReason, GenerationConfig, Message, ToolCallPart, ToolResultPart } from "./chat.ts";
import type { JsonObject } from "./json.ts";
import type { Warning } from "./route.ts";
import type { ModelTool } from "./tools.ts";
import type { TranscriptionConfig, TurnDetection } from "./transcription.ts";
import type { Usage } from "./usage.ts";

/** A conversation, as an adapter gets it. */
export interface ConversationRequest {
  readonly model: string;
  readonly voice: string;
  readonly instructions: string;
  /** What was said before, oldest first; not to be answered. */
  readonly messages: readonly Message[];
  readonly tools: readonly ModelTool[];
  /** `outputModalities` says nothing here: see `outputFormat`. */
  readonly generation: GenerationConfig;
  /** Of the user's audio, one of the adapter's own `inputFormats`; undefined when none will come. */
  readonly inputFormat: AudioFormat | undefined;
  /** Of the answers' audio, one of the adapter's own `outputFormats`; undefined when answers are written. */
  readonly outputFormat: AudioFormat | undefined;
  readonly speech: SpokenStyle;
  /** One of the adapter's own `turnModes`. */
  readonly turnDetection: TurnDetection;
  /** Whether what the user says or writes cuts off the answer under way; else a text waits for its end. */
  readonly bargeIn: boolean;
  /** Undefined: what the user says is not to be written down. */
  readonly inputTranscription: TranscriptionConfig | undefined;
  readonly options: JsonObject;
  readonly requestId: string;
  readonly userId: string;
}

/** How answers are spoken. */
export interface SpokenStyle {
  /** BCP-47; empty when not known. */
  readonly languageCode: string;
  /** 1 is the voice's own speed. */
  readonly speed?: number;
  readonly instructions: string;
}

/** What the user, or the caller for them, says. The end of the input: answer the last turn, then finish. */
export type ConversationInput =
  | { readonly type: "audio"; readonly data: Uint8Array }
  /** A whole turn, to be answered. */
  | { readonly type: "text"; readonly text: string }
  /** The user has finished speaking. */
  | { readonly type: "end-turn" }
  | { readonly type: "tool-result"; readonly result: ToolResultPart }
  /** Stop the answer; `heardMs`: how much of its audio the user has heard. */
  | { readonly type: "interrupt"; readonly heardMs?: number };

/**
 * What an adapter yields: `accepted` once, first, when the vendor has taken the conversation; then the rest; `finished` once,
 * last, after the input has ended. Each answer ends with `answer-finished`, an interrupted one after `interrupted`.
 */
export type ConversationEvent =
  | {
      readonly type: "accepted";
      readonly model?: string;
      readonly requestId?: string;
      readonly warnings?: readonly Warning[];
    }
  /** In milliseconds from the start of the user's audio. */
  | { readonly type: "speech-started" | "speech-ended"; readonly offsetMs: number }
  /** Pieces of what was said, in words; those of one turn are joined as they are. */
  | { readonly type: "input-transcript" | "output-transcript"; readonly text: string }
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "audio"; readonly data: Uint8Array }
  | { readonly type: "tool-call"; readonly call: ToolCallPart }
  | { readonly type: "tool-calls-cancelled"; readonly ids: readonly string[] }
  | { readonly type: "interrupted" }
  /** All of the answer is there; its end may wait until it has been played. */
  | { readonly type: "answer-generated" }
  | {
      readonly type: "answer-finished";
      readonly finishReason: FinishReason;
      /** The vendor's own word for it. */
      readonly providerFinishReason: string;
      readonly usage?: Usage;
    }
  /** The vendor will end the conversation soon, and cannot take it up again. */
  | { readonly type: "ending"; readonly timeLeftMs: number }
  | { readonly type: "warning"; readonly warning: Warning }
  /** `usage`: what was consumed besides what the answers told. */
  | { readonly type: "finished"; readonly usage: Usage };

/** What a provider whose models listen while they answer can do. */
export interface Live {
  /** The forms of the user's audio that the model takes, the preferred one first. */
  inputFormats(model: string): readonly AudioFormat[];
  /** The forms in which the model speaks, the preferred one first. */
  outputFormats(model: string): readonly AudioFormat[];
  /** The ways of finding a turn's end that the model has; `silence` and `manual` at least. */
  turnModes(model: string): readonly TurnDetection["mode"][];
  converse(
    request: ConversationRequest,
    input: AsyncIterable<ConversationInput>,
    signal: AbortSignal,
  ): AsyncIterable<ConversationEvent>;
}
