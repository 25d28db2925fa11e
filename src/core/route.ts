import type { ContextPolicy } from "./context-policy.ts";
import type { FailureReason } from "./failure.ts";
import type { JsonObject } from "./json.ts";
import type { Secret } from "./secret.ts";
import type { Usage } from "./usage.ts";

/** In which order the targets of a route are used. */
export type Strategy = "sequential" | "parallel";

/** A provider given in a request instead of by the id of a configured one; for that call alone, never stored or logged. */
export interface InlineProvider {
  readonly kind: string;
  readonly apiKey?: Secret;
  readonly baseUrl?: string;
  readonly headers: Readonly<Record<string, Secret>>;
}

/** One provider and model to try, as the caller, or a provider's settings, named it. */
export interface Target {
  /** Empty with `inlineProvider`, or when the provider is to be found by the model. */
  readonly provider: string;
  readonly inlineProvider?: InlineProvider;
  /** Empty: the provider's default model. */
  readonly model: string;
  readonly voice: string;
  /** Merged, last, into the body that is sent to the provider. */
  readonly options: JsonObject;
  readonly attemptTimeoutMs?: number;
  /** Where the call itself has none; undefined: that of the model's settings. */
  readonly contextPolicy?: ContextPolicy;
}

/** Where a call goes, and where it goes next when that fails. */
export interface Route {
  readonly targets: readonly Target[];
  /** A route configured on the server, in place of targets. */
  readonly name?: string;
  readonly strategy?: Strategy;
  readonly attemptTimeoutMs?: number;
  readonly stallTimeoutMs?: number;
  readonly staggerMs?: number;
}

/** Why an attempt failed; the message holds no secret and is cut at 500 characters. */
export interface Failure {
  readonly reason: FailureReason;
  readonly message: string;
  readonly httpStatus?: number;
  readonly providerCode?: string;
  readonly providerRequestId?: string;
  readonly retryAfterMs?: number;
}

/** One target that was tried. `elapsedMs` is the time to its end, or to its commit. */
export interface Attempt {
  readonly targetIndex: number;
  /** Empty for an inline provider. */
  readonly provider: string;
  readonly model: string;
  readonly outcome: "answered" | "failed" | "timed_out" | "cancelled" | "skipped";
  readonly failure?: Failure;
  readonly startTime: Date;
  readonly elapsedMs: number;
  readonly usage?: Usage;
}

/** Who answered, and what was tried before. */
export interface RouteResult {
  readonly targetIndex?: number;
  readonly provider: string;
  readonly providerKind: string;
  /** As the provider reported it, else as it was asked for. */
  readonly model: string;
  readonly providerRequestId?: string;
  readonly attempts: readonly Attempt[];
}

/** Something that was done differently from what was asked, without failing the call. */
export interface Warning {
  /** `option-ignored`, `option-clamped`, `audio-resampled`, `text-split`, `part-dropped`, `provider-state-dropped`, … */
  readonly code: string;
  readonly message: string;
  /** The request field, in JSON names; empty for the call as a whole. */
  readonly field?: string;
}
