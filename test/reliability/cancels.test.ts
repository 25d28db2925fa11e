import { expect, test } from "vitest";
import { startFaultGateway } from "../../reliability/fault-gateway.ts";
import { runCancels } from "../../reliability/run-cancels.ts";
import { queueing, runQueuedCancels } from "../../reliability/run-queued-cancels.ts";

test("a caller who leaves in any phase, through any face, leaves nothing behind", { timeout: 120_000 }, async () => {
  await using gateway = await startFaultGateway();
  const { figures, all, left } = await runCancels(gateway, 400);
  expect(figures.filter(({ count, worstMs }) => count === 0 || !Number.isFinite(worstMs))).toEqual([]);
  expect(left).toEqual({ exchanges: 0, vendorSockets: 0, files: 0 });
  // Half of them, because machines that test are busy; `node reliability/cancels.ts` measures the p99.
  expect(all.p50Ms).toBeLessThan(100);
});

test("a caller who leaves while its call waits gives its place back, and no vendor is asked", {
  timeout: 120_000,
}, async () => {
  await using gateway = await startFaultGateway(queueing);
  const { count, worstMs, asked, isFree } = await runQueuedCancels(gateway, 15);
  expect(count).toBeGreaterThanOrEqual(15);
  expect(Number.isFinite(worstMs)).toBe(true);
  expect({ asked, isFree }).toEqual({ asked: 0, isFree: true });
});
