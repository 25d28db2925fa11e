import type { Message } from "@bufbuild/protobuf";
import {
  type Attempt,
  Attempt_OutcomeSchema,
  Failure_ReasonSchema,
  type RouteResult,
} from "../../gen/livellm/v1/route_pb.ts";
import { LivellmError } from "../core/error.ts";

/** Who answered, and what was tried before: ids and words of few values, nothing of what providers said. */
interface TakenRoute {
  readonly provider: string;
  readonly kind: string;
  readonly model: string;
  readonly attempts: readonly object[];
}

/** What a message tells of the route that its call took; undefined when it tells nothing. */
export function routeIn(message: Message): TakenRoute | undefined {
  const { routeResult, event } = message as MaybeRouted;
  const result = routeResult ?? event?.value?.routeResult;
  if (!result) return undefined;
  const { provider, providerKind: kind, model, attempts } = result;
  return { provider, kind, model, attempts: attempts.map(attemptOf) };
}

/** What was tried of a call that failed; undefined where nothing was. */
export function routeOfError(error: unknown): Pick<TakenRoute, "attempts"> | undefined {
  const { attempts = [] } = error instanceof LivellmError ? error.facts : {};
  if (attempts.length === 0) return undefined;
  return {
    attempts: attempts.map(({ provider, model, outcome, failure, elapsedMs: ms }) => ({
      ...{ provider, model, outcome, ms },
      ...(failure && { reason: failure.reason }),
    })),
  };
}

/** Answers have it in themselves, streams in events of several kinds; each under the same name. */
type MaybeRouted = Message & {
  readonly routeResult?: RouteResult;
  readonly event?: { readonly value?: { readonly routeResult?: RouteResult } };
};

function attemptOf({ provider, model, outcome, failure, elapsedMs }: Attempt): object {
  return {
    provider,
    model,
    outcome: Attempt_OutcomeSchema.value[outcome]?.localName.toLowerCase(),
    ...(failure && { reason: Failure_ReasonSchema.value[failure.reason]?.localName.toLowerCase() }),
    ms: elapsedMs,
  };
}
