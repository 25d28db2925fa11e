import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { SharedCalls } from "../../src/core/shared-state.ts";
import { MemoryState } from "../../src/shared-state/memory-state.ts";
import { CallSlots, type Slot } from "../../src/transport/limits-slots.ts";
import { until } from "../transport/test-server.ts";

const limits = { maxCalls: 100, maxCallsPerCaller: 5, maxQueued: 400, queueTimeoutMs: 20_000 };
const never = new AbortController().signal;

/** Counts elsewhere: an answer comes some turns later. */
function elsewhere(counts: MemoryState, holder: string): SharedCalls {
  const state = counts.as(holder);
  return {
    async hold(caller, calls, most) {
      const held = state.hold(caller, calls, most);
      await setImmediate();
      return held;
    },
    holding: state.holding,
  };
}

function twoProcesses() {
  const counts = new MemoryState({ leaseMs: 600_000 });
  const processes = ["one", "two"].map((holder) => new CallSlots(limits, elsewhere(counts, holder)));
  return { counts, one: processes[0] as CallSlots, two: processes[1] as CallSlots };
}

/** How many more calls of a caller all processes together may have. */
function roomLeft(counts: MemoryState, caller: string): number {
  const probe = counts.as("probe");
  let room = 0;
  while (probe.hold(caller, room + 1, limits.maxCallsPerCaller)) room++;
  probe.holding(caller, 0);
  return room;
}

describe("two processes that count together", () => {
  test("have as many calls of one caller as one process may", async () => {
    const { counts, one, two } = twoProcesses();
    const inside: Slot[] = [];
    const entering = Array.from({ length: 12 }, (_, i) =>
      Promise.resolve((i % 2 ? one : two).enter("a", never)).then((slot) => inside.push(slot)),
    );
    await until(() => one.waiting + two.waiting === 7);
    expect([inside.length, one.running + two.running, roomLeft(counts, "a")]).toEqual([5, 5, 0]);
    expect(roomLeft(counts, "b")).toBe(5);
    for (let left = 0; left < 12; left++) {
      await until(() => inside.length > 0);
      inside.shift()?.[Symbol.dispose]();
      expect(one.running + two.running).toBeLessThanOrEqual(5);
    }
    await Promise.all(entering);
    await until(() => one.callers + two.callers === 0);
    expect(roomLeft(counts, "a")).toBe(5);
  });

  test("let those in first who have waited longest in a process, ahead of those who come", async () => {
    const { one, two } = twoProcesses();
    const held = await Promise.all(Array.from({ length: 5 }, () => two.enter("a", never)));
    const order: number[] = [];
    const enter = (number: number) =>
      Promise.resolve(one.enter("a", never)).then((slot) => {
        order.push(number);
        slot[Symbol.dispose]();
      });
    const entering = [enter(1), enter(2), enter(3)];
    await until(() => one.waiting === 3);
    for (const slot of held) slot[Symbol.dispose]();
    entering.push(enter(4));
    await Promise.all(entering);
    expect(order).toEqual([1, 2, 3, 4]);
  });

  test("say whose limit it is that refuses a call", async () => {
    const { counts, two } = twoProcesses();
    for (let i = 0; i < 5; i++) await two.enter("a", never);
    for (const impatient of [{ queueTimeoutMs: 50 }, { maxQueued: 0 }]) {
      const slots = new CallSlots({ ...limits, ...impatient }, elsewhere(counts, "another"));
      const refusal = await Promise.resolve(slots.enter("a", never)).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: "resource_exhausted", reason: "caller_limited" });
      expect(slots.running).toBe(0);
    }
  });

  test("have no place left over after 5,000 calls that were cancelled while they asked, waited or ran", async () => {
    const { counts, one, two } = twoProcesses();
    for (let round = 0; round < 10; round++) {
      const calls = Array.from({ length: 500 }, (_, i) => {
        const abort = new AbortController();
        return { abort, over: use(i % 2 ? one : two, `caller-${i % 3}`, abort.signal) };
      });
      for (const [i, { abort }] of calls.entries()) {
        if (i % 50 === 0) await setImmediate();
        abort.abort(new Error("gone"));
      }
      await Promise.all(calls.map(({ over }) => over));
    }
    await until(() => one.callers + two.callers === 0);
    expect([one.running, one.waiting, two.running, two.waiting]).toEqual([0, 0, 0, 0]);
    for (const caller of [0, 1, 2]) expect(roomLeft(counts, `caller-${caller}`)).toBe(5);
  });
});

/** A call that goes on until it is cancelled. */
async function use(slots: CallSlots, caller: string, signal: AbortSignal): Promise<void> {
  try {
    using _ = await slots.enter(caller, signal);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  } catch {
    // It was refused, or has left the queue.
  }
}
