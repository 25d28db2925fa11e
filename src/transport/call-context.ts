import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import { Metadata } from "./metadata.ts";

/** What a call's context is made of. */
export interface CallContextInit {
  readonly method: DescMethod;
  readonly protocolName: string;
  readonly requestMethod: string;
  readonly url: string;
  readonly requestHeader: Headers;
  readonly values: ContextValues;
  /** The call is aborted with it, for its reason. */
  readonly requestSignal?: AbortSignal;
  /** From now; a deadline that is past aborts at once. */
  readonly timeoutMs?: number;
}

/** A handler's context, and the end of it. */
export interface CallContext extends HandlerContext {
  /** Frees the deadline's timer and aborts what still listens. */
  abort(reason: unknown): void;
}

/**
 * Connect's own `createHandlerContext` with one AbortController instead of three, and without copies of the headers. Its
 * code was 3 % of the CPU of a unary JSON call in a profile, what it made for the collector not counted.
 */
export function createCallContext(init: CallContextInit): CallContext {
  const { requestSignal, timeoutMs, ...rest } = init;
  const controller = new AbortController();
  const follow = () => controller.abort(requestSignal?.reason);
  const expire = () => controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  const timer = timeoutMs === undefined || timeoutMs <= 0 ? undefined : setTimeout(expire, timeoutMs);
  const endMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
  if (requestSignal?.aborted) follow();
  else requestSignal?.addEventListener("abort", follow, { once: true });
  if (timeoutMs !== undefined && timeoutMs <= 0) expire();
  return {
    ...rest,
    service: init.method.parent,
    signal: controller.signal,
    timeoutMs: () => (endMs === undefined ? undefined : endMs - Date.now()),
    responseHeader: new Metadata(),
    responseTrailer: new Metadata(),
    abort(reason) {
      clearTimeout(timer);
      requestSignal?.removeEventListener("abort", follow);
      controller.abort(reason);
    },
  };
}
