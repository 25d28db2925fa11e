import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Secret } from "../../src/core/secret.ts";
import { MemoryState } from "../../src/shared-state/memory-state.ts";
import { RedisState } from "../../src/shared-state/redis-state.ts";
import { createAskedState } from "../../src/shared-state/state-questions.ts";
import { type QuestionMessage, Questions } from "../../src/workers/questions.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type RedisServer, redisServer, startRedis } from "../support/redis-server.ts";
import { describeDriver, leaseMs } from "./driver-contract.ts";

describe("the counts of this process", () => {
  const state = new MemoryState({ leaseMs });
  describeDriver((holder) => state.as(holder));

  test("the calls and claims of a process that has ended are forgotten", () => {
    expect(state.as("gone").hold("caller", 2, 2)).toBe(true);
    expect(state.as("gone").claimProbe("model")).toBe(true);
    expect(state.as("there").hold("caller", 1, 2)).toBe(false);
    state.forget("gone");
    expect(state.as("there").hold("caller", 2, 2)).toBe(true);
    expect(state.as("there").claimProbe("model")).toBe(true);
  });
});

describe("the counts of another process", () => {
  let child: ChildProcess;
  let questions: Questions;
  beforeAll(() => {
    child = fork(path.join(import.meta.dirname, "counting-process.ts"), [String(leaseMs)], { execArgv: [] });
    questions = new Questions(
      (message) => child.send(message),
      () => undefined,
    );
    child.on("message", (message) => questions.hear(message as QuestionMessage));
  });
  afterAll(() => child.kill());
  describeDriver((holder) => createAskedState((question) => questions.ask({ holder, question })));
});

describeWith(redisServer, "the counts in Redis", () => {
  let redis: RedisServer;
  const opened: RedisState[] = [];
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    for (const state of opened) await state.close();
    await redis[Symbol.asyncDispose]();
  });

  const open = async (holder: string, prefix = "test:") => {
    const state = new RedisState({ url: new Secret(redis.url), prefix, holder, leaseMs, onLost: () => undefined });
    opened.push(state);
    await state.revive();
    return state;
  };
  describeDriver(open);

  test("have keys with the prefix alone, all of which end by themselves", async () => {
    const state = await open("one", "mine:");
    await state.take("bearer", { requestsPerMinute: 5 });
    await state.spend("bearer", 5);
    await state.hold("caller", 1, 5);
    await state.openBreaker({ name: "model", restMs: 5, pauseMs: 5 });
    await state.claimProbe("model");
    const keys = (await redis.command("KEYS", "mine:*")) as readonly string[];
    expect([...keys].sort()).toEqual(["mine:breakers", "mine:calls:caller", "mine:probe:model", "mine:rate:bearer"]);
    for (const key of keys) expect(await redis.command("PTTL", key)).toBeGreaterThan(0);
  });

  const refusing: readonly (readonly [what: string, begin: readonly string[], end: readonly string[], word: RegExp])[] =
    [
      ["is a replica", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"], /^READONLY/],
      ["is full", ["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"], /^OOM/],
    ];
  test.each(refusing)(
    "are lost as soon as Redis says that it %s, and back when it is not",
    async (_, begin, end, word) => {
      const lost: string[] = [];
      const said = { prefix: "test:", holder: "one", leaseMs, onLost: (reason: string) => lost.push(reason) };
      const state = new RedisState({ url: new Secret(redis.url), ...said });
      opened.push(state);
      await state.revive();
      await redis.command(...begin);
      await expect(state.take("bearer", { requestsPerMinute: 5 })).rejects.toThrow(word);
      expect(lost).toEqual([expect.stringMatching(word)]);
      await expect(state.revive()).rejects.toThrow(word);
      await redis.command(...end);
      await state.revive();
      expect(await state.take("bearer", { requestsPerMinute: 5 })).toBeUndefined();
      expect(lost).toHaveLength(1);
    },
  );

  test("go on when Redis has forgotten the scripts", async () => {
    const state = await open("one");
    await redis.command("SCRIPT", "FLUSH");
    expect(await state.take("after-flush", { requestsPerMinute: 1 })).toBeUndefined();
    expect(await state.take("after-flush", { requestsPerMinute: 1 })).toBeDefined();
  });
});
