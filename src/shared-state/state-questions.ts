import type { Eventually, OpenBreaker, RateLimits } from "../core/shared-state.ts";
import type { StateDriver } from "./state-driver.ts";

/** What one process asks another that has the counts: a method of {@link StateDriver}, as a message. */
export type StateQuestion =
  | { readonly ask: "take"; readonly bearer: string; readonly limits: RateLimits }
  | { readonly ask: "spend"; readonly bearer: string; readonly tokens: number }
  | { readonly ask: "hold"; readonly caller: string; readonly calls: number; readonly most: number }
  | { readonly ask: "holding"; readonly caller: string; readonly calls: number }
  | { readonly ask: "open-breakers" }
  | { readonly ask: "open-breaker"; readonly breaker: OpenBreaker }
  | { readonly ask: "close-breaker"; readonly name: string }
  | { readonly ask: "claim-probe"; readonly name: string }
  | { readonly ask: "alive" };

/** Answers for those who have the counts. */
export function answerQuestion(state: StateDriver, question: StateQuestion): Eventually<unknown> {
  switch (question.ask) {
    case "take":
      return state.take(question.bearer, question.limits);
    case "spend":
      return state.spend(question.bearer, question.tokens);
    case "hold":
      return state.hold(question.caller, question.calls, question.most);
    case "holding":
      return state.holding(question.caller, question.calls);
    case "open-breakers":
      return state.openBreakers();
    case "open-breaker":
      return state.openBreaker(question.breaker);
    case "close-breaker":
      return state.closeBreaker(question.name);
    case "claim-probe":
      return state.claimProbe(question.name);
    case "alive":
      return undefined;
    default:
      return question satisfies never;
  }
}

/** The counts of another process. `ask` sends a question there, and resolves with its answer. */
export function createAskedState(ask: (question: StateQuestion) => Promise<unknown>): StateDriver {
  // The answers are those of `answerQuestion`, made by the same program.
  const answered = <Answer>(question: StateQuestion) => ask(question) as Promise<Answer>;
  return {
    take: (bearer, limits) => answered({ ask: "take", bearer, limits }),
    spend: (bearer, tokens) => answered({ ask: "spend", bearer, tokens }),
    hold: (caller, calls, most) => answered({ ask: "hold", caller, calls, most }),
    holding: (caller, calls) => answered({ ask: "holding", caller, calls }),
    openBreakers: () => answered({ ask: "open-breakers" }),
    openBreaker: (breaker) => answered({ ask: "open-breaker", breaker }),
    closeBreaker: (name) => answered({ ask: "close-breaker", name }),
    claimProbe: (name) => answered({ ask: "claim-probe", name }),
    revive: () => answered({ ask: "alive" }),
    close: async () => undefined,
  };
}
