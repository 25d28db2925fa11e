import { expect, test } from "vitest";
import { startFaultGateway } from "../../reliability/fault-gateway.ts";
import { runCancels } from "../../reliability/run-cancels.ts";

test("a caller who leaves in any phase, through any face, leaves nothing behind", { timeout: 120_000 }, async () => {
  await using gateway = await startFaultGateway();
  const { figures, all, left } = await runCancels(gateway, 420);
  expect(figures.filter(({ count, worstMs }) => count === 0 || !Number.isFinite(worstMs))).toEqual([]);
  expect(left).toEqual({ exchanges: 0, vendorSockets: 0, files: 0 });
  // Half of them, because machines that test are busy; `node reliability/cancels.ts` measures the p99.
  expect(all.p50Ms).toBeLessThan(100);
});
