import type { AccessToken } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { RateRefusal, SharedRates } from "../core/shared-state.ts";
import type { Usage } from "../core/usage.ts";

/** What each bearer may call and consume in a minute, counted where `rates` counts. */
export class CallerLimits {
  readonly #rates: SharedRates;

  constructor(rates: SharedRates) {
    this.#rates = rates;
  }

  /**
   * Counts a call that begins; who has no limits is not counted, and who is counted elsewhere waits for it. Throws, or rejects
   * with, `resource_exhausted` with the time to wait, and does not count it.
   */
  begin(token: AccessToken): void | Promise<void> {
    if (token.requestsPerMinute === undefined && token.tokensPerMinute === undefined) return undefined;
    const { id, requestsPerMinute, tokensPerMinute } = token;
    const refusal = this.#rates.take(id, { requestsPerMinute, tokensPerMinute });
    if (refusal instanceof Promise) return refusal.then((later) => refuse(token, later));
    refuse(token, refusal);
  }

  /** Counts what a call has consumed. */
  spent({ id, tokensPerMinute }: AccessToken, { inputTokens = 0, outputTokens = 0 }: Usage): void {
    if (tokensPerMinute !== undefined) this.#rates.spend(id, inputTokens + outputTokens);
  }
}

function refuse(token: AccessToken, refusal: RateRefusal | undefined): void {
  if (refusal) throw limited(refusal, token[refusal.limit] ?? 0);
}

function limited({ limit, waitMs }: RateRefusal, value: number): LivellmError {
  const message = `the token's limit ${limit} of ${value} is reached: try again in ${Math.ceil(waitMs / 1000)} s`;
  const metadata = { limit, value: String(value) };
  return new LivellmError("resource_exhausted", "caller_limited", message, { retryAfterMs: waitMs, metadata });
}
