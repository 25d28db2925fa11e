import type { RunResponse, RunStreamResponse } from "../../gen/livellm/v1/agent_service_pb.ts";
import type { Usage } from "../../gen/livellm/v1/usage_pb.ts";
import { LivellmError } from "../core/error.ts";
import type { JsonObject } from "./json.ts";

/** What a run consumed, as the older systems tell it. */
export interface OldUsage {
  readonly input_tokens: number;
  readonly output_tokens: number;
}

export function usageOf(usage: Usage | undefined): OldUsage {
  return { input_tokens: usage?.inputTokens ?? 0, output_tokens: usage?.outputTokens ?? 0 };
}

/** What a stream has brought so far, each time that there is more. */
export interface Progress {
  /** The text of the model's present turn. */
  readonly text: string;
  /** What is new of it; empty for a sign of life. */
  readonly delta: string;
  readonly usage: OldUsage;
  /** With the last one alone: the whole answer. */
  readonly finished?: RunResponse;
}

/**
 * The text of a run as it grows, and its end. A turn after a call of a tool starts anew, because the answer is the text of the
 * last one. Signs of life are passed on once there is output, so that an error before it still gets a status of its own.
 */
export async function* progressOf(events: AsyncIterable<RunStreamResponse>): AsyncGenerator<Progress> {
  let text = "";
  let usage: OldUsage = usageOf(undefined);
  for await (const { event } of events) {
    switch (event.case) {
      case "stepStarted":
        text = "";
        break;
      case "textDelta":
        text += event.value.text;
        yield { text, delta: event.value.text, usage };
        break;
      case "heartbeat":
        if (text !== "") yield { text, delta: "", usage };
        break;
      case "stepFinished":
        usage = usageOf(event.value.usage);
        break;
      case "finished":
        yield* lastOf(text, event.value);
        return;
    }
  }
  throw new LivellmError("internal", "internal", "the run ended without its answer");
}

/** An answer whose text has not come in deltas, such as JSON from a forced tool, is told before the end. */
function* lastOf(text: string, finished: RunResponse): Generator<Progress> {
  const usage = usageOf(finished.usage);
  const rest = finished.text.startsWith(text) ? finished.text.slice(text.length) : finished.text;
  if (rest !== "") yield { text: finished.text, delta: rest, usage };
  yield { text: finished.text, delta: "", usage, finished };
}

/** The record at the end of a stream that broke off. */
export function brokenRecord(message: string, status: number): JsonObject {
  return { error: message, status };
}
