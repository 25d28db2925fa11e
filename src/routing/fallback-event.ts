import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import type { ReadyTarget } from "./plan.ts";

/** What `withFallback` yields: failures while others are tried, then one `committed`, then the winner's output. */
export type FallbackEvent<C extends Capability, T> =
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | { readonly type: "progress"; readonly output: T }
  | { readonly type: "committed"; readonly target: ReadyTarget<C>; readonly attempts: readonly Attempt[] }
  | { readonly type: "output"; readonly output: T };
