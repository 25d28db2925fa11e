import { LivellmError } from "../core/error.ts";
import type { ConversationInput } from "../core/live.ts";
import { randomId } from "../core/random-id.ts";
import type { Attempt, RouteResult } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import { withFallback } from "../routing/fallback.ts";
import type { FallbackEvent } from "../routing/fallback-event.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import { routeResultOf } from "../routing/route-result.ts";
import { linkedController } from "../streams/signals.ts";
import { CallerSide } from "./caller-side.ts";
import type { ConverseEvent, TargetEvent } from "./conversation-event.ts";
import { type ConversationCall, openConversation } from "./conversation-session.ts";
import { longestTimeoutMs } from "./debts.ts";
import { type KeptInput, ReplayedInput } from "./replayed-input.ts";

/** A conversation as the service asks for it. */
export interface ConverseCall extends ConversationCall {
  readonly plan: Plan<"live">;
  readonly input: AsyncIterable<ConversationInput>;
  /** How long nobody may say anything before the conversation is ended. */
  readonly idleTimeoutMs: number;
}

type Target = ReadyTarget<"live">;

/** About two minutes of 16 kHz. */
const kept: KeptInput<ConversationInput> = { most: 4 * 1024 * 1024, sizeOf };

/**
 * Talks with a model. Until a target is accepted what the caller sends is kept, so that the next one gets all of it; after
 * that a failure ends the conversation, which nobody else could take up. Errors are thrown; the last event is `finished`.
 */
export async function* converse(
  call: ConverseCall,
  signal: AbortSignal,
): AsyncGenerator<ConverseEvent, void, undefined> {
  using controller = linkedController(signal);
  const { input: source, format, idleTimeoutMs } = call;
  using caller = new CallerSide({ source, format, idleTimeoutMs });
  const input = new ReplayedInput(caller.items(), (error) => controller.abort(error), kept);
  const { stallTimeoutMs } = call.plan;
  // After the commit a conversation is watched where it is known what is owed: a user may take their time.
  const plan = { ...call.plan, stallTimeoutMs: longestTimeoutMs };
  const open = (target: Target, s: AbortSignal) => openConversation(target, { ...call, input, stallTimeoutMs }, s);
  const run = new ConversationRun(caller, idleTimeoutMs);
  try {
    for await (const event of withFallback(plan, { open, role }, controller.signal)) {
      if (event.type === "committed") input.settle();
      caller.touch();
      yield* run.read(event);
    }
  } catch (error) {
    throw input.failure ? input.failure.error : error;
  }
}

function sizeOf(item: ConversationInput): number {
  if (item.type === "audio") return item.data.length;
  return item.type === "text" ? item.text.length : 1024;
}

/** The contract: the accepted conversation commits. */
function role(event: TargetEvent): "commits" | "waits" {
  return event.type === "accepted" ? "commits" : "waits";
}

/** Reads what fallback and the winner say, and tells it as the caller's events. */
class ConversationRun {
  readonly #caller: CallerSide;
  readonly #idleTimeoutMs: number;
  readonly #sessionId = randomId("session");
  #committed: { readonly target: Target; readonly attempts: readonly Attempt[] } | undefined;
  #routeResult: RouteResult | undefined;
  /** What the answers so far have cost. */
  #costUsd = 0;

  constructor(caller: CallerSide, idleTimeoutMs: number) {
    this.#caller = caller;
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  *read(event: FallbackEvent<"live", TargetEvent>): Generator<ConverseEvent, void, undefined> {
    switch (event.type) {
      case "attempt-failed":
        return yield event;
      case "committed":
        this.#committed = event;
        return;
      case "progress":
        return;
      case "output":
        return yield* this.#read(event.output);
      default:
        return event satisfies never;
    }
  }

  *#read(event: TargetEvent): Generator<ConverseEvent, void, undefined> {
    if (event.type === "accepted") yield* this.#start(event);
    else if (event.type === "answer-finished") yield this.#finishAnswer(event);
    else if (event.type === "finished") yield* this.#finish(event.usage);
    else yield event;
  }

  *#start(event: TargetEvent & { type: "accepted" }): Generator<ConverseEvent, void, undefined> {
    const { inputFormat, outputFormat } = event;
    const { target, attempts = [] } = this.#committed ?? {};
    this.#routeResult = routeResultOf(target, attempts, event);
    yield { type: "started", routeResult: this.#routeResult, sessionId: this.#sessionId, inputFormat, outputFormat };
    for (const warning of event.warnings) yield { type: "warning", warning };
  }

  /** The target tells what all of the conversation has cost so far. */
  #finishAnswer({ usage, answerUsage, ...event }: TargetEvent & { type: "answer-finished" }): ConverseEvent {
    const { costUsd } = usage;
    if (!answerUsage || costUsd === undefined) return { ...event, answerUsage };
    const own = costUsd - this.#costUsd;
    this.#costUsd = costUsd;
    return { ...event, answerUsage: { ...answerUsage, costUsd: own } };
  }

  *#finish(usage: Usage): Generator<ConverseEvent, void, undefined> {
    if (this.#caller.idle) yield { type: "warning", warning: idleWarning(this.#idleTimeoutMs) };
    if (!this.#routeResult) throw new LivellmError("internal", "internal", "the conversation ended without a target");
    const durationMs = Math.round(this.#caller.heardMs);
    yield { type: "finished", durationMs, usage, routeResult: this.#routeResult };
  }
}

function idleWarning(idleTimeoutMs: number) {
  const message = `nobody said anything for ${idleTimeoutMs / 1000} s, so the conversation was ended`;
  return { code: "session-idle", message };
}
