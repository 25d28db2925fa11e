import type { ContextKey, ContextValues } from "@connectrpc/connect";
import type { Logger } from "pino";
import { principalKey } from "../access/principal.ts";
import type { ErrorCode } from "../core/error.ts";
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
      ended({ code }) {
        const { requestId, face } = request.contextValues.get(originKey);
        const caller = request.contextValues.get(callerKey);
        const traceId = request.contextValues.get(observationKey)?.traceId;
        const line = {
          rpc: `${request.service.typeName}/${request.method.name}`,
          code,
          ms: Math.round(performance.now() - startMs),
          requestId: caller?.requestId || requestId,
          ...(traceId && { traceId }),
          face,
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

/** By whose token: its id. */
function tokenOf(values: ContextValues): { readonly token?: string } {
  const principal = values.get(principalKey);
  return principal.kind === "bearer" ? { token: principal.token.id } : {};
}

function levelOf(serviceName: string, code: ErrorCode | "ok"): "debug" | "info" | "warn" {
  if (serviceName.startsWith("grpc.")) return "debug";
  return code === "ok" ? "info" : "warn";
}
