/** How a breaker behaves; all times in milliseconds. */
export interface BreakerSettings {
  /** So many failures in a row open it. */
  readonly failures: number;
  /** How long it stays open at first; doubled by each probe that fails. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
}

export const usualBreaker: BreakerSettings = { failures: 5, firstPauseMs: 10_000, longestPauseMs: 300_000 };

/** The longest that a provider's own wish to be left alone is believed. */
const longestWishMs = 3_600_000;

/**
 * Keeps calls from a model that does not answer. Closed until so many failures in a row; then open for a pause, or for as
 * long as the provider asked; then one call, the probe, finds out, and the others go on waiting.
 */
export class CircuitBreaker {
  readonly #settings: BreakerSettings;
  #failuresInRow = 0;
  /** 0: closed. */
  #pauseMs = 0;
  /** The pause before the breaker was closed on trial; 0: it is not on trial. */
  #trialPauseMs = 0;
  #openUntil = Number.NEGATIVE_INFINITY;
  #probing = false;

  constructor(settings: BreakerSettings) {
    this.#settings = settings;
  }

  get open(): boolean {
    return this.#pauseMs > 0;
  }

  /** How long the pause is; the next one will be longer. 0 when it is closed. */
  get pauseMs(): number {
    return this.#pauseMs;
  }

  /** When the next probe may be sent, in the clock's milliseconds. */
  get openUntil(): number {
    return this.#openUntil;
  }

  /** `yes`, `no`, or `probe`: only this call, until its outcome is told. */
  mayCall(nowMs: number): "yes" | "probe" | "no" {
    if (!this.open) return "yes";
    return nowMs >= this.#openUntil && !this.#probing ? "probe" : "no";
  }

  /** Whether the call that would be the probe may be; for a breaker that is this process's own it always may. */
  claimProbe(_nowMs: number): boolean {
    return true;
  }

  beginProbe(): void {
    this.#probing = true;
  }

  /** The probe has told nothing: the next call may be one. */
  dropProbe(): void {
    this.#probing = false;
  }

  /** It has begun to answer: others may call, but one more failure opens it again, for longer. */
  answered(): void {
    this.#probing = false;
    if (!this.open) return;
    this.#openUntil = Number.NEGATIVE_INFINITY;
    this.#failuresInRow = this.#settings.failures - 1;
    this.#trialPauseMs = this.#pauseMs;
    this.#pauseMs = 0;
  }

  /** It has answered in full: all is forgotten. */
  succeeded(): void {
    this.#failuresInRow = 0;
    this.#pauseMs = 0;
    this.#trialPauseMs = 0;
    this.#probing = false;
    this.#openUntil = Number.NEGATIVE_INFINITY;
  }

  /** `retryAfterMs`: what the provider asked for. A call that was sent in spite of the pause does not make it longer. */
  failed(nowMs: number, wasProbe: boolean, retryAfterMs = 0): void {
    this.#failuresInRow++;
    const wishedUntil = nowMs + Math.min(retryAfterMs, longestWishMs);
    if (this.open && !wasProbe) this.#openUntil = Math.max(this.#openUntil, wishedUntil);
    else if (this.open || this.#failuresInRow >= this.#settings.failures) this.#pause(nowMs, wishedUntil);
    if (wasProbe) this.#probing = false;
  }

  /** Another process has found out. A probe under way here will know better. */
  openedElsewhere(until: { readonly openUntilMs: number; readonly pauseMs: number }): void {
    if (this.#probing) return;
    this.#pauseMs = until.pauseMs;
    this.#openUntil = until.openUntilMs;
    this.#trialPauseMs = 0;
  }

  #pause(nowMs: number, wishedUntil: number): void {
    const { firstPauseMs, longestPauseMs } = this.#settings;
    const before = this.#pauseMs || this.#trialPauseMs;
    this.#pauseMs = before === 0 ? firstPauseMs : Math.min(before * 2, longestPauseMs);
    this.#trialPauseMs = 0;
    this.#openUntil = Math.max(nowMs + this.#pauseMs, wishedUntil);
  }
}
