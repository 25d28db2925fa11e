import { randomUUID } from "node:crypto";
import { createClient } from "@redis/client";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RateRefusal } from "../../src/core/shared-state.ts";
import { MemoryState } from "../../src/shared-state/memory-state.ts";
import { type RedisScript, spendScript, takeScript } from "../../src/shared-state/redis-scripts.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type RedisServer, redisServer, startRedis } from "../support/redis-server.ts";

/** Something that happens so many milliseconds after the last. */
const steps = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat(500), fc.nat(20_000), fc.nat(90_000)),
    tokens: fc.option(fc.integer({ min: 1, max: 40 })),
    requestsPerMinute: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    tokensPerMinute: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  }),
  { minLength: 1, maxLength: 25 },
);

describeWith(redisServer, "the windows in Redis", () => {
  let redis: RedisServer;
  let client: ReturnType<typeof createClient>;
  beforeAll(async () => {
    redis = await startRedis();
    client = createClient({ url: redis.url });
    await client.connect();
  });
  afterAll(async () => {
    client.destroy();
    await redis[Symbol.asyncDispose]();
  });

  /** Runs a script with the time that it is given in place of the time that it is. */
  function runAt(nowMs: number, { source }: RedisScript, key: string, args: readonly string[]): Promise<unknown> {
    const time = `{ '${Math.floor(nowMs / 1000)}', '${(nowMs % 1000) * 1000}' }`;
    const frozen = source.replace("redis.call('TIME')", time);
    return client.sendCommand<unknown>(["EVAL", frozen, "1", key, ...args]);
  }

  async function take(nowMs: number, key: string, limits: readonly (number | undefined)[]): Promise<unknown> {
    const reply = await runAt(
      nowMs,
      takeScript,
      key,
      limits.map((limit) => String(limit ?? -1)),
    );
    const [kind, waitMs] = reply as readonly unknown[];
    const names: Readonly<Record<string, RateRefusal["limit"]>> = { r: "requestsPerMinute", t: "tokensPerMinute" };
    return kind === undefined ? undefined : { limit: names[String(kind)], waitMs };
  }

  test("refuse and let in what those of a process do, to the millisecond", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        let nowMs = 1_763_600_000_123;
        const key = randomUUID();
        const here = new MemoryState({ clock: () => nowMs }).as("here");
        for (const { afterMs, tokens, ...limits } of all) {
          nowMs += afterMs;
          if (tokens !== null) {
            here.spend("bearer", tokens);
            await runAt(nowMs, spendScript, key, [String(tokens)]);
          }
          const there = await take(nowMs, key, [limits.requestsPerMinute, limits.tokensPerMinute]);
          expect(there).toEqual(here.take("bearer", limits));
        }
      }),
      { numRuns: 60 },
    );
  });
});
