import { LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import { type AttemptCall, nameOf, RunningAttempt, reportUnused, type Settled } from "./attempt.ts";
import type { FallbackEvent } from "./fallback-event.ts";
import type { CallWatch } from "./health.ts";
import { placedFailure } from "./placed-failure.ts";
import type { Plan, PlannedTarget, ReadyTarget } from "./plan.ts";
import { tellsUsage } from "./priced-output.ts";

/** Why a target is not called: `skipped` where that is nobody's failure. */
interface Unused {
  readonly error: LivellmError;
  readonly skipped: boolean;
}

/** The attempts of one call: who runs, who failed, who is next. */
export class Race<C extends Capability, T> {
  readonly attempts: Attempt[] = [];
  winner: RunningAttempt<C, T> | undefined;
  /** What the caller has not been told yet. */
  news: FallbackEvent<C, T>[] = [];
  readonly #plan: Plan<C>;
  readonly #call: AttemptCall<C, T>;
  readonly #signal: AbortSignal;
  readonly #waiting: PlannedTarget<C>[];
  readonly #running = new Map<RunningAttempt<C, T>, Promise<Settled<C, T>>>();
  readonly #errors: LivellmError[] = [];
  /** The providers that this call has been sent to. */
  readonly #called = new Set<string>();
  #stagger: { readonly timer: NodeJS.Timeout; readonly elapsed: Promise<"stagger"> } | undefined;

  constructor(plan: Plan<C>, call: AttemptCall<C, T>, signal: AbortSignal) {
    this.#plan = plan;
    this.#call = call;
    this.#signal = signal;
    this.#waiting = [...plan.targets];
  }

  takeNews(): FallbackEvent<C, T>[] {
    const { news } = this;
    this.news = [];
    return news;
  }

  /** Starts what should run by now: all of a parallel plan, or the next one when nothing runs. */
  startDue(): void {
    const all = this.#plan.strategy === "parallel" && this.#plan.staggerMs === 0;
    while (this.#waiting.length > 0 && (all || this.#running.size === 0)) this.#startNext();
  }

  /** Waits until one of those that run commits, fails or has something to pass on. Throws when none is left. */
  async settleNext(): Promise<void> {
    if (this.#running.size === 0) throw this.#allFailed();
    const settled = await this.#firstToSettle();
    if (settled === "stagger") this.#startNext();
    else if ("error" in settled) await this.#failed(settled.attempt, settled.error);
    else if ("committed" in settled) this.#won(settled.attempt);
    else this.#passOn(settled.attempt, settled.progress);
  }

  /** The winner's outputs as events, after what is to be told first. */
  relay(outputs: readonly T[]): readonly FallbackEvent<C, T>[] {
    const events = this.takeNews();
    if (outputs.some(tellsUsage)) this.#updateWinner();
    for (const output of outputs) events.push({ type: "output", output });
    return events;
  }

  /** The winner's stream broke: the status names it, and the list shows it as failed. */
  brokenAfterCommit(winner: RunningAttempt<C, T>, error: unknown): LivellmError {
    if (this.#signal.aborted) {
      this.attempts.pop();
      this.attempts.push({ ...winner.report("answered"), usage: winner.consumed() });
      return this.#callerLeft();
    }
    const failure = asLivellmError(error);
    winner.fail(failure);
    this.attempts.pop();
    this.attempts.push(winner.report("failed", failure));
    const broke = failure.reason === "timeout" ? "timeout" : "stream_broken";
    const why = failure.message.replace(/^the answer of \S+ broke off: /, ""); // as a connection says it of its host
    return new LivellmError("unavailable", broke, `the answer of ${nameOf(winner.target)} broke off: ${why}`, {
      ...failure.facts,
      cause: failure,
      attempts: this.attempts,
    });
  }

  /** The winner, which is the last of the list, has told what it consumed. */
  #updateWinner(): void {
    if (this.winner) this.attempts.splice(-1, 1, this.winner.report("answered"));
  }

  async stop(): Promise<void> {
    clearTimeout(this.#stagger?.timer);
    const running = [...this.#running.keys()];
    this.#running.clear();
    await Promise.all(running.map((attempt) => attempt.stop(superseded)));
  }

  #startNext(): void {
    const target = this.#waiting.shift();
    if (!target) return;
    if (!isReady(target)) {
      if (!target.use.ready) this.#pass(target, target.use);
      return;
    }
    const watch = this.#enter(target);
    if (watch instanceof LivellmError) this.#pass(target, { error: watch, skipped: true });
    else this.#start(target, watch);
  }

  #start(target: ReadyTarget<C>, watch: CallWatch | undefined): void {
    const { stallTimeoutMs, spent, observation, strategy, staggerMs } = this.#plan;
    const observed = observation?.attempt(target, this.#errors.length > 0);
    const terms = { stallTimeoutMs, watch, spent, observed };
    const attempt = new RunningAttempt(target, this.#call, terms, this.#signal);
    this.#running.set(attempt, attempt.advance());
    if (strategy === "parallel" && staggerMs > 0) this.#armStagger();
  }

  /** Asks whether the target may be called now, in view of how it and its provider have fared. */
  #enter(target: ReadyTarget<C>): CallWatch | LivellmError | undefined {
    const only = this.#running.size === 0 && !this.#waiting.some(isReady);
    const watch = target.health?.enter({ only, again: this.#called.has(target.provider) });
    if (!(watch instanceof LivellmError)) this.#called.add(target.provider);
    return watch;
  }

  /** A target that is not called. */
  #pass(target: PlannedTarget<C>, why: Unused): void {
    const { error, skipped } = why;
    const report = reportUnused(target, error, skipped ? "skipped" : "failed");
    this.attempts.push(report);
    this.#errors.push(error);
    this.#plan.observation?.unused(target, skipped ? "skipped" : "failed", error);
    if (!skipped && this.#anotherWillBeTried()) this.news.push({ type: "attempt-failed", attempt: report });
  }

  #firstToSettle(): Promise<Settled<C, T> | "stagger"> {
    const [only] = this.#running.values();
    if (only && this.#running.size === 1 && !this.#stagger) return only;
    const settling: Promise<Settled<C, T> | "stagger">[] = [...this.#running.values()];
    if (this.#stagger && this.#waiting.length > 0) settling.push(this.#stagger.elapsed);
    return Promise.race(settling);
  }

  /** The clock to the next target's start runs from the start of the one before. */
  #armStagger(): void {
    clearTimeout(this.#stagger?.timer);
    const { promise, resolve } = Promise.withResolvers<"stagger">();
    this.#stagger = { elapsed: promise, timer: setTimeout(() => resolve("stagger"), this.#plan.staggerMs) };
  }

  #passOn(attempt: RunningAttempt<C, T>, output: T): void {
    this.#running.set(attempt, attempt.advance());
    this.news.push({ type: "progress", output });
  }

  async #failed(attempt: RunningAttempt<C, T>, error: unknown): Promise<void> {
    this.#running.delete(attempt);
    const failure = placedFailure(asLivellmError(error), attempt.target);
    if (!this.#signal.aborted) attempt.fail(failure);
    await attempt.stop(superseded);
    if (this.#signal.aborted) {
      this.attempts.push(attempt.report("cancelled"));
      throw this.#callerLeft();
    }
    const report = attempt.report("failed", failure);
    this.attempts.push(report);
    this.#errors.push(failure);
    if (!mayFallBack(failure, attempt.target)) throw failure.with({ attempts: this.attempts });
    if (this.#anotherWillBeTried()) this.news.push({ type: "attempt-failed", attempt: report });
  }

  /** The others are stopped at once, and listed as cancelled. */
  #won(winner: RunningAttempt<C, T>): void {
    clearTimeout(this.#stagger?.timer);
    const losers = [...this.#running.keys()].filter((attempt) => attempt !== winner);
    for (const loser of losers) this.attempts.push(loser.report("cancelled"));
    this.attempts.push(winner.report("answered"));
    for (const loser of losers) {
      this.#running.delete(loser);
      void loser.stop(superseded);
    }
    this.winner = winner;
    this.news.push({ type: "committed", target: winner.target, attempts: this.attempts });
  }

  #anotherWillBeTried(): boolean {
    return this.#running.size > 0 || this.#waiting.length > 0;
  }

  #allFailed(): LivellmError {
    const [first] = this.#errors;
    if (!first) return new LivellmError("internal", "internal", "the route has no targets");
    if (this.#errors.length === 1) return first.with({ attempts: this.attempts });
    const code = this.#errors.every((error) => error.code === first.code) ? first.code : "unavailable";
    const reason = this.#errors.every((error) => error.reason === first.reason) ? first.reason : "provider_unavailable";
    const waits = this.#errors.flatMap((error) => error.facts.retryAfterMs ?? []);
    const each = this.attempts.map(
      ({ provider, model, failure }) => `${provider || "inline"}/${model}: ${failure?.message}`,
    );
    return new LivellmError(code, reason, `all ${this.#errors.length} targets failed: ${each.join("; ")}`, {
      attempts: this.attempts,
      ...(waits.length === this.#errors.length && { retryAfterMs: Math.min(...waits) }),
    });
  }

  /** The interceptor turns this into `deadline_exceeded` where it was the caller's clock. */
  #callerLeft(): LivellmError {
    return new LivellmError("canceled", "cancelled", "the caller left before the answer was complete", {
      attempts: this.attempts,
    });
  }
}

/** One shared error, not one per call: building an Error costs a stack trace. */
const superseded = new LivellmError("canceled", "cancelled", "the attempt is over");

function isReady<C extends Capability>(target: PlannedTarget<C>): target is ReadyTarget<C> {
  return target.use.ready;
}

/**
 * A request that breaks this API's own rules is wrong for every target. So is one that names an address inside: what
 * comes next, and when, is not to tell what is there.
 */
function mayFallBack({ reason }: LivellmError, target: PlannedTarget): boolean {
  return reason !== "invalid_request" && !(reason === "permission_denied" && target.provider === "");
}

function asLivellmError(error: unknown): LivellmError {
  if (error instanceof LivellmError) return error;
  return new LivellmError("internal", "internal", "a fault in this server's adapter", { cause: error });
}
