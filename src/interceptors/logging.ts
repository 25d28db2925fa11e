import type { ContextKey, ContextValues } from "@connectrpc/connect";
import type { Logger } from "pino";
import type { CallerInfo } from "../../gen/livellm/v1/common_pb.ts";
import { principalKey } from "../access/principal.ts";
import type { ErrorCode } from "../core/error.ts";
import type { TriedTarget } from "../telemetry/observation.ts";
import { observationKey } from "../telemetry/observation-key.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import type { WatchCall } from "./watching.ts";

/**
 * One line for each call when it ends: which RPC, how it went, how long it took, who called. Nothing of what was said.
 * gRPC's own services (health, reflection) are polled, and logged at debug only.
 */
export function logCalls(logger: Logger, originKey: ContextKey<CallOrigin>): WatchCall {
  return (request) => {
    const startMs = performance.now();
    return {
      ended({ code, reason }) {
        const { requestId, face } = request.contextValues.get(originKey);
        const caller = request.contextValues.get(callerKey);
        const observation = request.contextValues.get(observationKey);
        const traceId = observation?.traceId;
        const line = {
          rpc: `${request.service.typeName}/${request.method.name}`,
          code,
          ...(reason && { reason }),
          ms: Math.round(performance.now() - startMs),
          requestId: caller?.requestId || requestId,
          ...(traceId && { traceId }),
          face,
          ...routeTaken(observation?.tried ?? []),
          ...tokenOf(request.contextValues),
          ...(caller && saidOf(caller)),
        };
        logger[levelOf(request.service.typeName, code)](line, "rpc");
      },
    };
  };
}

/** What the caller says of itself: the contract has it copied into logs. */
function saidOf({ app, clientId, sessionId, userId, device, labels }: CallerInfo): object {
  return {
    ...(app && { app }),
    ...(clientId && { clientId }),
    ...(sessionId && { sessionId }),
    ...(userId && { userId }),
    ...(device && { device }),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}

/** Who answered, and what was tried where that was not all. */
function routeTaken(tried: readonly TriedTarget[]): object {
  const answered = tried.findLast(({ outcome }) => outcome === "answered");
  return {
    ...(answered && { provider: answered.provider, model: answered.model }),
    ...(tried.some((each) => each !== answered) && { tried }),
  };
}

/** By whose token: its id. */
function tokenOf(values: ContextValues): { readonly token?: string } {
  const principal = values.get(principalKey);
  return principal.kind === "bearer" ? { token: principal.token.id } : {};
}

function levelOf(serviceName: string, code: ErrorCode | "ok"): "debug" | "info" | "warn" {
  if (serviceName.startsWith("grpc.")) return "debug";
  return code === "ok" ? "info" : "warn";
}
