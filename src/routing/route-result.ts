import type { Capability } from "../core/provider.ts";
import type { Attempt, RouteResult } from "../core/route.ts";
import type { ReadyTarget } from "./plan.ts";

/** What a provider says of the answer that it gives. */
interface Told {
  readonly model?: string | undefined;
  readonly requestId?: string | undefined;
}

/** Who answers, and what was tried before; without a target, nobody does yet. */
export function routeResultOf(
  target: Pick<ReadyTarget<Capability>, "index" | "provider" | "kind" | "model"> | undefined,
  attempts: readonly Attempt[],
  { model, requestId }: Told = {},
): RouteResult {
  return {
    targetIndex: target?.index,
    provider: target?.provider ?? "",
    providerKind: target?.kind ?? "",
    model: model ?? target?.model ?? "",
    ...(requestId && { providerRequestId: requestId }),
    attempts,
  };
}
