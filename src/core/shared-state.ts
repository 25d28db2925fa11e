/** At once where this process knows by itself, else later: a promise costs the common call a turn. */
export type Eventually<T> = T | Promise<T>;

/** What a caller may use in any 60 seconds; unset is without limit. */
export interface RateLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
}

/** Why a call may not begin, and how long until it might. */
export interface RateRefusal {
  readonly limit: "requestsPerMinute" | "tokensPerMinute";
  readonly waitMs: number;
}

/** What each caller has called and consumed in the last minute, in all processes that count together. */
export interface SharedRates {
  /** Counts a call that begins; one that may not is not counted. */
  take(bearer: string, limits: RateLimits): Eventually<RateRefusal | undefined>;
  /** Counts tokens that a call has consumed. Nobody waits for it. */
  spend(bearer: string, tokens: number): void;
}

/** How many calls each caller has under way, in all processes that count together. */
export interface SharedCalls {
  /** This process wants to have so many calls of the caller under way, where all together may have `most`. */
  hold(caller: string, calls: number, most: number): Eventually<boolean>;
  /** This process has so many, whatever anybody may have. Nobody waits for it. */
  holding(caller: string, calls: number): void;
}

/** A breaker that keeps calls from a model. */
export interface OpenBreaker {
  /** Of the model, as its users agree on it. */
  readonly name: string;
  /** How long until it may be probed, in milliseconds; 0 when it may be now. */
  readonly restMs: number;
  /** How long its pause was, in milliseconds: the next is longer. */
  readonly pauseMs: number;
}

/** What the processes that count together have found out of models that do not answer. */
export interface SharedBreakers {
  /** Those that are open; undefined when that is not known at the moment. */
  list(): Eventually<readonly OpenBreaker[] | undefined>;
  /** Nobody waits for it, nor for `close`. */
  open(breaker: OpenBreaker): void;
  close(name: string): void;
  /** Whether this process is the one that probes. */
  claimProbe(name: string): Eventually<boolean>;
}
