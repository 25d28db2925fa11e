import type { ContextPolicy } from "../core/context-policy.ts";
import type { LivellmError } from "../core/error.ts";
import type { JsonObject } from "../core/json.ts";
import type { Pricing } from "../core/pricing.ts";
import type { Capabilities, Capability } from "../core/provider.ts";
import type { Strategy } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import type { RouteObservation } from "../telemetry/observation.ts";
import type { TargetHealth } from "./health.ts";

/** A target that can be tried: everything a call needs to know, and nothing about vendors. */
export interface PlannedTarget<C extends Capability = Capability> {
  /** The position in Route.targets; targets that the server's settings add count on from there. */
  readonly index: number;
  /** Empty for an inline provider. */
  readonly provider: string;
  readonly kind: string;
  readonly model: string;
  readonly voice: string;
  /** The provider's default options with the target's own over them. */
  readonly options: JsonObject;
  /** The keys of those that the provider's default options brought; absent where it has none. */
  readonly defaultedOptions?: readonly string[];
  readonly attemptTimeoutMs: number;
  readonly contextPolicy?: ContextPolicy;
  /** What the model costs, where known. */
  readonly pricing?: Pricing;
  /** Absent for an inline provider: whose key it is, decides how it fares. */
  readonly health?: TargetHealth;
  /** What to call, or why it cannot be: `skipped` targets were not tried, others failed before a call was made. */
  readonly use:
    | { readonly ready: true; readonly capability: NonNullable<Capabilities[C]> }
    | { readonly ready: false; readonly error: LivellmError; readonly skipped: boolean };
}

/** A target whose provider can be called. */
export interface ReadyTarget<C extends Capability = Capability> extends PlannedTarget<C> {
  readonly use: { readonly ready: true; readonly capability: NonNullable<Capabilities[C]> };
}

/** What a Route has become. Dispose it when the call is over: it holds the providers. */
export interface Plan<C extends Capability = Capability> extends Disposable {
  readonly targets: readonly PlannedTarget<C>[];
  readonly strategy: Strategy;
  readonly stallTimeoutMs: number;
  /** With parallel: how long to wait before each further target joins. 0: all at once. */
  readonly staggerMs: number;
  /** Told what each attempt has consumed, once, when it is over. */
  readonly spent?: (usage: Usage) => void;
  /** Told what becomes of its targets. */
  readonly observation?: RouteObservation;
}
