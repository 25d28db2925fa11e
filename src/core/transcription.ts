import type { AudioFormat, Word } from "./audio-format.ts";
import type { JsonObject } from "./json.ts";
import type { Warning } from "./route.ts";
import type { Usage } from "./usage.ts";

/** How to write down speech. */
export interface TranscriptionConfig {
  /** BCP-47; empty: to be found from the audio. */
  readonly languageCode: string;
  readonly prompt: string;
  readonly phrases: readonly string[];
  readonly wordTimings: boolean;
  readonly speakerLabels: boolean;
}

interface TranscriptionCall extends TranscriptionConfig {
  readonly model: string;
  readonly options: JsonObject;
  readonly requestId: string;
  readonly userId: string;
}

/** A recording to write down, always with a header: samples without one have been wrapped as WAV. */
export interface TranscriptionRequest extends TranscriptionCall {
  readonly audio: Uint8Array;
  readonly mimeType: string;
  readonly filename: string;
  /** Milliseconds, where known. */
  readonly durationMs?: number;
}

/** A stretch of speech, written down. Times in milliseconds from the start of the audio. */
export interface TranscribedSegment {
  readonly text: string;
  readonly startMs?: number;
  readonly endMs?: number;
  readonly confidence?: number;
  readonly words?: readonly Word[];
  readonly languageCode?: string;
  readonly speaker?: string;
}

export interface TranscriptionResult {
  readonly text: string;
  readonly languageCode?: string;
  readonly durationMs?: number;
  readonly segments: readonly TranscribedSegment[];
  readonly usage: Usage;
  readonly model?: string;
  readonly requestId?: string;
  readonly warnings?: readonly Warning[];
}

/** What a provider that writes down recordings can do. */
export interface Transcription {
  transcribe(request: TranscriptionRequest, signal: AbortSignal): Promise<TranscriptionResult>;
}

/** How the end of a speaker's turn is found. */
export type TurnDetection =
  | { readonly mode: "silence"; readonly threshold?: number; readonly silenceMs?: number; readonly prefixMs?: number }
  | { readonly mode: "semantic"; readonly eagerness?: "low" | "medium" | "high" }
  | { readonly mode: "manual" };

/** A live session, as an adapter gets it. */
export interface LiveTranscriptionRequest extends TranscriptionCall {
  /** One of the adapter's own `formats`; the gateway converts to it. */
  readonly format: AudioFormat;
  /** Whether segments are wanted before they are final. */
  readonly interim: boolean;
  /** One of the adapter's own `turnModes`; for the others the gateway detects turns, asks for `manual`, and commits. */
  readonly turnDetection: TurnDetection;
}

/** What goes to the vendor. The end of the input: deliver the last words, then finish. */
export type LiveInput =
  | { readonly type: "audio"; readonly data: Uint8Array }
  /** The turn is over: take what was heard so far as complete. */
  | { readonly type: "commit" };

/**
 * What an adapter yields: `accepted` once, first, when the vendor has taken the session; then the rest; `finished` once,
 * last, after the input has ended. All times in milliseconds from the start of this session's audio.
 */
export type LiveEvent =
  | {
      readonly type: "accepted";
      readonly model?: string;
      readonly requestId?: string;
      readonly warnings?: readonly Warning[];
    }
  | { readonly type: "speech-started"; readonly offsetMs: number }
  | { readonly type: "speech-ended"; readonly offsetMs: number }
  /** A segment as it stands now; `key` is the adapter's own name for it. Each is final once, and not changed after. */
  | (TranscribedSegment & {
      readonly type: "segment";
      readonly key: string;
      readonly final: boolean;
      readonly stability?: number;
    })
  | { readonly type: "turn-ended"; readonly offsetMs?: number }
  /** The vendor will end the session soon. */
  | { readonly type: "ending"; readonly timeLeftMs: number }
  | { readonly type: "warning"; readonly warning: Warning }
  | { readonly type: "finished"; readonly usage: Usage };

/** What a provider that writes down live audio can do. */
export interface LiveTranscription {
  /** The forms that the model takes, the preferred one first. */
  formats(model: string): readonly AudioFormat[];
  /** The ways of finding a turn's end that the model has by itself. `manual` means that it obeys `commit`. */
  turnModes(model: string): readonly TurnDetection["mode"][];
  stream(
    request: LiveTranscriptionRequest,
    input: AsyncIterable<LiveInput>,
    signal: AbortSignal,
  ): AsyncIterable<LiveEvent>;
}
