import type { Interceptor } from "@connectrpc/connect";
import type { ErrorCode, FailureReason } from "../core/error.ts";
import { tapped } from "../streams/tap.ts";
import { failureOf } from "./explain-error.ts";

export type WatchedRequest = Parameters<Parameters<Interceptor>[0]>[0];

/** How a call ended. */
export interface CallOutcome {
  readonly code: ErrorCode | "ok";
  /** Of an error. */
  readonly reason?: FailureReason;
}

/** Told what becomes of one call. */
export interface CallWatcher {
  /** The first message of a stream leaves. */
  firstMessage?(): void;
  /** Once, however it came. */
  ended(outcome: CallOutcome): void;
}

/** Asked at the beginning of every call. */
export type WatchCall = (request: WatchedRequest) => CallWatcher;

/**
 * The one place where calls are seen to begin and end, for the log, metrics and traces alike: each layer around a stream costs
 * every message of it a promise.
 */
export function createWatchingInterceptor(watches: readonly WatchCall[]): Interceptor {
  return (next) => async (request) => {
    const watchers = watches.map((watch) => watch(request));
    try {
      const response = await next(request);
      if (response.stream) {
        return { ...response, message: watched(response.message, request.signal, watchers) };
      }
      tellEnd(watchers, { code: "ok" });
      return response;
    } catch (error) {
      tellEnd(watchers, failureOf(error, request.signal));
      throw error;
    }
  };
}

function tellEnd(watchers: readonly CallWatcher[], outcome: CallOutcome): void {
  for (const watcher of watchers) watcher.ended(outcome);
}

function watched<T>(
  messages: AsyncIterable<T>,
  signal: AbortSignal,
  watchers: readonly CallWatcher[],
): AsyncIterable<T> {
  return tapped(messages, {
    first() {
      for (const watcher of watchers) watcher.firstMessage?.();
    },
    ended: () => tellEnd(watchers, signal.aborted ? failureOf(undefined, signal) : { code: "ok" }),
    failed(error) {
      tellEnd(watchers, failureOf(error, signal));
      return error;
    },
    left: () => tellEnd(watchers, { code: "canceled", reason: "cancelled" }),
  });
}
