import { LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt, Failure } from "../core/route.ts";
import { type LinkedController, linkedController } from "../streams/signals.ts";
import { Watchdog } from "../streams/watchdog.ts";
import type { PlannedTarget, ReadyTarget } from "./plan.ts";

/**
 * What an output means before the commit: it commits the attempt; it waits for the commit (a head that says nothing yet); or
 * it passes on at once, because it tells the caller what is being waited for.
 */
export type OutputRole = "commits" | "waits" | "passes";

/** How to call a target, whatever the capability. */
export interface AttemptCall<C extends Capability, T> {
  open(target: ReadyTarget<C>, signal: AbortSignal): AsyncIterable<T>;
  role(output: T): OutputRole;
}

/** One target being tried. */
export class RunningAttempt<C extends Capability, T> {
  readonly target: ReadyTarget<C>;
  readonly #startTime = new Date();
  readonly #started = performance.now();
  readonly #controller: LinkedController;
  readonly #iterator: AsyncIterator<T>;
  readonly #role: (output: T) => OutputRole;
  readonly #commitTimer: NodeJS.Timeout;
  readonly #watchdog: Watchdog;
  #held: T[] = [];
  #timedOut = false;
  #committedAfterMs: number | undefined;

  constructor(target: ReadyTarget<C>, call: AttemptCall<C, T>, stallTimeoutMs: number, signal: AbortSignal) {
    this.target = target;
    this.#controller = linkedController(signal);
    this.#role = call.role;
    this.#commitTimer = setTimeout(() => this.#timeOut(noAnswerWithin(target)), target.attemptTimeoutMs);
    this.#watchdog = new Watchdog(() => this.#timeOut(stalledFor(target, stallTimeoutMs)));
    this.#iterator = call.open(target, this.#controller.signal)[Symbol.asyncIterator]();
  }

  /** Runs until the attempt commits (undefined) or has something to pass on. Throws when it fails. */
  async advance(): Promise<T | undefined> {
    for (;;) {
      const { done, value } = await this.#next();
      if (done) throw nothingCame(this.target);
      const role = this.#role(value);
      if (role === "passes") return value;
      this.#held.push(value);
      if (role === "commits") break;
    }
    clearTimeout(this.#commitTimer);
    this.#committedAfterMs = performance.now() - this.#started;
    return undefined;
  }

  /** After the commit: what was held, then the rest, each within the stall timeout. */
  async *output(stallTimeoutMs: number): AsyncGenerator<T, void, undefined> {
    const held = this.#held;
    this.#held = [];
    yield* held;
    for (;;) {
      this.#watchdog.wait(stallTimeoutMs);
      const { done, value } = await this.#next();
      this.#watchdog.rest();
      if (done) return;
      yield value;
    }
  }

  /** Ends it: aborts first, because a generator's `return()` waits for its pending `next()`. */
  async stop(reason: unknown): Promise<void> {
    clearTimeout(this.#commitTimer);
    this.#watchdog[Symbol.dispose]();
    this.#controller.abort(reason);
    this.#controller[Symbol.dispose]();
    await this.#iterator.return?.().catch(() => undefined);
  }

  /** How it stands, or ended, for the caller's list. */
  report(outcome: Attempt["outcome"], error?: LivellmError): Attempt {
    return {
      targetIndex: this.target.index,
      provider: this.target.provider,
      model: this.target.model,
      outcome: outcome === "failed" && this.#timedOut ? "timed_out" : outcome,
      ...(error && { failure: toFailure(error) }),
      startTime: this.#startTime,
      elapsedMs: outcome === "answered" ? (this.#committedAfterMs ?? 0) : performance.now() - this.#started,
    };
  }

  async #next(): Promise<IteratorResult<T>> {
    try {
      return await this.#iterator.next();
    } catch (error) {
      throw this.#controller.signal.aborted ? this.#controller.signal.reason : error;
    }
  }

  #timeOut(error: LivellmError): void {
    this.#timedOut = true;
    this.#controller.abort(error);
  }
}

/** A target that could not be called at all. */
export function reportUnused(target: PlannedTarget, error: LivellmError, outcome: "skipped" | "failed"): Attempt {
  return {
    targetIndex: target.index,
    provider: target.provider,
    model: target.model,
    outcome,
    failure: toFailure(error),
    startTime: new Date(),
    elapsedMs: 0,
  };
}

/** `the model m of provider p`, for messages. */
export function nameOf(target: PlannedTarget): string {
  const provider = target.provider || `inline ${target.kind}`;
  return `${provider}/${target.model}`;
}

function toFailure(error: LivellmError): Failure {
  const { httpStatus, providerCode, providerRequestId, retryAfterMs } = error.facts;
  return {
    reason: error.reason,
    message: error.message.slice(0, 500),
    httpStatus,
    providerCode,
    providerRequestId,
    retryAfterMs,
  };
}

function noAnswerWithin(target: PlannedTarget): LivellmError {
  return new LivellmError(
    "unavailable",
    "timeout",
    `${nameOf(target)} gave no answer within its attempt timeout of ${seconds(target.attemptTimeoutMs)}`,
  );
}

function stalledFor(target: PlannedTarget, stallTimeoutMs: number): LivellmError {
  return new LivellmError(
    "unavailable",
    "timeout",
    `${nameOf(target)} sent nothing for the stall timeout of ${seconds(stallTimeoutMs)}, in the middle of its answer`,
  );
}

function nothingCame(target: PlannedTarget): LivellmError {
  return new LivellmError("internal", "bad_provider_response", `${nameOf(target)} ended without any output`);
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}
