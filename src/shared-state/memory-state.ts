import type { OpenBreaker, RateLimits, RateRefusal } from "../core/shared-state.ts";
import { MinuteWindow } from "./minute-window.ts";
import { forgetBreakerMs, probeClaimMs, type StateDriver } from "./state-driver.ts";

interface Windows {
  readonly requests: MinuteWindow;
  readonly tokens: MinuteWindow;
}

/** What one process has said of its calls, and until when that holds. */
interface Lease {
  readonly calls: number;
  readonly untilMs: number;
}

interface Breaker {
  readonly untilMs: number;
  readonly pauseMs: number;
}

interface Claim {
  readonly holder: string;
  readonly untilMs: number;
}

export interface MemoryStateOptions {
  /** In milliseconds of any clock; since the process began when unset. */
  readonly clock?: () => number;
  /** 15 seconds when unset. */
  readonly leaseMs?: number;
}

/** The counts in the memory of this process: its own alone, or those of the workers that it supervises. */
export class MemoryState {
  readonly #clock: () => number;
  readonly #leaseMs: number;
  readonly #windows = new Map<string, Windows>();
  readonly #leases = new Map<string, Map<string, Lease>>();
  readonly #breakers = new Map<string, Breaker>();
  readonly #claims = new Map<string, Claim>();

  constructor({ clock = () => performance.now(), leaseMs = 15_000 }: MemoryStateOptions = {}) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
  }

  /** The counts as one of those sees them who count. */
  as(holder: string) {
    return {
      take: (bearer: string, limits: RateLimits) => this.#take(bearer, limits),
      spend: (bearer: string, tokens: number) => this.#of(bearer).tokens.add(tokens, this.#clock()),
      hold: (caller: string, calls: number, most: number) => this.#hold(caller, holder, { calls, most }),
      holding: (caller: string, calls: number) => this.#holding(caller, holder, calls),
      openBreakers: () => this.#openBreakers(),
      openBreaker: (breaker: OpenBreaker) => this.#openBreaker(breaker),
      closeBreaker: (name: string) => this.#closeBreaker(name),
      claimProbe: (name: string) => this.#claimProbe(name, holder),
      revive: async () => undefined,
      close: async () => undefined,
    } satisfies StateDriver;
  }

  /** A process is gone, and its calls with it. */
  forget(holder: string): void {
    for (const [caller, leases] of this.#leases) {
      leases.delete(holder);
      if (leases.size === 0) this.#leases.delete(caller);
    }
    for (const [name, claim] of this.#claims) if (claim.holder === holder) this.#claims.delete(name);
  }

  #take(bearer: string, { requestsPerMinute, tokensPerMinute }: RateLimits): RateRefusal | undefined {
    const { requests, tokens } = this.#of(bearer);
    const refusal =
      this.#refusal(requests, "requestsPerMinute", requestsPerMinute) ??
      this.#refusal(tokens, "tokensPerMinute", tokensPerMinute);
    if (!refusal) requests.add(1, this.#clock());
    return refusal;
  }

  #refusal(window: MinuteWindow, limit: RateRefusal["limit"], value: number | undefined): RateRefusal | undefined {
    const waitMs = value === undefined ? 0 : window.waitMs(value, this.#clock());
    return waitMs > 0 ? { limit, waitMs } : undefined;
  }

  #of(bearer: string): Windows {
    const known = this.#windows.get(bearer);
    if (known) return known;
    const windows = { requests: new MinuteWindow(), tokens: new MinuteWindow() };
    this.#windows.set(bearer, windows);
    return windows;
  }

  #hold(caller: string, holder: string, { calls, most }: { readonly calls: number; readonly most: number }): boolean {
    const now = this.#clock();
    let others = 0;
    for (const [other, lease] of this.#leases.get(caller) ?? []) {
      if (other !== holder && lease.untilMs > now) others += lease.calls;
    }
    if (others + calls > most) return false;
    this.#holding(caller, holder, calls);
    return true;
  }

  #holding(caller: string, holder: string, calls: number): void {
    const leases = this.#leases.get(caller) ?? new Map<string, Lease>();
    if (calls > 0) leases.set(holder, { calls, untilMs: this.#clock() + this.#leaseMs });
    else leases.delete(holder);
    if (leases.size > 0) this.#leases.set(caller, leases);
    else this.#leases.delete(caller);
  }

  #openBreakers(): readonly OpenBreaker[] {
    const now = this.#clock();
    for (const [name, { untilMs }] of this.#breakers) {
      if (untilMs + forgetBreakerMs <= now) this.#closeBreaker(name);
    }
    return Array.from(this.#breakers, ([name, { untilMs, pauseMs }]) => {
      return { name, restMs: Math.max(untilMs - now, 0), pauseMs };
    });
  }

  #openBreaker({ name, restMs, pauseMs }: OpenBreaker): void {
    this.#claims.delete(name);
    this.#breakers.set(name, { untilMs: this.#clock() + restMs, pauseMs });
  }

  #closeBreaker(name: string): void {
    this.#claims.delete(name);
    this.#breakers.delete(name);
  }

  #claimProbe(name: string, holder: string): boolean {
    const now = this.#clock();
    const claim = this.#claims.get(name);
    if (claim && claim.untilMs > now) return false;
    this.#claims.set(name, { holder, untilMs: now + probeClaimMs });
    return true;
  }
}
