import { type Pricing, priceUsage } from "../core/pricing.ts";
import type { Usage } from "../core/usage.ts";

/** An output that tells what the call has consumed: the last of a stream, or a whole answer. */
interface WithUsage {
  readonly usage: Usage;
}

/** Whether an output tells a usage. Asked for every output of every stream, so it looks at nothing else. */
export function tellsUsage<T>(output: T): output is T & WithUsage {
  return typeof output === "object" && output !== null && "usage" in output && output.usage !== undefined;
}

/** The same output, with what it cost. */
export function priceOutput<T extends WithUsage>(output: T, pricing: Pricing | undefined): T {
  const usage = priceUsage(output.usage, pricing);
  return usage === output.usage ? output : { ...output, usage };
}
