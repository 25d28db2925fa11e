import { LivellmError } from "../core/error.ts";
import { priceUsage } from "../core/pricing.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import { type LinkedController, linkedController } from "../streams/signals.ts";
import { Watchdog } from "../streams/watchdog.ts";
import type { AttemptEnd, AttemptObservation } from "../telemetry/observation.ts";
import { toFailure } from "./failure.ts";
import type { CallWatch } from "./health.ts";
import type { PlannedTarget, ReadyTarget } from "./plan.ts";
import { priceOutput, tellsUsage } from "./priced-output.ts";
import type { UsageMeter } from "./usage-meter.ts";

/**
 * What an output means before the commit: it commits the attempt; it waits for the commit (a head that says nothing yet); or
 * it passes on at once, because it tells the caller what is being waited for.
 */
export type OutputRole = "commits" | "waits" | "passes";

/** How to call a target, whatever the capability. */
export interface AttemptCall<C extends Capability, T> {
  open(target: ReadyTarget<C>, signal: AbortSignal): AsyncIterable<T>;
  role(output: T): OutputRole;
  /** Estimates what a target has consumed that was cut or broke off; without it nobody knows. */
  meter?(target: ReadyTarget<C>): UsageMeter<T>;
}

/** What an attempt runs under. */
export interface AttemptTerms {
  readonly stallTimeoutMs: number;
  /** Told what becomes of it; absent for targets whose health nobody follows. */
  readonly watch: CallWatch | undefined;
  /** Told what it has consumed, when it is over. */
  readonly spent?: ((usage: Usage) => void) | undefined;
  /** Told how it went, when it is over. */
  readonly observed?: AttemptObservation | undefined;
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
  readonly #watch: CallWatch | undefined;
  readonly #spent: AttemptTerms["spent"];
  readonly #observed: AttemptObservation | undefined;
  readonly #meter: UsageMeter<T> | undefined;
  #usage: Usage | undefined;
  #held: T[] = [];
  #timedOut = false;
  #failure: LivellmError | undefined;
  #outputs = 0;
  #committedAfterMs: number | undefined;

  constructor(target: ReadyTarget<C>, call: AttemptCall<C, T>, terms: AttemptTerms, signal: AbortSignal) {
    const { stallTimeoutMs, watch, spent, observed } = terms;
    this.target = target;
    this.#watch = watch;
    this.#spent = spent;
    this.#observed = observed;
    this.#meter = call.meter?.(target);
    this.#controller = linkedController(signal);
    this.#role = call.role;
    this.#commitTimer = setTimeout(() => this.#timeOut(noAnswerWithin(target)), target.attemptTimeoutMs);
    this.#watchdog = new Watchdog(() => this.#timeOut(stalledFor(target, stallTimeoutMs)));
    const open = () => call.open(target, this.#controller.signal);
    this.#iterator = (observed ? observed.open(open) : open())[Symbol.asyncIterator]();
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
    this.#watch?.answered(this.#committedAfterMs);
    return undefined;
  }

  /** After the commit: what was held, then the rest, each within the stall timeout. A usage comes with its cost. */
  async *output(stallTimeoutMs: number): AsyncGenerator<T, void, undefined> {
    const held = this.#held;
    this.#held = [];
    for (const value of held) yield this.#account(value);
    for (;;) {
      this.#watchdog.wait(stallTimeoutMs);
      const { done, value } = await this.#next();
      this.#watchdog.rest();
      if (done) return;
      yield this.#account(value);
    }
  }

  /** Tells what was learnt of the target by its failure. */
  fail(error: LivellmError): void {
    this.#failure = error;
    this.#watch?.failed(error);
  }

  /** Ends it: aborts first, because a generator's `return()` waits for its pending `next()`. */
  async stop(reason: unknown): Promise<void> {
    const durationMs = performance.now() - this.#started;
    const outcome = this.#outcome();
    clearTimeout(this.#commitTimer);
    if (this.#committedAfterMs === undefined) this.#watch?.left();
    else this.#watch?.succeeded();
    this.#watchdog[Symbol.dispose]();
    this.#controller.abort(reason);
    this.#controller[Symbol.dispose]();
    await this.#iterator.return?.().catch(() => undefined);
    const usage = this.#failure && !this.#wasCut("failed") ? this.#usage : this.consumed();
    if (usage) this.#spent?.(usage);
    this.#observed?.ended({
      outcome,
      error: this.#failure,
      durationMs,
      firstOutputMs: this.#committedAfterMs,
      outputs: this.#outputs,
      usage,
    });
  }

  /** As it stands when it is stopped; a signal that has been aborted by then was the caller's, or a clock of its own. */
  #outcome(): AttemptEnd["outcome"] {
    if (this.#failure) return this.#timedOut ? "timed_out" : "failed";
    return this.#committedAfterMs === undefined || this.#controller.signal.aborted ? "cancelled" : "answered";
  }

  /** How it stands, or ended, for the caller's list. */
  report(outcome: Attempt["outcome"], error?: LivellmError): Attempt {
    const usage = this.#wasCut(outcome) ? this.consumed() : this.#usage;
    return {
      targetIndex: this.target.index,
      provider: this.target.provider,
      model: this.target.model,
      outcome: outcome === "failed" && this.#timedOut ? "timed_out" : outcome,
      ...(error && { failure: toFailure(error) }),
      startTime: this.#startTime,
      elapsedMs: outcome === "answered" ? (this.#committedAfterMs ?? 0) : performance.now() - this.#started,
      ...(usage && { usage }),
    };
  }

  /** What failed by itself before it began to answer is not billed; what was cut, or broke off, may be. */
  #wasCut(outcome: Attempt["outcome"]): boolean {
    if (outcome === "answered") return false;
    return outcome === "cancelled" || this.#timedOut || this.#committedAfterMs !== undefined;
  }

  /** What it has consumed: as the provider told, else an estimate; undefined when nobody can tell. */
  consumed(): Usage | undefined {
    const estimate = this.#usage ? undefined : this.#meter?.estimate();
    return estimate ? priceUsage({ ...estimate, estimated: true }, this.target.pricing) : this.#usage;
  }

  #account(output: T): T {
    this.#outputs++;
    if (!tellsUsage(output)) return output;
    const priced = priceOutput(output, this.target.pricing);
    this.#usage = priced.usage;
    return priced;
  }

  async #next(): Promise<IteratorResult<T>> {
    try {
      const result = await this.#iterator.next();
      if (!result.done) this.#meter?.see(result.value);
      return result;
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
