import type { FinishReason, ToolCallPart, ToolResultPart } from "../core/chat.ts";
import type { ToolChoice } from "../core/tools.ts";
import { linkedController } from "../streams/signals.ts";
import type { RouteObservation } from "../telemetry/observation.ts";
import type { ToolSet } from "../tools/tool-set.ts";
import type { RunEvent } from "./run-event.ts";

/** The calls of one step that this server answers. */
export interface StepCalls {
  readonly calls: readonly ToolCallPart[];
  readonly tools: ToolSet;
  readonly toolChoice?: ToolChoice;
  /** Why the model stopped: after an answer that was cut off nothing is run. */
  readonly finishReason: FinishReason;
  /** Told of each call that is run. */
  readonly observation?: RouteObservation | undefined;
}

/**
 * Runs the calls of one step, all at once. Yields each result as it comes, returns all of them in the order of the calls.
 * Throws only the signal's reason.
 */
export async function* runTools(
  step: StepCalls,
  signal: AbortSignal,
): AsyncGenerator<readonly RunEvent[], readonly ToolResultPart[], undefined> {
  if (step.calls.length === 0) return [];
  using running = linkedController(signal);
  const results: ToolResultPart[] = [];
  const waiting = new Map(
    step.calls.map((call, i) => [i, answerCall(call, step, running.signal).then((result) => ({ i, result }))] as const),
  );
  try {
    while (waiting.size > 0) {
      const { i, result } = await Promise.race(waiting.values());
      waiting.delete(i);
      results[i] = result;
      yield [{ type: "tool-result", result }];
    }
  } finally {
    running.abort(signal.reason);
  }
  return results;
}

/** Whether the model had finished calling: an answer that was cut off may have been about to say something else. */
export function mayRunTools(reason: FinishReason): boolean {
  return reason === "tool_calls" || reason === "other";
}

/** Always a promise, so that no failure is thrown before all are started. */
async function answerCall(call: ToolCallPart, step: StepCalls, signal: AbortSignal): Promise<ToolResultPart> {
  const refusal = whyNotRun(call, step);
  const runTool = () => step.tools.call(call, signal);
  if (!refusal) return await (step.observation ? step.observation.tool(call, runTool) : runTool());
  return { type: "tool-result", toolCallId: call.id, name: call.name, text: refusal, media: [], failed: true };
}

function whyNotRun({ name }: ToolCallPart, { finishReason, toolChoice }: StepCalls): string | undefined {
  if (!mayRunTools(finishReason)) {
    return `the tool was not run: the answer that called it was cut off (${finishReason})`;
  }
  const { mode = "auto", toolNames = [] } = toolChoice ?? {};
  if (mode === "disabled") return "the tool was not run: the caller allows no tools for this answer";
  if (toolNames.length === 0 || toolNames.includes(name)) return undefined;
  return `the tool was not run: the caller allows only ${toolNames.join(", ")} for this answer`;
}
