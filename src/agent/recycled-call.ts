import type { ChatEvent, Message } from "../core/chat.ts";
import type { Warning } from "../core/route.ts";
import { addUsage, type Usage } from "../core/usage.ts";
import { askModel, callModel } from "./call-model.ts";
import { type ContextCall, type Measure, warned } from "./context-call.ts";
import { planRecycling, type RecyclePlan, withoutTools } from "./recycle-plan.ts";
import type { TokenCounter } from "./tokens.ts";
import { type Truncated, truncate } from "./truncate.ts";
import { callTruncated, truncatedWarning } from "./truncated-call.ts";

/**
 * Works through the last user message in chunks. The history before it keeps at most half of the room; in a later step of a
 * run the message is what it became in the first.
 */
export async function* callRecycled(
  call: ContextCall,
  measure: Measure,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void> {
  const { request, memory, target } = call;
  const at = request.messages.findLastIndex(({ role }) => role === "user");
  const message = request.messages[at];
  const known = memory.recycled.get(target);
  if (message && known?.from === message) {
    const shorter = { ...request, messages: request.messages.with(at, known.to) };
    if (measure.counter.request(shorter) <= measure.limit) return yield* callModel(call, shorter, signal);
    return yield* callTruncated(call, shorter, measure, signal);
  }
  const recycling = message && prepare(call, at, measure);
  if (!message || !recycling) return yield* callTruncated(call, request, measure, signal);
  yield* runChunks(call, { ...recycling, message, after: request.messages.slice(at + 1) }, signal);
}

interface Recycling {
  readonly plan: RecyclePlan;
  readonly before: readonly Message[];
  readonly warnings: readonly Warning[];
}

/** Undefined when chunks would not help: it is not the message that is too long. */
function prepare({ request }: ContextCall, at: number, { limit, counter }: Measure): Recycling | undefined {
  const message = request.messages[at];
  const fixed = counter.overhead({ ...request, messages: [] }) + tokensOf(request.messages.slice(at + 1), counter);
  const history = request.messages.slice(0, at);
  const room = limit - fixed;
  const kept = shortened(history, Math.floor(room / 2), counter);
  if (!message || !kept) return undefined;
  const plan = planRecycling(message, room - tokensOf(kept.messages, counter), counter);
  const warnings = kept.messagesLeftOut > 0 ? [truncatedWarning(kept, request.messages.length, limit)] : [];
  return plan && { plan, before: kept.messages, warnings };
}

function shortened(history: readonly Message[], room: number, counter: TokenCounter): Truncated | undefined {
  if (tokensOf(history, counter) > room) return truncate(history, room, counter);
  return { messages: history, messagesLeftOut: 0, charactersLeftOut: 0 };
}

function tokensOf(messages: readonly Message[], counter: TokenCounter): number {
  return messages.reduce((total, message) => total + counter.message(message), 0);
}

interface ChunkRun extends Recycling {
  readonly message: Message;
  readonly after: readonly Message[];
}

async function* runChunks(
  call: ContextCall,
  { plan, before, after, warnings, message }: ChunkRun,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void> {
  let answer = "";
  let usage: Usage = {};
  const last = plan.chunkCount - 1;
  for (let chunk = 0; chunk < last; chunk++) {
    yield { type: "progress", note: `reading part ${chunk + 1} of ${plan.chunkCount} of a long message` };
    const messages = [...before, plan.message(chunk, answer)];
    const { text, finished } = await askModel(call, withoutTools({ ...call.request, messages }), signal);
    answer = text || answer;
    usage = addUsage(usage, { modelCalls: 1, ...finished.usage });
  }
  const to = plan.message(last, answer);
  call.memory.recycled.set(call.target, { from: message, to });
  for await (const event of warned(call, { ...call.request, messages: [...before, to, ...after] }, warnings, signal)) {
    yield event.type === "finished" ? { ...event, usage: addUsage(usage, { modelCalls: 1, ...event.usage }) } : event;
  }
}
