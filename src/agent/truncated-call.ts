import type { ChatEvent, ChatRequest } from "../core/chat.ts";
import { LivellmError } from "../core/error.ts";
import type { Warning } from "../core/route.ts";
import { type ContextCall, type Measure, warned } from "./context-call.ts";
import { type Truncated, truncate } from "./truncate.ts";

/** Calls a model with a conversation that was cut down to what fits, and a warning that says so. */
export async function* callTruncated(
  call: ContextCall,
  request: ChatRequest,
  measure: Measure,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void> {
  const { truncated, warning } = cutDown(request, measure);
  yield* warned(call, { ...request, messages: truncated.messages }, [warning], signal);
}

function cutDown(request: ChatRequest, { limit, counter }: Measure): { truncated: Truncated; warning: Warning } {
  const truncated = truncate(request.messages, limit - counter.overhead(request), counter);
  if (!truncated) throw tooLong(request, { limit, counter });
  return { truncated, warning: truncatedWarning(truncated, request.messages.length, limit) };
}

/** What was left out, in numbers. */
export function truncatedWarning(truncated: Truncated, messages: number, limit: number): Warning {
  const { messagesLeftOut, charactersLeftOut } = truncated;
  const lost = [
    ...(messagesLeftOut > 0 ? [`${messagesLeftOut} of ${messages} messages from the middle of the conversation`] : []),
    ...(charactersLeftOut > 0 ? [`${charactersLeftOut} characters from the middle of its last texts`] : []),
  ];
  const message = `left out ${lost.join(" and ")}, to fit ${limit} tokens`;
  return { code: "context-truncated", message, field: "messages" };
}

function tooLong(request: ChatRequest, { limit, counter }: Measure): LivellmError {
  const [all, fixed] = [counter.request(request), counter.overhead(request)];
  const message = `the conversation takes about ${all} tokens, ${fixed} of them instructions and tools; it cannot be cut to ${limit}`;
  return new LivellmError("invalid_argument", "context_too_long", message);
}
