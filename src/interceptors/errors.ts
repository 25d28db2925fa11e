import type { ContextKey, Interceptor } from "@connectrpc/connect";
import { tapped } from "../streams/tap.ts";
import { type CallOrigin, callerKey } from "./call-facts.ts";
import { abortError, type ExplainError } from "./explain-error.ts";

type Request = Parameters<Parameters<Interceptor>[0]>[0];

/** Makes every error that leaves a service a status with its ErrorDetail, those in the middle of a stream included. */
export function createErrorsInterceptor(explain: ExplainError, originKey: ContextKey<CallOrigin>): Interceptor {
  return (next) => async (request) => {
    const explained = (error: unknown) => explain(error, requestIdOf(request, originKey), request.signal);
    try {
      const response = await next(request);
      return response.stream
        ? { ...response, message: explainStream(response.message, request.signal, explained) }
        : response;
    } catch (error) {
      throw explained(error);
    }
  };
}

/** The caller's own id, once its message is read. */
function requestIdOf({ contextValues }: Request, originKey: ContextKey<CallOrigin>): string {
  return contextValues.get(callerKey)?.requestId || contextValues.get(originKey).requestId;
}

function explainStream<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  explained: (error: unknown) => unknown,
): AsyncIterable<T> {
  return tapped(messages, {
    failed: explained,
    // A stream that ends because it was aborted is not complete, and must not look so.
    ended() {
      if (signal.aborted) throw explained(abortError(signal));
    },
  });
}
