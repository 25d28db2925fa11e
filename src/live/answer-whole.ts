import { LivellmError } from "../core/error.ts";
import type { Capability } from "../core/provider.ts";
import type { RouteResult } from "../core/route.ts";
import { withFallback } from "../routing/fallback.ts";
import type { Plan, ReadyTarget } from "../routing/plan.ts";
import { routeResultOf } from "../routing/route-result.ts";

/** A whole answer, who gave it, and what was tried before. */
export interface WholeAnswer<T> {
  readonly value: T;
  readonly routeResult: RouteResult;
}

/** Asks the targets of a plan for something that is answered whole, which is what commits. */
export async function answerWhole<C extends Capability, T>(
  plan: Plan<C>,
  ask: (target: ReadyTarget<C>, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<WholeAnswer<T>> {
  let routeResult: RouteResult | undefined;
  const call = {
    role: () => "commits" as const,
    open: (target: ReadyTarget<C>, s: AbortSignal) => once(() => ask(target, s)),
  };
  for await (const event of withFallback(plan, call, signal)) {
    if (event.type === "committed") routeResult = routeResultOf(event.target, event.attempts);
    if (event.type === "output" && routeResult) return { value: event.output, routeResult };
  }
  throw new LivellmError("internal", "internal", "the call ended without an answer");
}

async function* once<T>(answer: () => Promise<T>): AsyncGenerator<T, void, undefined> {
  yield await answer();
}
