import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FaultGateway, startFaultGateway } from "../../reliability/fault-gateway.ts";
import { slopePerHour } from "../../reliability/memory-slope.ts";
import { bombs, idle, pour } from "../../reliability/run-hostile.ts";
import { allSlowReaders, runSlowReaders } from "../../reliability/run-slow-readers.ts";
import { oldSurfaces } from "../../reliability/slow-old-readers.ts";

let gateway: FaultGateway;

beforeAll(async () => {
  gateway = await startFaultGateway(oldSurfaces);
});
afterAll(() => gateway[Symbol.asyncDispose]());

describe("others are served, and memory is bounded", () => {
  test.each(["events", "line", "body"] as const)(
    "while a vendor pours half a gibibyte without an end: %s",
    async (form) => {
      const { came, isBounded } = await pour(gateway, form, 2 ** 29);
      expect(isBounded, came).toBe(true);
      expect(came).toMatch(/^internal; /);
    },
  );

  test("while readers of every framing stop; they go on and miss nothing, or leave", { timeout: 90_000 }, async () => {
    const results = await runSlowReaders(gateway);
    expect(results.filter(({ isBounded }) => !isBounded)).toEqual([]);
    expect(results).toHaveLength(1 + 2 * allSlowReaders.length);
  });

  test("while 1,000 connections idle", async () => {
    const { what, came, isBounded } = await idle(gateway, 1_000);
    expect(what).toBe("1000 idle connections");
    expect(isBounded, came).toBe(true);
  });

  test("after heads and bodies that are too large", async () => {
    const results = await bombs(gateway);
    expect(results.filter(({ isBounded }) => !isBounded)).toEqual([]);
    expect(results).toHaveLength(3);
  });
});

test("the slope is that of the low points", () => {
  const hour = 3_600_000;
  const at = (minutes: number, bytes: number) => ({ atMs: minutes * 60_000, bytes });
  const leaking = Array.from({ length: 200 }, (_, i) => at(i, 1_000 + i * 60 + (i % 10) * 5_000));
  const steady = leaking.map((sample, i) => ({ ...sample, bytes: 1_000 + (i % 10) * 5_000 }));
  expect(slopePerHour(leaking)).toBeCloseTo((60 * hour) / 60_000, 0);
  expect(slopePerHour(steady)).toBeCloseTo(0);
});
