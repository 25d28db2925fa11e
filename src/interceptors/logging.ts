import type { ContextKey, ContextValues } from "@connectrpc/connect";
import type { Logger } from "pino";
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
          ...(caller?.app && { app: caller.app }),
          ...(caller?.clientId && { clientId: caller.clientId }),
          ...(caller?.sessionId && { sessionId: caller.sessionId }),
        };
        logger[levelOf(request.service.typeName, code)](line, "rpc");
      },
    };
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
