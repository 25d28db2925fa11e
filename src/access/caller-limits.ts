import type { AccessToken } from "../core/access.ts";
import { LivellmError } from "../core/error.ts";
import type { Usage } from "../core/usage.ts";
import { MinuteWindow } from "./minute-window.ts";

interface Windows {
  readonly requests: MinuteWindow;
  readonly tokens: MinuteWindow;
}

/** What each bearer has called and consumed in the last minute. It is this process's own memory. */
export class CallerLimits {
  readonly #windows = new Map<string, Windows>();
  readonly #clock: () => number;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  /** Counts a call that begins. Throws `resource_exhausted` with the time to wait, and does not count it. */
  begin({ id, requestsPerMinute, tokensPerMinute }: AccessToken): void {
    if (requestsPerMinute === undefined && tokensPerMinute === undefined) return;
    const { requests, tokens } = this.#of(id);
    this.#check(requests, requestsPerMinute, "requests");
    this.#check(tokens, tokensPerMinute, "tokens");
    requests.add(1, this.#clock());
  }

  /** Counts what a call has consumed. */
  spent({ id, tokensPerMinute }: AccessToken, { inputTokens = 0, outputTokens = 0 }: Usage): void {
    if (tokensPerMinute !== undefined) this.#of(id).tokens.add(inputTokens + outputTokens, this.#clock());
  }

  #of(id: string): Windows {
    const known = this.#windows.get(id);
    if (known) return known;
    const windows = { requests: new MinuteWindow(), tokens: new MinuteWindow() };
    this.#windows.set(id, windows);
    return windows;
  }

  #check(window: MinuteWindow, limit: number | undefined, what: "requests" | "tokens"): void {
    const waitMs = limit === undefined ? 0 : window.waitMs(limit, this.#clock());
    if (waitMs > 0) throw limited(`${what}PerMinute`, limit ?? 0, waitMs);
  }
}

function limited(limit: string, value: number, waitMs: number): LivellmError {
  const message = `the token's limit ${limit} of ${value} is reached: try again in ${Math.ceil(waitMs / 1000)} s`;
  const metadata = { limit, value: String(value) };
  return new LivellmError("resource_exhausted", "caller_limited", message, { retryAfterMs: waitMs, metadata });
}
