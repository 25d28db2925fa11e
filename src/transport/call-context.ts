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
  readonly requestSignal: AbortSignal | undefined;
  /** From now; a deadline that is past aborts at once. */
  readonly timeoutMs: number | undefined;
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
  const { method, requestSignal, timeoutMs } = init;
  const controller = new AbortController();
  const unlink = requestSignal && follow(controller, requestSignal);
  const timer = timeoutMs === undefined ? undefined : expireAfter(controller, timeoutMs);
  const endMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
  return {
    method,
    service: method.parent,
    protocolName: init.protocolName,
    requestMethod: init.requestMethod,
    url: init.url,
    requestHeader: init.requestHeader,
    values: init.values,
    signal: controller.signal,
    timeoutMs: () => (endMs === undefined ? undefined : endMs - Date.now()),
    responseHeader: new Metadata(),
    responseTrailer: new Metadata(),
    abort(reason) {
      clearTimeout(timer);
      unlink?.();
      controller.abort(reason);
    },
  };
}

/** Returns what makes it follow no more. */
function follow(controller: AbortController, signal: AbortSignal): () => void {
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener("abort", abort, { once: true });
  return () => signal.removeEventListener("abort", abort);
}

function expireAfter(controller: AbortController, timeoutMs: number): NodeJS.Timeout | undefined {
  const expire = () => controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  if (timeoutMs > 0) return setTimeout(expire, timeoutMs);
  expire();
  return undefined;
}
