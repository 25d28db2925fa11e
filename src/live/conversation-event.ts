import type { AudioFormat } from "../core/audio-format.ts";
import type { FinishReason } from "../core/chat.ts";
import type { ConversationEvent } from "../core/live.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";

/** What an adapter says that goes on to the caller as it is. */
type PassedOn = Extract<
  ConversationEvent,
  {
    type:
      | "speech-started"
      | "speech-ended"
      | "input-transcript"
      | "output-transcript"
      | "text"
      | "audio"
      | "tool-call"
      | "tool-calls-cancelled"
      | "interrupted"
      | "ending"
      | "warning";
  }
>;

interface Answer {
  readonly type: "answer-finished";
  readonly finishReason: FinishReason;
  readonly providerFinishReason: string;
  /** What the answer consumed. */
  readonly answerUsage: Usage | undefined;
}

/** What one target says in a conversation, its audio in the caller's form. */
export type TargetEvent =
  | PassedOn
  | {
      readonly type: "accepted";
      readonly model?: string;
      readonly requestId?: string;
      readonly inputFormat: AudioFormat | undefined;
      readonly outputFormat: AudioFormat | undefined;
      readonly warnings: readonly Warning[];
    }
  /** `usage`: what the conversation has consumed so far. */
  | (Answer & { readonly usage: Usage })
  | { readonly type: "finished"; readonly usage: Usage };

/** What happens in a conversation, in the order that the contract's ConverseResponse states. */
export type ConverseEvent =
  | PassedOn
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | {
      readonly type: "started";
      readonly routeResult: RouteResult;
      readonly sessionId: string;
      /** Of the user's audio as the target gets it; undefined when there will be none. */
      readonly inputFormat: AudioFormat | undefined;
      /** Of the answers' audio; undefined when they are written. */
      readonly outputFormat: AudioFormat | undefined;
    }
  | Answer
  | { readonly type: "heartbeat" }
  | {
      readonly type: "finished";
      /** How much of the user's audio was heard. */
      readonly durationMs: number;
      readonly usage: Usage;
      readonly routeResult: RouteResult;
    };
