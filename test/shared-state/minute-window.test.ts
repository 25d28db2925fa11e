import fc from "fast-check";
import { expect, test } from "vitest";
import { MinuteWindow } from "../../src/shared-state/minute-window.ts";

test("nothing was counted, so nobody waits", () => expect(new MinuteWindow().waitMs(1, 12_345)).toBe(0));

test("it waits until what is too much is older than a minute", () => {
  const window = new MinuteWindow();
  window.add(1, 500);
  window.add(1, 30_000);
  expect(window.waitMs(3, 31_000)).toBe(0);
  expect(window.waitMs(2, 31_000)).toBe(30_000);
  expect(window.waitMs(1, 31_000)).toBe(60_000);
  expect(window.waitMs(2, 60_999)).toBe(1);
  expect(window.waitMs(2, 61_000)).toBe(0);
});

test("it forgets all when nothing comes for long", () => {
  const window = new MinuteWindow();
  window.add(1_000_000, 0);
  expect(window.waitMs(1, 3_600_000)).toBe(0);
});

/** The same, by remembering every single one. */
test("never lets more than the limit into any 60 seconds, and does not keep anybody longer than 61", () => {
  const steps = fc.array(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 100_000 }), (gaps, limit, start) => {
      const window = new MinuteWindow();
      const letIn: number[] = [];
      let now = start;
      for (const gap of gaps) {
        now += gap;
        const waitMs = window.waitMs(limit, now);
        const within = (ms: number) => letIn.filter((time) => time > now - ms).length;
        if (waitMs > 0) {
          expect(within(61_000)).toBeGreaterThanOrEqual(limit);
          expect(waitMs).toBeLessThanOrEqual(61_000);
          expect(window.waitMs(limit, now + waitMs)).toBe(0);
          return;
        }
        expect(within(60_000)).toBeLessThan(limit);
        window.add(1, now);
        letIn.push(now);
      }
    }),
  );
});
