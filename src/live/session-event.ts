import type { AudioFormat } from "../core/audio-format.ts";
import type { Warning } from "../core/route.ts";
import type { LiveEvent } from "../core/transcription.ts";
import type { Usage } from "../core/usage.ts";

type Segment = Extract<LiveEvent, { type: "segment" }>;

/**
 * What one target says in a session, with all times from the start of the caller's audio. `coveredMs`: of the audio up to
 * there nothing more is to be expected.
 */
export type SessionEvent =
  | {
      readonly type: "accepted";
      readonly format: AudioFormat;
      readonly model?: string;
      readonly requestId?: string;
      readonly warnings: readonly Warning[];
    }
  | { readonly type: "speech-started" | "speech-ended"; readonly offsetMs: number }
  | (Segment & { readonly coveredMs?: number })
  /** `toldMs`: where the target was told, if it was. */
  | { readonly type: "turn-ended"; readonly offsetMs?: number; readonly toldMs?: number; readonly coveredMs?: number }
  /** The gateway has told the target that a turn is over, the speech of which ended at `speechEndMs`. */
  | { readonly type: "turn-told"; readonly atMs: number; readonly speechEndMs: number }
  | Extract<LiveEvent, { type: "ending" | "warning" }>
  | { readonly type: "finished"; readonly usage: Usage };
