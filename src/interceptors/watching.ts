import type { Interceptor } from "@connectrpc/connect";
import type { ErrorCode, FailureReason } from "../core/error.ts";
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
        return { ...response, message: new WatchedMessages(response.message, request.signal, watchers) };
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

/** An iterator by hand, not a generator: it is pulled for every message of every stream. */
class WatchedMessages<T> implements AsyncIterableIterator<T, undefined> {
  readonly #messages: AsyncIterator<T>;
  readonly #signal: AbortSignal;
  readonly #watchers: readonly CallWatcher[];
  #begun = false;
  #over = false;

  constructor(messages: AsyncIterable<T>, signal: AbortSignal, watchers: readonly CallWatcher[]) {
    this.#messages = messages[Symbol.asyncIterator]();
    this.#signal = signal;
    this.#watchers = watchers;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    try {
      const result = await this.#messages.next();
      if (result.done) this.#end(this.#signal.aborted ? failureOf(undefined, this.#signal) : { code: "ok" });
      else if (!this.#begun) this.#begin();
      return result;
    } catch (error) {
      this.#end(failureOf(error, this.#signal));
      throw error;
    }
  }

  /** The reader leaves. */
  async return(): Promise<IteratorResult<T, undefined>> {
    try {
      await this.#messages.return?.();
      return { done: true, value: undefined };
    } finally {
      this.#end({ code: "canceled", reason: "cancelled" });
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): void {
    this.#begun = true;
    for (const watcher of this.#watchers) watcher.firstMessage?.();
  }

  #end(outcome: CallOutcome): void {
    if (!this.#over) tellEnd(this.#watchers, outcome);
    this.#over = true;
  }
}
