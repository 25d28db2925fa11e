import type { Interceptor } from "@connectrpc/connect";
import { LivellmError } from "../core/error.ts";
import { type LinkedController, linkedController } from "../streams/signals.ts";
import { tapped } from "../streams/tap.ts";
import { CallSlots, type Slot, type SlotLimits } from "./limits-slots.ts";

type Invoke = Parameters<Interceptor>[0];
type Request = Parameters<Invoke>[0];

export interface CallLimits extends SlotLimits {
  /** How long a streaming call may go on. */
  readonly maxSessionMs: number;
  /** Whose calls are counted together. */
  readonly callerOf: (request: Request) => string;
}

/** Health stays: a balancer that is refused takes a busy server for a dead one. */
const exempt = "grpc.health.v1.Health";

/**
 * Lets so many calls in at a time, of one caller and of all, and ends streams that go on for too long. It belongs inside
 * what turns errors into statuses, and outside what costs anything.
 */
export function createLimitsInterceptor(limits: CallLimits, slots = new CallSlots(limits)): Interceptor {
  return (next) => async (request) => {
    if (request.service.typeName === exempt) return next(request);
    const entering = slots.enter(limits.callerOf(request), request.signal);
    const slot = entering instanceof Promise ? await entering : entering;
    return request.stream ? serveStream(next, request, { slot, limits }) : serveUnary(next, request, slot);
  };
}

async function serveUnary(next: Invoke, request: Request, slot: Slot): ReturnType<Invoke> {
  try {
    return await next(request);
  } finally {
    slot[Symbol.dispose]();
  }
}

interface Admission {
  readonly slot: Slot;
  readonly limits: CallLimits;
}

async function serveStream(next: Invoke, request: Request, { slot, limits }: Admission): ReturnType<Invoke> {
  const session = startSession(request.signal, slot, limits.maxSessionMs);
  try {
    const response = await next({ ...request, signal: session.signal } as Request);
    if (response.stream) return { ...response, message: withinSession(response.message, session) };
    session.end();
    return response;
  } catch (error) {
    session.end();
    throw session.explain(error);
  }
}

interface Session {
  readonly signal: AbortSignal;
  /** What ended it: its own clock, where that has run out, whatever came of it deeper down. */
  explain(error?: unknown): unknown;
  /** Gives the slot back and stops the clock; the first time. */
  end(): void;
}

/**
 * A call that is aborted gives its slot back at once: its answer may never be asked for, and then no `finally` of it runs.
 * Every face aborts the signal at the end of a call.
 */
function startSession(signal: AbortSignal, slot: Slot, maxSessionMs: number): Session {
  const clock: LinkedController = linkedController(signal);
  const timer = setTimeout(() => clock.abort(sessionTooLong(maxSessionMs)), maxSessionMs);
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    clock[Symbol.dispose]();
    slot[Symbol.dispose]();
  };
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  return {
    signal: clock.signal,
    end,
    explain: (error) => (clock.signal.aborted && !signal.aborted ? withAttempts(clock.signal.reason, error) : error),
  };
}

function withinSession<T>(messages: AsyncIterable<T>, session: Session): AsyncIterable<T> {
  return tapped(messages, {
    ended() {
      const cut = session.explain();
      session.end();
      if (cut !== undefined) throw cut;
    },
    failed(error) {
      const explained = session.explain(error);
      session.end();
      return explained;
    },
    left: () => session.end(),
  });
}

function withAttempts(reason: unknown, error: unknown): unknown {
  if (!(reason instanceof LivellmError) || !(error instanceof LivellmError)) return reason;
  return error.facts.attempts ? reason.with({ attempts: error.facts.attempts }) : reason;
}

function sessionTooLong(maxSessionMs: number): LivellmError {
  const message = `the call has gone on for ${maxSessionMs / 1000} s, the longest that this server lets one; start another`;
  return new LivellmError("deadline_exceeded", "timeout", message);
}
