import { expect, test } from "vitest";
import { runStoreFaults } from "../../reliability/run-store-faults.ts";
import { findingsOfStore } from "../../reliability/store-findings.ts";

test("calls go on while the database is away, and no change is half made", { timeout: 120_000 }, async () => {
  const results = await runStoreFaults({ faultMs: 500 });
  // A full disk besides, where the machine lets a small one be made.
  expect(results.length).toBeGreaterThanOrEqual(2);
  expect(results.flatMap(findingsOfStore).filter(({ isMet }) => !isMet)).toEqual([]);
});
