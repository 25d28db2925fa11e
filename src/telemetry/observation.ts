import type { Message, ToolCallPart, ToolResultPart } from "../core/chat.ts";
import type { FailureReason, LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";

/** One call as it is seen from outside. The layers tell it what they do; what metrics and spans come of it, they do not know. */
export interface CallObservation {
  /** Of the trace, for the log; undefined when the call is not traced. */
  readonly traceId: string | undefined;
  /** What has been tried for it so far, in the order it ended, for the log. */
  readonly tried: readonly TriedTarget[];
  /** For a route of the call. */
  route(capability: Capability): RouteObservation;
}

/** One target that was tried, in ids and words of few values. */
export interface TriedTarget {
  /** The provider's id; `inline` for one that the request brought. */
  readonly provider: string;
  readonly model: string;
  readonly outcome: Attempt["outcome"];
  readonly reason?: FailureReason;
  readonly ms: number;
}

/** A route of a call, or one step of an agent's run on it. */
export interface RouteObservation {
  /** A target is called. `isFallback`: another one was to be called before it. */
  attempt(target: ObservedTarget, isFallback: boolean): AttemptObservation;
  /** A target is not called. */
  unused(target: ObservedTarget, outcome: "skipped" | "failed", error: LivellmError): void;
  /** A model call of an agent's run begins, with its attempts; undefined when nobody looks at steps. */
  step(index: number, asked: () => AskedModel): StepObservation | undefined;
  /** Runs a tool. */
  tool(call: ToolCallPart, run: () => Promise<ToolResultPart>): Promise<ToolResultPart>;
  /** Does work whose connections belong to the call. */
  within<T>(work: () => T): T;
}

/** What a model is asked; looked at only where an operator wants what is said in spans. */
export interface AskedModel {
  readonly instructions: string;
  readonly messages: readonly Message[];
}

/** A step; dispose it when it is over. */
export interface StepObservation extends RouteObservation, Disposable {}

/** What of a target is told. */
export interface ObservedTarget {
  /** The provider's id; empty for an inline one. */
  readonly provider: string;
  readonly kind: string;
  readonly model: string;
}

/** One target being called. */
export interface AttemptObservation {
  /** Opens what the target sends; its connections belong to the attempt. */
  open<T>(open: () => AsyncIterable<T>): AsyncIterable<T>;
  /** To be called once. */
  ended(end: AttemptEnd): void;
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly outcome: Exclude<Attempt["outcome"], "skipped">;
  readonly error?: LivellmError | undefined;
  readonly durationMs: number;
  /** To its commit; undefined when it did not come to that. */
  readonly firstOutputMs: number | undefined;
  /** How many outputs were passed on. */
  readonly outputs: number;
  readonly usage: Usage | undefined;
}
