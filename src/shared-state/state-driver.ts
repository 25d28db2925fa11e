import type { Eventually, OpenBreaker, RateLimits, RateRefusal } from "../core/shared-state.ts";

/**
 * Where the counts are, as one process sees them; every method may reject where they are elsewhere. What it says of calls
 * under way holds for the length of a lease, and has to be said again before that is over.
 */
export interface StateDriver {
  take(bearer: string, limits: RateLimits): Eventually<RateRefusal | undefined>;
  spend(bearer: string, tokens: number): Eventually<void>;
  hold(caller: string, calls: number, most: number): Eventually<boolean>;
  holding(caller: string, calls: number): Eventually<void>;
  openBreakers(): Eventually<readonly OpenBreaker[]>;
  openBreaker(breaker: OpenBreaker): Eventually<void>;
  closeBreaker(name: string): Eventually<void>;
  claimProbe(name: string): Eventually<boolean>;
  /** Resolves when it can be asked, and tries to get there when it cannot. */
  revive(): Promise<void>;
  close(): Promise<void>;
}

/** How long a claim to probe holds; who has said nothing by then may be gone. */
export const probeClaimMs = 15_000;

/** A breaker that nobody has probed for so long is forgotten: then each process finds out for itself. */
export const forgetBreakerMs = 600_000;
