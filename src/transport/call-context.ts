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
  /**
   * Tells one listener when the call is aborted before its end. For the reader of its request, on the hot path: a listener
   * on the signal costs a unary call more.
   */
  onAbort(listener: (reason: unknown) => void): void;
  /** Aborts the call, which is still to be ended by whoever serves it. */
  abort(reason: unknown): void;
  /** Frees the deadline's timer and aborts what still listens. */
  end(reason: unknown): void;
}

/**
 * Connect's own `createHandlerContext` with one AbortController instead of three, and without copies of the headers. Its
 * code was 3 % of the CPU of a unary JSON call in a profile, what it made for the collector not counted.
 */
export function createCallContext(init: CallContextInit): CallContext {
  const { method, requestSignal, timeoutMs } = init;
  const controller = new AbortController();
  let told: ((reason: unknown) => void) | undefined;
  const abort = (reason: unknown) => {
    if (controller.signal.aborted) return;
    controller.abort(reason);
    told?.(reason);
  };
  const unlink = requestSignal && follow(abort, requestSignal);
  const timer = timeoutMs === undefined ? undefined : expireAfter(abort, timeoutMs);
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
    onAbort(listener) {
      told = listener;
      if (controller.signal.aborted) listener(controller.signal.reason);
    },
    abort,
    end(reason) {
      clearTimeout(timer);
      unlink?.();
      controller.abort(reason);
    },
  };
}

type Abort = CallContext["abort"];

/** Returns what makes it follow no more. */
function follow(abort: Abort, signal: AbortSignal): () => void {
  const pass = () => abort(signal.reason);
  if (signal.aborted) pass();
  else signal.addEventListener("abort", pass, { once: true });
  return () => signal.removeEventListener("abort", pass);
}

function expireAfter(abort: Abort, timeoutMs: number): NodeJS.Timeout | undefined {
  const expire = () => abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  if (timeoutMs > 0) return setTimeout(expire, timeoutMs);
  expire();
  return undefined;
}
