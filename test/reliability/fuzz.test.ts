import { expect, test } from "vitest";
import { startFaultGateway } from "../../reliability/fault-gateway.ts";
import { mutate } from "../../reliability/mutate.ts";
import { createRandom } from "../../reliability/random.ts";
import { runFuzz } from "../../reliability/run-fuzz.ts";

/** For each of six formats. */
const millisecondsEach = 3_300;

test("the corpus, and twenty seconds of what comes of it, break nothing", { timeout: 120_000 }, async () => {
  await using gateway = await startFaultGateway({ LIVELLM_ATTEMPT_TIMEOUT_MS: "2000" });
  const figures = await runFuzz(gateway, { millisecondsEach, seed: Date.now() });
  expect(figures.flatMap(({ target, finds }) => finds.map((find) => `${target}: ${find}`))).toEqual([]);
  for (const { inputs, growthBytes } of figures) {
    expect(inputs).toBeGreaterThan(20);
    expect(growthBytes).toBeLessThan(512 * 2 ** 20);
  }
});

test("the same seed makes the same inputs", () => {
  const inputs = (seed: number) => {
    const random = createRandom(seed);
    const corpus = [Buffer.from('{"a": 1}'), Buffer.from("data: x\n\n")];
    return Array.from({ length: 50 }, () => mutate(random.pick(corpus), random, corpus).toString("hex"));
  };
  expect(inputs(3)).toEqual(inputs(3));
  expect(inputs(4)).not.toEqual(inputs(3));
  expect(new Set(inputs(3)).size).toBeGreaterThan(40);
});
