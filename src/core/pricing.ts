import type { Usage } from "./usage.ts";

/** What a model costs, in US dollars; what is not known is absent. */
export interface Pricing {
  /** A million input tokens. */
  readonly inputUsdPerMtok?: number;
  /** A million input tokens read from the cache. */
  readonly cachedInputUsdPerMtok?: number;
  /** A million output tokens. */
  readonly outputUsdPerMtok?: number;
  /** A minute of audio. */
  readonly audioUsdPerMinute?: number;
  /** A million characters. */
  readonly usdPerMchar?: number;
  /** An image of the default size. */
  readonly usdPerImage?: number;
}

/**
 * A usage with its cost. What the provider itself said of the cost stays. Without a price for something that was used there
 * is no cost: half of one would look like all of it.
 */
export function priceUsage(usage: Usage, pricing: Pricing | undefined): Usage {
  if (usage.costUsd !== undefined || !pricing) return usage;
  const costUsd = costOf(usage, pricing);
  return costUsd === undefined ? usage : { ...usage, costUsd };
}

function costOf(usage: Usage, pricing: Pricing): number | undefined {
  const costs = isByToken(pricing) ? tokenCosts(usage, pricing) : otherCosts(usage, pricing);
  const known = costs.filter((cost) => cost !== undefined);
  return known.length === 0 || known.length < costs.length ? undefined : known.reduce((sum, cost) => sum + cost, 0);
}

function isByToken({ inputUsdPerMtok, outputUsdPerMtok }: Pricing): boolean {
  return inputUsdPerMtok !== undefined || outputUsdPerMtok !== undefined;
}

type Costs = readonly (number | undefined)[];

/** Tokens from the cache are among the input tokens; where they have no price of their own they cost as much. */
function tokenCosts(usage: Usage, pricing: Pricing): Costs {
  const { inputTokens, outputTokens, cachedInputTokens = 0 } = usage;
  const { inputUsdPerMtok, outputUsdPerMtok, cachedInputUsdPerMtok = inputUsdPerMtok } = pricing;
  const fresh = inputTokens === undefined ? undefined : Math.max(inputTokens - cachedInputTokens, 0);
  return [
    ...cost(fresh, inputUsdPerMtok, 1e6),
    ...cost(cachedInputTokens || undefined, cachedInputUsdPerMtok, 1e6),
    ...cost(outputTokens, outputUsdPerMtok, 1e6),
    ...cost(usage.outputImages, pricing.usdPerImage ?? 0, 1),
  ];
}

/** Models that are billed by what goes in or comes out of them, whichever the price is for. */
function otherCosts(usage: Usage, { audioUsdPerMinute, usdPerMchar, usdPerImage }: Pricing): Costs {
  const audioMs = usage.inputAudioMs ?? usage.outputAudioMs;
  return [
    ...(audioUsdPerMinute === undefined ? [] : cost(audioMs, audioUsdPerMinute, 60_000)),
    ...(usdPerMchar === undefined ? [] : cost(usage.inputCharacters, usdPerMchar, 1e6)),
    ...(usdPerImage === undefined ? [] : cost(usage.outputImages, usdPerImage, 1)),
  ];
}

/** Nothing where nothing was used; undefined where something was, and its price is not known. */
function cost(amount: number | undefined, price: number | undefined, per: number): Costs {
  if (amount === undefined || amount === 0) return amount === 0 ? [0] : [];
  return [price === undefined ? undefined : (amount * price) / per];
}
