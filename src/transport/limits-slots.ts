import { LivellmError } from "../core/error.ts";

export interface SlotLimits {
  /** Calls at a time, of all callers together. */
  readonly maxCalls: number;
  /** Calls at a time of one caller. */
  readonly maxCallsPerCaller: number;
  /** Calls that may wait for others to end; those of one caller may be a quarter of them. */
  readonly maxQueued: number;
  /** How long one may wait. */
  readonly queueTimeoutMs: number;
}

/** A place among the calls under way. Giving it back twice is giving it back once. */
export type Slot = Disposable;

interface Waiting {
  readonly caller: string;
  readonly admit: (slot: Slot) => void;
}

/** What one caller has: calls under way, and calls that wait. */
interface Account {
  running: number;
  waiting: number;
}

/** What a refused caller is asked to wait; nobody knows when a call will end. */
const retryAfterMs = 1_000;

/**
 * Counts the calls under way and lets the others wait, first come, first served; a caller that has reached its own limit
 * does not hold up those behind it.
 */
export class CallSlots {
  readonly #limits: SlotLimits;
  readonly #accounts = new Map<string, Account>();
  readonly #queue = new Set<Waiting>();
  #running = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Calls under way. */
  get running(): number {
    return this.#running;
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** How many callers are kept account of: those with a call under way, or waiting. */
  get callers(): number {
    return this.#accounts.size;
  }

  /**
   * A slot, at once where there is one: a promise costs the common call a turn. Throws, or rejects with,
   * `resource_exhausted` when nothing becomes free in time, or too many wait already.
   */
  enter(caller: string, signal: AbortSignal): Slot | Promise<Slot> {
    if (this.#hasRoomFor(caller)) return this.#take(caller);
    if (this.#queue.size >= this.#limits.maxQueued || this.#waitsTooOften(caller)) throw this.#refusal(caller);
    return this.#wait(caller, signal);
  }

  #hasRoomFor(caller: string): boolean {
    const { maxCalls, maxCallsPerCaller } = this.#limits;
    return this.#running < maxCalls && (this.#accounts.get(caller)?.running ?? 0) < maxCallsPerCaller;
  }

  #waitsTooOften(caller: string): boolean {
    return (this.#accounts.get(caller)?.waiting ?? 0) >= Math.ceil(this.#limits.maxQueued / 4);
  }

  #take(caller: string): Slot {
    const account = this.#accountOf(caller);
    account.running++;
    this.#running++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        account.running--;
        this.#running--;
        this.#forgetIdle(caller, account);
        this.#admitNext();
      },
    };
  }

  async #wait(caller: string, signal: AbortSignal): Promise<Slot> {
    const account = this.#accountOf(caller);
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const waiting: Waiting = { caller, admit: resolve };
    // Out of the queue in the same turn: a slot that came to one who has left would never be given back.
    const leave = (reason: unknown) => {
      this.#queue.delete(waiting);
      reject(reason);
    };
    const aborted = () => leave(signal.reason);
    const timer = setTimeout(() => leave(this.#refusal(caller)), this.#limits.queueTimeoutMs);
    signal.addEventListener("abort", aborted, { once: true });
    this.#queue.add(waiting);
    account.waiting++;
    if (signal.aborted) aborted();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      account.waiting--;
      this.#forgetIdle(caller, account);
    }
  }

  #admitNext(): void {
    for (const waiting of this.#queue) {
      if (this.#running >= this.#limits.maxCalls) return;
      if (!this.#hasRoomFor(waiting.caller)) continue;
      this.#queue.delete(waiting);
      waiting.admit(this.#take(waiting.caller));
    }
  }

  #accountOf(caller: string): Account {
    const account = this.#accounts.get(caller) ?? { running: 0, waiting: 0 };
    this.#accounts.set(caller, account);
    return account;
  }

  #forgetIdle(caller: string, { running, waiting }: Account): void {
    if (running === 0 && waiting === 0) this.#accounts.delete(caller);
  }

  #refusal(caller: string): LivellmError {
    const { maxCalls, maxCallsPerCaller } = this.#limits;
    const isOwn = (this.#accounts.get(caller)?.running ?? 0) >= maxCallsPerCaller;
    const message = isOwn
      ? `you have ${maxCallsPerCaller} calls under way, as many as one caller may have here; try again when one has ended`
      : `this server has as many calls under way as it takes (${maxCalls}); try again in a moment`;
    return new LivellmError("resource_exhausted", isOwn ? "caller_limited" : "overloaded", message, { retryAfterMs });
  }
}
