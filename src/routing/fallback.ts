import { LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { Attempt } from "../core/route.ts";
import { type AttemptCall, nameOf, RunningAttempt, reportUnused } from "./attempt.ts";
import type { CallWatch } from "./health.ts";
import type { Plan, PlannedTarget, ReadyTarget } from "./plan.ts";
import { tellsUsage } from "./priced-output.ts";

/** What `withFallback` yields: failures while others are tried, then one `committed`, then the winner's output. */
export type FallbackEvent<C extends Capability, T> =
  | { readonly type: "attempt-failed"; readonly attempt: Attempt }
  | { readonly type: "progress"; readonly output: T }
  | { readonly type: "committed"; readonly target: ReadyTarget<C>; readonly attempts: readonly Attempt[] }
  | { readonly type: "output"; readonly output: T };

/**
 * Tries the targets of a plan, in order or racing, until one commits, and then relays it; every capability falls back through
 * here. Before the commit the next target takes over; after it a failure ends the call with what was tried. Throws the
 * failures' common code when all fail, else `unavailable`, with one attempt each.
 */
export async function* withFallback<C extends Capability, T>(
  plan: Plan<C>,
  call: AttemptCall<C, T>,
  signal: AbortSignal,
): AsyncGenerator<FallbackEvent<C, T>, void, undefined> {
  const race = new Race(plan, call, signal);
  try {
    const winner = yield* race.untilCommitted();
    yield { type: "committed", target: winner.target, attempts: race.attempts };
    try {
      for await (const output of winner.output(plan.stallTimeoutMs)) {
        if (tellsUsage(output)) race.updateWinner(winner);
        yield { type: "output", output };
      }
    } catch (error) {
      throw race.brokenAfterCommit(winner, error);
    }
  } finally {
    await race.stop();
  }
}

type Settled<C extends Capability, T> =
  | { readonly attempt: RunningAttempt<C, T>; readonly progress?: T; readonly committed: boolean }
  | { readonly attempt: RunningAttempt<C, T>; readonly error: unknown };

/** Why a target is not called: `skipped` where that is nobody's failure. */
interface Unused {
  readonly error: LivellmError;
  readonly skipped: boolean;
}

/** The attempts of one call: who runs, who failed, who is next. */
class Race<C extends Capability, T> {
  readonly attempts: Attempt[] = [];
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

  async *untilCommitted(): AsyncGenerator<FallbackEvent<C, T>, RunningAttempt<C, T>, undefined> {
    for (;;) {
      yield* this.#startDue();
      if (this.#running.size === 0) throw this.#allFailed();
      const settled = await this.#firstToSettle();
      if (settled === "stagger") yield* this.#startNext();
      else if ("error" in settled) yield* this.#failed(settled.attempt, settled.error);
      else if (settled.committed) return await this.#won(settled.attempt);
      else yield* this.#passOn(settled.attempt, settled.progress as T);
    }
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
    return new LivellmError(
      "unavailable",
      broke,
      `the answer of ${nameOf(winner.target)} broke off: ${failure.message}`,
      {
        ...failure.facts,
        cause: failure,
        attempts: this.attempts,
      },
    );
  }

  /** The winner, which is the last of the list, has told what it consumed. */
  updateWinner(winner: RunningAttempt<C, T>): void {
    this.attempts.pop();
    this.attempts.push(winner.report("answered"));
  }

  async stop(): Promise<void> {
    clearTimeout(this.#stagger?.timer);
    const running = [...this.#running.keys()];
    this.#running.clear();
    await Promise.all(running.map((attempt) => attempt.stop(superseded)));
  }

  /** Starts what should run by now: all of a parallel plan, or the next one when nothing runs. */
  *#startDue(): Generator<FallbackEvent<C, T>, void, undefined> {
    const all = this.#plan.strategy === "parallel" && this.#plan.staggerMs === 0;
    while (this.#waiting.length > 0 && (all || this.#running.size === 0)) yield* this.#startNext();
  }

  *#startNext(): Generator<FallbackEvent<C, T>, void, undefined> {
    const target = this.#waiting.shift();
    if (!target) return;
    if (isReady(target)) yield* this.#start(target);
    else if (!target.use.ready) yield* this.#pass(target, target.use);
  }

  *#start(target: ReadyTarget<C>): Generator<FallbackEvent<C, T>, void, undefined> {
    const watch = this.#enter(target);
    if (watch instanceof LivellmError) return yield* this.#pass(target, { error: watch, skipped: true });
    const { stallTimeoutMs, spent, observation } = this.#plan;
    const observed = observation?.attempt(target, this.#errors.length > 0);
    const terms = { stallTimeoutMs, watch, spent, observed };
    const attempt = new RunningAttempt(target, this.#call, terms, this.#signal);
    this.#running.set(attempt, settle(attempt));
    if (this.#plan.strategy === "parallel" && this.#plan.staggerMs > 0) this.#armStagger();
  }

  /** Asks whether the target may be called now, in view of how it and its provider have fared. */
  #enter(target: ReadyTarget<C>): CallWatch | LivellmError | undefined {
    const only = this.#running.size === 0 && !this.#waiting.some(isReady);
    const watch = target.health?.enter({ only, again: this.#called.has(target.provider) });
    if (!(watch instanceof LivellmError)) this.#called.add(target.provider);
    return watch;
  }

  /** A target that is not called. */
  *#pass(target: PlannedTarget<C>, why: Unused): Generator<FallbackEvent<C, T>, void, undefined> {
    const { error, skipped } = why;
    const report = reportUnused(target, error, skipped ? "skipped" : "failed");
    this.attempts.push(report);
    this.#errors.push(error);
    this.#plan.observation?.unused(target, skipped ? "skipped" : "failed", error);
    if (!skipped && this.#anotherWillBeTried()) yield { type: "attempt-failed", attempt: report };
  }

  #firstToSettle(): Promise<Settled<C, T> | "stagger"> {
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

  *#passOn(attempt: RunningAttempt<C, T>, output: T): Generator<FallbackEvent<C, T>, void, undefined> {
    this.#running.set(attempt, settle(attempt));
    yield { type: "progress", output };
  }

  async *#failed(attempt: RunningAttempt<C, T>, error: unknown): AsyncGenerator<FallbackEvent<C, T>, void, undefined> {
    this.#running.delete(attempt);
    const failure = placed(asLivellmError(error), attempt.target);
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
    if (this.#anotherWillBeTried()) yield { type: "attempt-failed", attempt: report };
  }

  /** The others are stopped at once, and listed as cancelled. */
  async #won(winner: RunningAttempt<C, T>): Promise<RunningAttempt<C, T>> {
    clearTimeout(this.#stagger?.timer);
    const losers = [...this.#running.keys()].filter((attempt) => attempt !== winner);
    for (const loser of losers) this.attempts.push(loser.report("cancelled"));
    this.attempts.push(winner.report("answered"));
    for (const loser of losers) {
      this.#running.delete(loser);
      void loser.stop(superseded);
    }
    return winner;
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

async function settle<C extends Capability, T>(attempt: RunningAttempt<C, T>): Promise<Settled<C, T>> {
  try {
    const progress = await attempt.advance();
    return { attempt, progress, committed: progress === undefined };
  } catch (error) {
    return { attempt, error };
  }
}

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

/** An address that may not be called, with where it was given. */
function placed(failure: LivellmError, target: PlannedTarget): LivellmError {
  if (failure.reason !== "permission_denied") return failure;
  if (target.provider !== "") return failure.with({}, `${nameOf(target)}: ${failure.message}`);
  const field = `route.targets[${target.index}].inlineProvider.baseUrl`;
  return failure.with({ metadata: { field } }, `${field}: ${failure.message}`);
}

function asLivellmError(error: unknown): LivellmError {
  if (error instanceof LivellmError) return error;
  return new LivellmError("internal", "internal", "a fault in this server's adapter", { cause: error });
}
