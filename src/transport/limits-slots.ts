import { LivellmError } from "../core/error.ts";
import type { Eventually, SharedCalls } from "../core/shared-state.ts";

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

/** A call that has a place here, and may have none in all. */
interface Entering {
  readonly caller: string;
  readonly slot: Slot;
  readonly signal: AbortSignal;
}

/** What one caller has: calls under way, and calls that wait. */
interface Account {
  running: number;
  waiting: number;
  /** The last that was heard of its calls in other processes: they have all its places. */
  fullElsewhere: boolean;
  /** One of those that wait is asking whether there is a place by now. */
  asking: boolean;
  /** It is too early to ask again. */
  pausing: boolean;
}

/** What a refused caller is asked to wait; nobody knows when a call will end. */
const retryAfterMs = 1_000;
/** Nobody tells when a call has ended in another process: it is asked so often. */
const askAgainMs = 100;

/**
 * Counts the calls under way and lets the others wait, first come, first served; a caller that has reached its own limit
 * does not hold up those behind it. With `shared` the limit of one caller is for all processes that count together.
 */
export class CallSlots {
  readonly #limits: SlotLimits;
  readonly #shared: SharedCalls | undefined;
  readonly #accounts = new Map<string, Account>();
  readonly #queue = new Set<Waiting>();
  #running = 0;

  constructor(limits: SlotLimits, shared?: SharedCalls) {
    this.#limits = limits;
    this.#shared = shared;
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
    if (!this.#hasRoomFor(caller) || this.#isQueuedFor(caller)) return this.#queueUp(caller, signal);
    const slot = this.#take(caller);
    const granted = this.#isGranted(caller);
    return granted === true ? slot : this.#enterWhenGranted(granted, { caller, slot, signal });
  }

  async #enterWhenGranted(granted: Eventually<boolean>, { caller, slot, signal }: Entering): Promise<Slot> {
    if (await granted) {
      if (!signal.aborted) return slot;
      slot[Symbol.dispose]();
      throw signal.reason;
    }
    this.#refused(caller);
    slot[Symbol.dispose]();
    return await this.#queueUp(caller, signal);
  }

  #queueUp(caller: string, signal: AbortSignal): Promise<Slot> {
    if (this.#queue.size >= this.#limits.maxQueued || this.#waitsTooOften(caller)) throw this.#refusal(caller);
    return this.#wait(caller, signal);
  }

  /** Others who share its places are not to be overtaken; where nobody does, who waits had no room. */
  #isQueuedFor(caller: string): boolean {
    return this.#shared !== undefined && (this.#accounts.get(caller)?.waiting ?? 0) > 0;
  }

  /** Whether the place that was taken here is one of all processes together. */
  #isGranted(caller: string): Eventually<boolean> {
    if (!this.#shared) return true;
    return this.#shared.hold(caller, this.#accountOf(caller).running, this.#limits.maxCallsPerCaller);
  }

  /** Asks again in a while, for whoever waits first. */
  #refused(caller: string): void {
    const account = this.#accountOf(caller);
    account.fullElsewhere = true;
    if (account.pausing) return;
    account.pausing = true;
    setTimeout(() => {
      account.pausing = false;
      this.#forgetIdle(caller, account);
      this.#admitNext();
    }, askAgainMs).unref();
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
        this.#shared?.holding(caller, account.running);
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
      if (!this.#hasRoomFor(waiting.caller) || !this.#mayAsk(waiting.caller)) continue;
      const slot = this.#take(waiting.caller);
      const granted = this.#isGranted(waiting.caller);
      if (granted === true) this.#admit(waiting, slot);
      else void this.#admitWhenGranted(granted, waiting, slot);
    }
  }

  #mayAsk(caller: string): boolean {
    const account = this.#accounts.get(caller);
    return !account?.asking && !account?.pausing;
  }

  #admit(waiting: Waiting, slot: Slot): void {
    this.#accountOf(waiting.caller).fullElsewhere = false;
    this.#queue.delete(waiting);
    waiting.admit(slot);
  }

  async #admitWhenGranted(granted: Eventually<boolean>, waiting: Waiting, slot: Slot): Promise<void> {
    const account = this.#accountOf(waiting.caller);
    account.asking = true;
    const isGranted = await granted;
    account.asking = false;
    if (!isGranted) this.#refused(waiting.caller);
    if (isGranted && this.#queue.has(waiting)) {
      this.#admit(waiting, slot);
      this.#admitNext();
    } else slot[Symbol.dispose](); // it has left, or has to wait on
  }

  #accountOf(caller: string): Account {
    const account = this.#accounts.get(caller) ?? {
      running: 0,
      waiting: 0,
      fullElsewhere: false,
      asking: false,
      pausing: false,
    };
    this.#accounts.set(caller, account);
    return account;
  }

  #forgetIdle(caller: string, account: Account): void {
    const { running, waiting, pausing } = account;
    if (running === 0 && waiting === 0 && !pausing && this.#accounts.get(caller) === account)
      this.#accounts.delete(caller);
  }

  #refusal(caller: string): LivellmError {
    const { maxCalls, maxCallsPerCaller } = this.#limits;
    const account = this.#accounts.get(caller);
    const isOwn = account !== undefined && (account.running >= maxCallsPerCaller || account.fullElsewhere);
    const message = isOwn
      ? `you have ${maxCallsPerCaller} calls under way, as many as one caller may have here; try again when one has ended`
      : `this server has as many calls under way as it takes (${maxCalls}); try again in a moment`;
    return new LivellmError("resource_exhausted", isOwn ? "caller_limited" : "overloaded", message, { retryAfterMs });
  }
}
