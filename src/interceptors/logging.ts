import type { ContextKey, ContextValues, Interceptor } from "@connectrpc/connect";
import type { Logger } from "pino";
import { principalKey } from "../access/principal.ts";
import type { ErrorCode } from "../core/error.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import { codeOfError } from "./explain-error.ts";

/**
 * One line for each call when it ends: which RPC, how it went, how long it took, who called. Nothing of what was said.
 * gRPC's own services (health, reflection) are polled, and logged at debug only.
 */
export function createLoggingInterceptor(logger: Logger, originKey: ContextKey<CallOrigin>): Interceptor {
  return (next) => async (request) => {
    const startMs = performance.now();
    const ended = (code: ErrorCode | "ok") => {
      const { requestId, face } = request.contextValues.get(originKey);
      const caller = request.contextValues.get(callerKey);
      const line = {
        rpc: `${request.service.typeName}/${request.method.name}`,
        code,
        ms: Math.round(performance.now() - startMs),
        requestId: caller?.requestId || requestId,
        face,
        ...tokenOf(request.contextValues),
        ...(caller?.app && { app: caller.app }),
        ...(caller?.clientId && { clientId: caller.clientId }),
        ...(caller?.sessionId && { sessionId: caller.sessionId }),
      };
      logger[levelOf(request.service.typeName, code)](line, "rpc");
    };
    try {
      const response = await next(request);
      if (response.stream) return { ...response, message: watchStream(response.message, request.signal, ended) };
      ended("ok");
      return response;
    } catch (error) {
      ended(codeOfError(error, request.signal));
      throw error;
    }
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

async function* watchStream<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  ended: (code: ErrorCode | "ok") => void,
): AsyncGenerator<T> {
  // What it stays when the reader leaves: a generator's return() passes by both try and catch.
  let code: ErrorCode | "ok" = "canceled";
  try {
    yield* messages;
    code = signal.aborted ? codeOfError(undefined, signal) : "ok";
  } catch (error) {
    code = codeOfError(error, signal);
    throw error;
  } finally {
    ended(code);
  }
}
