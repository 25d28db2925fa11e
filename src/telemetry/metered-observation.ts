import type { ToolCallPart, ToolResultPart } from "../core/chat.ts";
import type { LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { AttemptMeters, TargetMeters } from "./attempt-meters.ts";
import type { CallEnd, CallMeters } from "./call-meters.ts";
import type { CallerMeters } from "./caller-meters.ts";
import type { AttemptEnd, AttemptObservation, ObservedTarget, RouteObservation, TriedTarget } from "./observation.ts";
import type { BeginningCall, ObservedCall } from "./observed-call.ts";
import type { MeterTool } from "./tool-meters.ts";

/** The meters of the process. */
export interface Meters {
  readonly calls: CallMeters;
  readonly attempts: AttemptMeters;
  readonly callers: CallerMeters;
  readonly tool: MeterTool;
}

/** Counts one call. */
export class MeteredObservation implements ObservedCall {
  readonly traceId = undefined;
  readonly meters: Meters;
  readonly tried: TriedTarget[] = [];
  readonly #call: BeginningCall;
  readonly #startMs = performance.now();
  #firstOutputTold = false;

  constructor(call: BeginningCall, meters: Meters) {
    this.#call = call;
    this.meters = meters;
    meters.calls.began(call);
  }

  route(capability: Capability): RouteObservation {
    return new MeteredRoute(this, capability);
  }

  firstMessage(): void {
    this.meters.calls.firstMessage(this.#call, this.#sinceStart());
  }

  ended(end: CallEnd): void {
    this.meters.calls.ended(this.#call, end, this.#sinceStart());
    this.meters.callers.called(this.#call.caller(), end.code);
  }

  /** An attempt of this call is over. */
  attemptEnded(target: ObservedTarget, meters: TargetMeters, end: AttemptEnd): void {
    const { streams } = this.#call;
    this.tried.push(triedTarget(target, end.outcome, end));
    meters.ended(end, streams);
    if (end.usage) this.meters.callers.consumed(this.#call.caller(), end.usage);
    if (end.firstOutputMs === undefined || this.#firstOutputTold || !streams) return;
    this.#firstOutputTold = true;
    meters.firstToken(this.#sinceStart() - (end.durationMs - end.firstOutputMs) / 1000);
  }

  #sinceStart(): number {
    return (performance.now() - this.#startMs) / 1000;
  }
}

class MeteredRoute implements RouteObservation {
  readonly #call: MeteredObservation;
  readonly #capability: Capability;

  constructor(call: MeteredObservation, capability: Capability) {
    this.#call = call;
    this.#capability = capability;
  }

  attempt(target: ObservedTarget, isFallback: boolean): AttemptObservation {
    const meters = this.#metersOf(target);
    if (isFallback) meters.tookOver();
    return new MeteredAttempt(this.#call, target, meters);
  }

  unused(target: ObservedTarget, outcome: "skipped" | "failed", error: LivellmError): void {
    this.#metersOf(target).unused(outcome, error);
    this.#call.tried.push(triedTarget(target, outcome, { error, durationMs: 0 }));
  }

  step(): undefined {
    return undefined;
  }

  async tool(_: ToolCallPart, run: () => Promise<ToolResultPart>): Promise<ToolResultPart> {
    const startMs = performance.now();
    let failed = true;
    try {
      const result = await run();
      failed = result.failed;
      return result;
    } finally {
      this.#call.meters.tool(performance.now() - startMs, failed);
    }
  }

  within<T>(work: () => T): T {
    return work();
  }

  #metersOf(target: ObservedTarget): TargetMeters {
    return this.#call.meters.attempts.target(this.#capability, target);
  }
}

class MeteredAttempt implements AttemptObservation {
  readonly #call: MeteredObservation;
  readonly #target: ObservedTarget;
  readonly #meters: TargetMeters;

  constructor(call: MeteredObservation, target: ObservedTarget, meters: TargetMeters) {
    this.#call = call;
    this.#target = target;
    this.#meters = meters;
  }

  open<T>(open: () => AsyncIterable<T>): AsyncIterable<T> {
    return open();
  }

  ended(end: AttemptEnd): void {
    this.#call.attemptEnded(this.#target, this.#meters, end);
  }
}

function triedTarget(
  { provider, model }: ObservedTarget,
  outcome: TriedTarget["outcome"],
  { error, durationMs }: Pick<AttemptEnd, "error" | "durationMs">,
): TriedTarget {
  const ms = Math.round(durationMs);
  return { provider: provider || "inline", model, outcome, ...(error && { reason: error.reason }), ms };
}
