import type { AudioFormat } from "../core/audio-format.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { TranscribedSegment } from "../core/transcription.ts";
import type { Usage } from "../core/usage.ts";

/** What the caller of a live transcription sends. The end of the input is the end of the last turn. */
export type TranscriptionInput =
  | { readonly type: "audio"; readonly data: Uint8Array }
  /** Silence that was not recorded. */
  | { readonly type: "silence"; readonly durationMs: number }
  | { readonly type: "end-turn" };

/** A segment in the caller's numbering. */
export interface NumberedSegment extends TranscribedSegment {
  readonly index: number;
  readonly final: boolean;
  /** While not final: how likely the text is to stay, from 0 to 1. */
  readonly stability?: number;
}

/**
 * What happens in a live transcription, in the order that the contract's TranscribeStreamResponse states. Times are in
 * milliseconds from the start of the caller's audio, whichever target heard it.
 */
export type TranscriptionEvent =
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | {
      readonly type: "started";
      readonly routeResult: RouteResult;
      readonly sessionId: string;
      /** What the target gets. */
      readonly format: AudioFormat;
    }
  | { readonly type: "speech-started" | "speech-ended"; readonly offsetMs: number }
  | { readonly type: "segment"; readonly segment: NumberedSegment }
  | { readonly type: "turn-ended"; readonly lastSegmentIndex?: number; readonly offsetMs?: number }
  | { readonly type: "ending"; readonly timeLeftMs: number }
  | { readonly type: "warning"; readonly warning: Warning }
  | { readonly type: "heartbeat" }
  | {
      readonly type: "finished";
      readonly text: string;
      readonly durationMs: number;
      readonly usage: Usage;
      readonly routeResult: RouteResult;
    };
