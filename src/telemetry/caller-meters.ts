import type { Usage } from "../core/usage.ts";
import { attribute, ownAttribute } from "./attributes.ts";
import type { MetricRegistry } from "./metric-registry.ts";

/** Who calls, as far as metrics tell callers apart. */
export interface MeteredCaller {
  /** The product or application; callers say it themselves. */
  readonly app: string;
  /** The id of the caller's token. */
  readonly tokenId: string;
}

/** What is counted of callers. */
export interface CallerMeters {
  called(caller: MeteredCaller, code: string): void;
  consumed(caller: MeteredCaller, usage: Usage): void;
}

/** Callers may name apps as they like: those beyond so many are counted together. */
const maxSeries = 1000;

export function createCallerMeters(registry: MetricRegistry): CallerMeters {
  const sum = (name: string, unit: string, description: string, further: readonly string[] = []) =>
    registry.counter({ name, unit, description, attributes: [...caller, ...further] }, maxSeries);
  const calls = sum("livellm.caller.calls", "{call}", "Calls by app, token and status.", [attribute.rpcStatus]);
  const tokens = sum("livellm.caller.tokens", "{token}", "Tokens by app and token.", [attribute.tokenType]);
  const cost = sum(
    "livellm.caller.cost.usd",
    "{USD}",
    "Cost in US dollars by app and token, where the price is known.",
  );
  return {
    called: ({ app, tokenId }, code) => calls.with(app, tokenId, code).add(),
    consumed({ app, tokenId }, { inputTokens, outputTokens, costUsd }) {
      if (inputTokens !== undefined) tokens.with(app, tokenId, "input").add(inputTokens);
      if (outputTokens !== undefined) tokens.with(app, tokenId, "output").add(outputTokens);
      if (costUsd !== undefined) cost.with(app, tokenId).add(costUsd);
    },
  };
}

const caller = [ownAttribute.app, ownAttribute.tokenId];
