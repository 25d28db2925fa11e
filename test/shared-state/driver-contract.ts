import { randomUUID } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import type { StateDriver } from "../../src/shared-state/state-driver.ts";

/** How long what is said of calls under way holds, in the states under test. */
export const leaseMs = 600;

/** What every place that has the counts keeps to. `open` gives one process's view of the one place that they share. */
export function describeDriver(open: (holder: string) => StateDriver | Promise<StateDriver>): void {
  let [one, other]: StateDriver[] = [];
  let id: string;
  const first = () => one as StateDriver;
  const second = () => other as StateDriver;

  beforeEach(async () => {
    id = randomUUID();
    one = await open("one");
    other = await open("other");
  });

  test("requests that two processes let in are counted together, and one too many is told how long to wait", async () => {
    const limits = { requestsPerMinute: 3 };
    expect(await first().take(id, limits)).toBeUndefined();
    expect(await second().take(id, limits)).toBeUndefined();
    expect(await first().take(id, limits)).toBeUndefined();
    for (const state of [first(), second()]) {
      const refusal = await state.take(id, limits);
      expect(refusal?.limit).toBe("requestsPerMinute");
      expect(refusal?.waitMs).toBeGreaterThan(55_000);
      expect(refusal?.waitMs).toBeLessThanOrEqual(61_000);
    }
    expect(await second().take(`${id}-another`, limits)).toBeUndefined();
  });

  test("what was refused is not counted", async () => {
    for (let i = 0; i < 5; i++) await first().take(id, { requestsPerMinute: 1 });
    expect(await second().take(id, { requestsPerMinute: 2 })).toBeUndefined();
    expect(await second().take(id, { requestsPerMinute: 2 })).toBeDefined();
  });

  test("a hundred at the same time are let in exactly as often as there is room", async () => {
    const states = [first(), second()];
    const all = Array.from({ length: 100 }, (_, i) => states[i % 2]?.take(id, { requestsPerMinute: 37 }));
    const refused = (await Promise.all(all)).filter((refusal) => refusal !== undefined);
    expect(refused).toHaveLength(63);
  });

  test("tokens that one has seen consumed keep out the calls of the other", async () => {
    const limits = { requestsPerMinute: 100, tokensPerMinute: 1_000 };
    await first().spend(id, 999);
    expect(await second().take(id, limits)).toBeUndefined();
    await second().spend(id, 1);
    expect(await first().take(id, limits)).toMatchObject({ limit: "tokensPerMinute" });
    expect(await first().take(id, { requestsPerMinute: 100 })).toBeUndefined();
  });

  test("calls under way are held by all together, to the most that there may be", async () => {
    expect(await first().hold(id, 1, 3)).toBe(true);
    expect(await second().hold(id, 1, 3)).toBe(true);
    expect(await second().hold(id, 2, 3)).toBe(true);
    expect(await first().hold(id, 2, 3)).toBe(false);
    await second().holding(id, 1);
    expect(await first().hold(id, 2, 3)).toBe(true);
    await first().holding(id, 0);
    expect(await second().hold(id, 3, 3)).toBe(true);
  });

  test("a hundred that want to begin at the same time begin as far as there is room", async () => {
    const both = [first(), second()].map(async (state) => {
      let held = 0;
      for (let i = 0; i < 50; i++) if (await state.hold(id, held + 1, 30)) held++;
      return held;
    });
    expect((await Promise.all(both)).reduce((sum, held) => sum + held)).toBe(30);
  });

  test("calls of a process that says nothing more are forgotten, those of one that does are not", async () => {
    await first().hold(id, 1, 2);
    await second().hold(id, 1, 2);
    const renew = setInterval(() => void second().holding(id, 1), leaseMs / 3);
    try {
      expect(await second().hold(id, 2, 2)).toBe(false);
      await expect.poll(() => second().hold(id, 2, 2), { timeout: 10 * leaseMs }).toBe(true);
      await second().holding(id, 1);
      expect(await first().hold(id, 2, 2)).toBe(false);
    } finally {
      clearInterval(renew);
    }
  });

  test("a breaker that one has opened is seen by the other, until somebody closes it", async () => {
    const listed = async () => (await second().openBreakers()).find(({ name }) => name === id);
    expect(await listed()).toBeUndefined();
    await first().openBreaker({ name: id, restMs: 9_999.5, pauseMs: 10_000 });
    const open = await listed();
    expect(open?.pauseMs).toBe(10_000);
    expect(open?.restMs).toBeGreaterThan(9_000);
    expect(open?.restMs).toBeLessThanOrEqual(10_000);
    await second().openBreaker({ name: id, restMs: 0, pauseMs: 20_000 });
    expect(await listed()).toEqual({ name: id, restMs: 0, pauseMs: 20_000 });
    await first().closeBreaker(id);
    expect(await listed()).toBeUndefined();
  });

  test("one process probes; when it has told what it found, another may", async () => {
    expect(await first().claimProbe(id)).toBe(true);
    expect(await second().claimProbe(id)).toBe(false);
    await first().openBreaker({ name: id, restMs: 0, pauseMs: 1 });
    expect(await second().claimProbe(id)).toBe(true);
    expect(await first().claimProbe(id)).toBe(false);
    await second().closeBreaker(id);
    expect(await first().claimProbe(id)).toBe(true);
  });

  test("it says that it is there", async () => {
    await first().revive();
    await second().revive();
  });
}
