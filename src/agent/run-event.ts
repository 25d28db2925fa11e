import type { FinishReason, Message, Part, PartHead, ToolCallPart, ToolResultPart } from "../core/chat.ts";
import type { JsonObject } from "../core/json.ts";
import type { Attempt, RouteResult, Warning } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";

/** What a whole run has come to. */
export interface RunResult {
  /** The text parts of the last assistant message, joined. */
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly providerFinishReason: string;
  /** The messages this run added, in order. */
  readonly messages: readonly Message[];
  /** The tool calls the caller is to run. */
  readonly pendingToolCalls: readonly ToolCallPart[];
  readonly usage: Usage;
  readonly routeResult: RouteResult;
  readonly warnings: readonly Warning[];
  readonly metadata?: JsonObject;
}

/** What happens in a run, in the order that the contract's RunStreamResponse states. */
export type RunEvent =
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | { readonly type: "started"; readonly routeResult: RouteResult; readonly warnings: readonly Warning[] }
  | { readonly type: "step-started"; readonly step: number; readonly routeResult: RouteResult }
  | { readonly type: "part-started"; readonly index: number; readonly part: PartHead }
  /** More of a part. What is new, never what there is so far. */
  | { readonly type: "delta"; readonly index: number; readonly of: PartHead["type"]; readonly text: string }
  | { readonly type: "part-finished"; readonly index: number; readonly part: Part }
  | { readonly type: "tool-result"; readonly result: ToolResultPart }
  | {
      readonly type: "step-finished";
      readonly step: number;
      readonly finishReason: FinishReason;
      readonly usage: Usage;
    }
  | { readonly type: "finished"; readonly result: RunResult }
  | { readonly type: "heartbeat"; readonly note: string };
