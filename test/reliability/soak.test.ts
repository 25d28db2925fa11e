import { expect, test } from "vitest";
import { startFaultGateway } from "../../reliability/fault-gateway.ts";
import { runSoak } from "../../reliability/run-soak.ts";

test("what a burst of streams has taken is given back, and no call of a soak fails", { timeout: 120_000 }, async () => {
  await using gateway = await startFaultGateway();
  // V8 by itself takes 100 seconds, or does not do it at all.
  const figures = await runSoak(gateway, { minutes: 0.05, restMs: 60_000, streamsAtOnce: 30, sessionsAtOnce: 4 });
  expect(figures.failures).toEqual([]);
  expect(figures.streams).toBeGreaterThanOrEqual(30);
  expect(figures.sessions).toBeGreaterThanOrEqual(4);
  expect(figures.burst.growthBytes).toBeGreaterThan(2 * 2 ** 20);
  expect(figures.burst.givenBack).toBeGreaterThanOrEqual(0.9);
});
