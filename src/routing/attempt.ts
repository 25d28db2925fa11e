import { LivellmError } from "../core/error.ts";
import { priceUsage } from "../core/pricing.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import type { Usage } from "../core/usage.ts";
import { inBatches } from "../streams/batches.ts";
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
  /** Whether nothing comes after it. A stream that ends with another output has broken off; without it, any may be the last. */
  isLast?(output: T): boolean;
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

/** What an attempt has come to: an output to pass on, the commit, or a failure. */
export type Settled<C extends Capability, T> =
  | { readonly attempt: RunningAttempt<C, T>; readonly progress: T }
  | { readonly attempt: RunningAttempt<C, T>; readonly committed: true }
  | { readonly attempt: RunningAttempt<C, T>; readonly error: unknown };

/** One target being tried. */
export class RunningAttempt<C extends Capability, T> {
  readonly target: ReadyTarget<C>;
  readonly #startTime = new Date();
  readonly #started = performance.now();
  readonly #call: AttemptCall<C, T>;
  readonly #terms: AttemptTerms;
  readonly #controller: LinkedController;
  readonly #batches: AsyncIterator<readonly T[]>;
  /** The attempt timeout until the commit, the stall timeout after it. */
  readonly #watchdog: Watchdog;
  readonly #meter: UsageMeter<T> | undefined;
  #usage: Usage | undefined;
  /** What has come and was not handed on; up to `#seen`, its roles are known. */
  #held: T[] = [];
  #seen = 0;
  #last: T | undefined;
  #timedOut = false;
  #failure: LivellmError | undefined;
  #outputs = 0;
  #committedAfterMs: number | undefined;

  constructor(target: ReadyTarget<C>, call: AttemptCall<C, T>, terms: AttemptTerms, signal: AbortSignal) {
    this.target = target;
    this.#call = call;
    this.#terms = terms;
    this.#meter = call.meter?.(target);
    this.#controller = linkedController(signal);
    this.#watchdog = new Watchdog(() => this.#timeOut());
    this.#watchdog.wait(target.attemptTimeoutMs);
    const open = () => call.open(target, this.#controller.signal);
    this.#batches = inBatches(terms.observed ? terms.observed.open(open) : open())[Symbol.asyncIterator]();
  }

  /** Runs until the attempt commits, has something to pass on, or fails. Never rejects. */
  async advance(): Promise<Settled<C, T>> {
    try {
      for (;;) {
        const output = this.#held[this.#seen];
        const role = output === undefined ? "waits" : this.#call.role(output);
        if (role === "commits") return this.#commit();
        if (role === "passes") return { attempt: this, progress: this.#held.splice(this.#seen, 1)[0] as T };
        if (output === undefined) this.#hold(await this.#next());
        else this.#seen++;
      }
    } catch (error) {
      return { attempt: this, error };
    }
  }

  /** After the commit: what was held, then whatever comes, each time within the stall timeout. A usage comes with its cost. */
  output(): Promise<readonly T[] | undefined> {
    return this.#held.length > 0 ? Promise.resolve(this.#account(this.#takeHeld())) : this.#wait();
  }

  #wait(): Promise<readonly T[] | undefined> {
    this.#watchdog.wait(this.#terms.stallTimeoutMs);
    return this.#next().then(this.#answered);
  }

  /** A provider that sends what is not for the caller, as hidden thoughts and pings are not, is not silent. */
  readonly #answered = (
    outputs: readonly T[] | undefined,
  ): readonly T[] | undefined | Promise<readonly T[] | undefined> => {
    if (outputs?.length === 0) return this.#wait();
    this.#watchdog.rest();
    return outputs && this.#account(outputs);
  };

  /** Tells what was learnt of the target by its failure. */
  fail(error: LivellmError): void {
    this.#failure = error;
    this.#terms.watch?.failed(error);
  }

  /** Ends it. One that waits is aborted first, because a generator's `return()` waits for its pending `next()`. */
  async stop(reason: unknown): Promise<void> {
    const { watch, spent, observed } = this.#terms;
    const durationMs = performance.now() - this.#started;
    const outcome = this.#outcome();
    if (this.#committedAfterMs === undefined) watch?.left();
    else watch?.succeeded();
    this.#watchdog[Symbol.dispose]();
    if (!this.#isComplete()) this.#controller.abort(reason);
    this.#controller[Symbol.dispose]();
    await this.#batches.return?.().catch(() => undefined);
    const usage = this.#failure && !this.#wasCut("failed") ? this.#usage : this.consumed();
    if (usage) spent?.(usage);
    observed?.ended({
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

  #commit(): Settled<C, T> {
    this.#watchdog.rest();
    this.#committedAfterMs = performance.now() - this.#started;
    this.#terms.watch?.answered(this.#committedAfterMs);
    return { attempt: this, committed: true };
  }

  #hold(outputs: readonly T[] | undefined): void {
    if (!outputs) throw nothingCame(this.target);
    this.#held.push(...outputs);
  }

  #takeHeld(): readonly T[] {
    const held = this.#held;
    this.#held = [];
    return held;
  }

  #account(outputs: readonly T[]): readonly T[] {
    this.#outputs += outputs.length;
    return outputs.some(tellsUsage) ? outputs.map((output) => this.#price(output)) : outputs;
  }

  #price(output: T): T {
    if (!tellsUsage(output)) return output;
    const priced = priceOutput(output, this.target.pricing);
    this.#usage = priced.usage;
    return priced;
  }

  /** The next outputs; undefined at the end, for which nobody waits where the last output is known. */
  #next(): Promise<readonly T[] | undefined> {
    if (this.#isComplete()) return Promise.resolve(undefined);
    return this.#batches.next().then(this.#read, this.#broke);
  }

  readonly #read = ({ done, value }: IteratorResult<readonly T[]>): readonly T[] | undefined => {
    if (!done) return this.#see(value);
    if (this.#call.isLast) throw brokeOff(this.target);
    return undefined;
  };

  readonly #broke = (error: unknown): never => {
    throw this.#controller.signal.aborted ? this.#controller.signal.reason : error;
  };

  #see(outputs: readonly T[]): readonly T[] {
    if (this.#meter) for (const output of outputs) this.#meter.see(output);
    this.#last = outputs.at(-1) ?? this.#last;
    return outputs;
  }

  #isComplete(): boolean {
    return this.#last !== undefined && this.#call.isLast?.(this.#last) === true;
  }

  #timeOut(): void {
    const { stallTimeoutMs } = this.#terms;
    this.#timedOut = true;
    const committed = this.#committedAfterMs !== undefined;
    this.#controller.abort(committed ? stalledFor(this.target, stallTimeoutMs) : noAnswerWithin(this.target));
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

function brokeOff(target: PlannedTarget): LivellmError {
  return new LivellmError("unavailable", "stream_broken", `${nameOf(target)} ended without a finish`);
}

function nothingCame(target: PlannedTarget): LivellmError {
  return new LivellmError("internal", "bad_provider_response", `${nameOf(target)} ended without any output`);
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}
