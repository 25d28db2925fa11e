import type { ChatEvent } from "../core/chat.ts";
import type { ContextPolicy } from "../core/context-policy.ts";
import type { Warning } from "../core/route.ts";
import { callModel } from "./call-model.ts";
import { type ContextCall, warned } from "./context-call.ts";
import { callRecycled } from "./recycled-call.ts";
import { createTokenCounter, loadTokenizer, mostTokens, type TokenCounter } from "./tokens.ts";
import { callTruncated } from "./truncated-call.ts";

/**
 * Calls a model with as much of the conversation as the policy lets it have. What was left out is a warning with the
 * `response`. Throws `context_too_long` when what may not be left out is too long by itself.
 */
export function callWithinContext(call: ContextCall, signal: AbortSignal): AsyncIterable<ChatEvent> {
  const { policy, request } = call;
  if (!policy || policy.strategy === "disabled") return callModel(call, request, signal);
  return callFitted(call, policy, signal);
}

async function* callFitted(
  call: ContextCall,
  policy: ContextPolicy,
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void> {
  const { request } = call;
  const limit = inputLimit(call, policy);
  if (limit === undefined) return yield* warned(call, request, [windowUnknown(request.model)], signal);
  if (mostTokens(request) <= limit) return yield* callModel(call, request, signal);
  const counter = await counterFor(call);
  if (counter.request(request) <= limit) return yield* callModel(call, request, signal);
  if (policy.strategy === "truncate") return yield* callTruncated(call, request, { limit, counter }, signal);
  yield* callRecycled(call, { limit, counter }, signal);
}

/** Undefined when nobody knows how much the model takes. */
function inputLimit({ facts, provider, request }: ContextCall, policy: ContextPolicy): number | undefined {
  if (policy.maxInputTokens > 0) return policy.maxInputTokens;
  const window = facts.contextWindowOf(provider, request.model);
  if (window === undefined) return undefined;
  const answer = request.generation.maxOutputTokens ?? Math.min(8_192, window / 4);
  return Math.floor(Math.max(window - answer, window / 2));
}

async function counterFor({ facts, kind, request, memory }: ContextCall): Promise<TokenCounter> {
  const name = facts.tokenizerOf(kind, request.model) ?? "estimate";
  const counter = memory.counters.get(name) ?? createTokenCounter(await loadTokenizer(name));
  memory.counters.set(name, counter);
  return counter;
}

function windowUnknown(model: string): Warning {
  const message = `the context window of ${model} is not known, so nothing was left out; set contextPolicy.maxInputTokens`;
  return { code: "context-window-unknown", message, field: "config.contextPolicy.maxInputTokens" };
}
