import type { ChatEvent, ChatRequest, Message } from "../core/chat.ts";
import type { ContextPolicy } from "../core/context-policy.ts";
import type { Warning } from "../core/route.ts";
import { type CalledModel, callModel } from "./call-model.ts";
import type { TokenCounter, TokenizerName } from "./tokens.ts";

/** What is known of a model, where somebody knows it. */
export interface ModelFacts {
  /** Tokens of input and output together. */
  contextWindowOf(provider: string, model: string): number | undefined;
  tokenizerOf(kind: string, model: string): TokenizerName | undefined;
}

/** A model call whose conversation may be too long. */
export interface ContextCall extends CalledModel {
  readonly request: ChatRequest;
  readonly policy: ContextPolicy | undefined;
  readonly facts: ModelFacts;
  /** The provider's id; empty for an inline one. */
  readonly provider: string;
  /** The target of the plan: what the memory is kept by. */
  readonly target: object;
  readonly memory: ContextMemory;
}

/** What the calls of one run leave to those after them. */
export interface ContextMemory {
  /** By target: what a user's message has become, once it has been worked through. */
  readonly recycled: Map<object, { readonly from: Message; readonly to: Message }>;
  readonly counters: Map<TokenizerName, TokenCounter>;
}

export function createContextMemory(): ContextMemory {
  return { recycled: new Map(), counters: new Map() };
}

/** How much may be sent, and how it is counted. */
export interface Measure {
  readonly limit: number;
  readonly counter: TokenCounter;
}

/** A model call with warnings of our own in front of the model's. */
export async function* warned(
  model: CalledModel,
  request: ChatRequest,
  warnings: readonly Warning[],
  signal: AbortSignal,
): AsyncGenerator<ChatEvent, void> {
  if (warnings.length > 0) yield { type: "response", warnings };
  yield* callModel(model, request, signal);
}
