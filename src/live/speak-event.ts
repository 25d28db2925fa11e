import type { AudioFormat, Word } from "../core/audio-format.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";

/** What happens while speech is made, in the order that the contract's SpeakStreamResponse states. */
export type SpeakEvent =
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | {
      readonly type: "started";
      readonly routeResult: RouteResult;
      /** Of the audio that follows. */
      readonly format: AudioFormat;
      readonly warnings: readonly Warning[];
    }
  | { readonly type: "audio"; readonly data: Uint8Array }
  | { readonly type: "words"; readonly words: readonly Word[] }
  | { readonly type: "flushed" }
  | { readonly type: "cleared" }
  | { readonly type: "heartbeat" }
  | {
      readonly type: "finished";
      /** Absent where it cannot be told from the bytes. */
      readonly durationMs?: number;
      readonly usage: Usage;
      readonly routeResult: RouteResult;
      /** Besides those that `started` had. */
      readonly warnings: readonly Warning[];
    };
