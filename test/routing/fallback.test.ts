import { describe, expect, test, vi } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import type { OutputRole } from "../../src/routing/attempt.ts";
import { withFallback } from "../../src/routing/fallback.ts";
import type { FallbackEvent } from "../../src/routing/fallback-event.ts";
import type { TargetHealth } from "../../src/routing/health.ts";
import type { Plan, PlannedTarget, ReadyTarget } from "../../src/routing/plan.ts";
import { batched, inBatches } from "../../src/streams/batches.ts";

/** A script of one target: words to send, an error to throw, or a wait for the signal. */
type Script = readonly (string | LivellmError | "hang" | Promise<void>)[];

const unavailable = (what: string) => new LivellmError("unavailable", "provider_unavailable", what);
const limited = (what: string, retryAfterMs?: number) =>
  new LivellmError("resource_exhausted", "rate_limited", what, { retryAfterMs });

interface Scripted {
  readonly plan: Plan<"chat">;
  readonly call: {
    open(target: ReadyTarget<"chat">, signal: AbortSignal): AsyncIterable<string>;
    role(output: string): OutputRole;
  };
  /** The indexes of the targets that were opened, and those whose signal was aborted. */
  readonly opened: number[];
  readonly aborted: Map<number, unknown>;
  readonly pulled: Map<number, number>;
}

function scripted(
  scripts: readonly (Script | PlannedTarget<"chat">["use"])[],
  options: Partial<Plan<"chat">> = {},
): Scripted {
  const opened: number[] = [];
  const aborted = new Map<number, unknown>();
  const pulled = new Map<number, number>();
  const targets = scripts.map(
    (script, index): PlannedTarget<"chat"> => ({
      index,
      provider: `p${index}`,
      kind: "local",
      model: "m",
      voice: "",
      options: {},
      attemptTimeoutMs: 5_000,
      use: "ready" in script ? script : { ready: true, capability: { stream: () => [] as never } },
    }),
  );
  return {
    plan: { targets, strategy: "sequential", stallTimeoutMs: 5_000, staggerMs: 0, [Symbol.dispose]() {}, ...options },
    opened,
    aborted,
    pulled,
    call: {
      role: (output) => (output.startsWith("(") ? "waits" : output.startsWith("…") ? "passes" : "commits"),
      async *open(target, signal) {
        opened.push(target.index);
        signal.addEventListener("abort", () => aborted.set(target.index, signal.reason));
        for (const item of scripts[target.index] as Script) {
          if (item === "hang")
            await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
          else if (item instanceof Promise) await item;
          else if (item instanceof LivellmError) throw item;
          else {
            pulled.set(target.index, (pulled.get(target.index) ?? 0) + 1);
            yield item;
          }
        }
      },
    },
  };
}

async function collect({ plan, call }: Scripted, signal = new AbortController().signal) {
  const events: FallbackEvent<"chat", string>[] = [];
  let error: LivellmError | undefined;
  try {
    for await (const event of withFallback(plan, call, signal)) events.push(event);
  } catch (thrown) {
    if (!(thrown instanceof LivellmError)) throw thrown;
    error = thrown;
  }
  return { events, error, text: events.flatMap((e) => (e.type === "output" ? e.output : [])).join("") };
}

const outcomes = (attempts: readonly { outcome: string }[] | undefined) => attempts?.map(({ outcome }) => outcome);

describe("sequential", () => {
  test("the first that commits answers, and the next is never called", async () => {
    const run = scripted([["(head)", "a", "b"], ["c"]]);
    const { events, text } = await collect(run);
    expect(text).toBe("(head)ab");
    expect(run.opened).toEqual([0]);
    expect(events[0]).toMatchObject({ type: "committed", target: { index: 0 }, attempts: [{ outcome: "answered" }] });
  });

  test("a failure before the commit tells it once, and nothing of that target leaks", async () => {
    const { events, text } = await collect(
      scripted([
        ["(head)", unavailable("down")],
        ["c", "d"],
      ]),
    );
    expect(events.map(({ type }) => type)).toEqual(["attempt-failed", "committed", "output", "output"]);
    expect(text).toBe("cd");
    expect(events[0]).toMatchObject({ attempt: { targetIndex: 0, outcome: "failed", failure: { message: "down" } } });
  });

  test("a failure after the commit ends the call and names what was tried", async () => {
    const run = scripted([[unavailable("down")], ["c", unavailable("gone")], ["d"]]);
    const { error, text } = await collect(run);
    expect(text).toBe("c");
    expect(run.opened).toEqual([0, 1]);
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(error?.message).toContain("gone");
    expect(outcomes(error?.facts.attempts)).toEqual(["failed", "failed"]);
  });

  test("an answer that ends without any output is a failure, never an end", async () => {
    const { error } = await collect(scripted([["(head)"]]));
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });

  test("all failed: their common code, one attempt each, the shortest wait", async () => {
    const { error, events } = await collect(scripted([[limited("slow", 900)], [limited("down", 300)]]));
    expect(error).toMatchObject({ code: "resource_exhausted", reason: "rate_limited", facts: { retryAfterMs: 300 } });
    expect(error?.message).toMatch(/p0\/m: slow; p1\/m: down/);
    expect(outcomes(error?.facts.attempts)).toEqual(["failed", "failed"]);
    expect(events.filter(({ type }) => type === "attempt-failed")).toHaveLength(1); // nobody comes after the last
  });

  test("all failed differently: unavailable", async () => {
    const { error } = await collect(scripted([[limited("slow")], [unavailable("down")]]));
    expect(error?.code).toBe("unavailable");
  });

  test("one target: its own error, untouched but for the attempts", async () => {
    const { error } = await collect(scripted([[limited("slow", 700)]]));
    expect(error).toMatchObject({ code: "resource_exhausted", message: "slow", facts: { retryAfterMs: 700 } });
  });

  test("a request that breaks our own rules is not tried elsewhere", async () => {
    const run = scripted([[new LivellmError("invalid_argument", "invalid_request", "bad")], ["c"]]);
    const { error } = await collect(run);
    expect(error?.code).toBe("invalid_argument");
    expect(run.opened).toEqual([0]);
  });

  test("a skipped target is listed and not announced; one that cannot is both", async () => {
    const refusal = (skipped: boolean) => ({
      ready: false as const,
      skipped,
      error: new LivellmError("failed_precondition", "unsupported", "no"),
    });
    const { events } = await collect(scripted([refusal(true), refusal(false), ["c"]]));
    expect(events.map(({ type }) => type)).toEqual(["attempt-failed", "committed", "output"]);
    expect(events[1]).toMatchObject({
      attempts: [{ outcome: "skipped" }, { outcome: "failed" }, { outcome: "answered", targetIndex: 2 }],
    });
  });

  test("the attempt timeout moves on, aborts the slow target and says timed_out", async () => {
    const run = scripted([["(head)", "hang"], ["c"]]);
    const slow = run.plan.targets[0];
    const plan = { ...run.plan, targets: [{ ...slow, attemptTimeoutMs: 10 }, run.plan.targets[1]] } as Plan<"chat">;
    const { events } = await collect({ ...run, plan });
    expect(events[0]).toMatchObject({ attempt: { outcome: "timed_out", failure: { reason: "timeout" } } });
    expect(run.aborted.get(0)).toBeInstanceOf(LivellmError);
  });

  test("the stall timeout ends a committed stream with unavailable and timeout", async () => {
    const { error, text } = await collect(scripted([["a", "hang"]], { stallTimeoutMs: 10 }));
    expect(text).toBe("a");
    expect(error).toMatchObject({ code: "unavailable", reason: "timeout" });
    expect(outcomes(error?.facts.attempts)).toEqual(["timed_out"]);
  });

  test("a target that sends what is not for the caller is not silent", async () => {
    vi.useFakeTimers();
    try {
      const { plan, call } = scripted([[]], { stallTimeoutMs: 30 });
      const pulse = () => new Promise((resolve) => setTimeout(resolve, 20));
      async function* atWork(signal: AbortSignal) {
        for (const batch of [["a"], [], [], [], ["b"], [], []]) {
          await pulse();
          yield batch;
        }
        await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
      }
      const answer = collect({
        ...scripted([]),
        plan,
        call: { ...call, open: (_, signal) => batched(atWork(signal)) },
      });
      await vi.advanceTimersByTimeAsync(7 * 20 + 29);
      let over = false;
      void answer.then(() => {
        over = true;
      });
      await vi.advanceTimersByTimeAsync(0);
      expect(over).toBe(false);
      await vi.advanceTimersByTimeAsync(2);
      const { text, error } = await answer;
      expect(text).toBe("ab");
      expect(error).toMatchObject({ code: "unavailable", reason: "timeout" });
    } finally {
      vi.useRealTimers();
    }
  });

  test("what is not for the caller does not reach the caller", async () => {
    const { plan, call } = scripted([[]]);
    async function* atWork() {
      for (const batch of [[], ["a"], [], [], ["b", "c"], []]) yield batch;
    }
    const told: number[] = [];
    const run = withFallback(plan, { ...call, open: () => batched(atWork()) }, new AbortController().signal);
    for await (const batch of inBatches(run)) told.push(batch.length);
    expect(told).not.toContain(0);
  });

  test("a reader that is slower than the stall timeout is no stall", async () => {
    const run = scripted([["a", "b", "c"]], { stallTimeoutMs: 10 });
    let text = "";
    for await (const event of withFallback(run.plan, run.call, new AbortController().signal)) {
      if (event.type !== "output") continue;
      text += event.output;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(text).toBe("abc");
  });

  test("progress passes before the commit", async () => {
    const { events } = await collect(scripted([["(head)", "…pulling", "…pulling", "a"]]));
    expect(events.map(({ type }) => type)).toEqual(["progress", "progress", "committed", "output", "output"]);
  });
});

describe("parallel", () => {
  const parallel = { strategy: "parallel" as const };

  test("the first to commit wins; the others are aborted and listed as cancelled", async () => {
    const run = scripted(
      [
        ["(head)", "hang"],
        ["b", "c"],
      ],
      parallel,
    );
    const { events, text } = await collect(run);
    expect(text).toBe("bc");
    expect(run.opened).toEqual([0, 1]);
    expect(events.find(({ type }) => type === "committed")).toMatchObject({
      attempts: [
        { targetIndex: 0, outcome: "cancelled" },
        { targetIndex: 1, outcome: "answered" },
      ],
    });
    expect(run.aborted.has(0)).toBe(true);
  });

  test("one fails, the other answers", async () => {
    const { events, text } = await collect(scripted([[unavailable("down")], ["(head)", "b"]], parallel));
    expect(text).toBe("(head)b");
    expect(events[0]).toMatchObject({ type: "attempt-failed", attempt: { targetIndex: 0 } });
  });

  test("a winner that breaks is not replaced", async () => {
    const { error, text } = await collect(
      scripted(
        [
          ["a", unavailable("gone")],
          ["(head)", "hang"],
        ],
        parallel,
      ),
    );
    expect(text).toBe("a");
    expect(error).toMatchObject({ reason: "stream_broken" });
    expect(outcomes(error?.facts.attempts)).toEqual(["cancelled", "failed"]);
  });

  test("staggered: the second is not asked when the first answers at once", async () => {
    const run = scripted([["a"], ["b"]], { ...parallel, staggerMs: 2_000 });
    expect((await collect(run)).text).toBe("a");
    expect(run.opened).toEqual([0]);
  });

  test("staggered: the second joins when the first is slow", async () => {
    const run = scripted([["hang"], ["b"]], { ...parallel, staggerMs: 5 });
    expect((await collect(run)).text).toBe("b");
    expect(run.opened).toEqual([0, 1]);
  });

  test("staggered: the second starts at once when the first fails", async () => {
    const run = scripted([[unavailable("down")], ["b"]], { ...parallel, staggerMs: 1_000_000 });
    expect((await collect(run)).text).toBe("b");
  });
});

describe("health", () => {
  const gate = (entered: string[], name: string, refuse: boolean): TargetHealth => ({
    enter: ({ only, again }) => {
      if (refuse && !only) return new LivellmError("unavailable", "provider_unavailable", `${name} is avoided`);
      entered.push(`${name} enter${again ? " again" : ""}`);
      return {
        answered: () => entered.push(`${name} answered`),
        failed: (error) => entered.push(`${name} failed: ${error.message}`),
        succeeded: () => entered.push(`${name} succeeded`),
        left: () => entered.push(`${name} left`),
      };
    },
  });

  function watched(scripts: readonly Script[], refused: readonly number[], options: Partial<Plan<"chat">> = {}) {
    const told: string[] = [];
    const run = scripted(scripts, options);
    const targets = run.plan.targets.map((target) => {
      return { ...target, health: gate(told, target.provider, refused.includes(target.index)) };
    });
    return { told, run: { ...run, plan: { ...run.plan, targets } } };
  }

  test("a target that is avoided is skipped while another is left", async () => {
    const { run, told } = watched([["a"], ["b"]], [0]);
    const { events, text } = await collect(run);
    expect(text).toBe("b");
    expect(events[0]).toMatchObject({ attempts: [{ outcome: "skipped" }, { outcome: "answered" }] });
    expect(told).toEqual(["p1 enter", "p1 answered", "p1 succeeded"]);
  });

  test("the last one is called all the same", async () => {
    const { run, told } = watched([["a"], ["b"]], [0, 1]);
    expect((await collect(run)).text).toBe("b");
    expect(told[0]).toBe("p1 enter");
  });

  test("a failure before and after the commit is told, and so is a loser", async () => {
    const before = watched([[unavailable("down")], ["b", unavailable("gone")]], []);
    await collect(before.run);
    expect(before.told.filter((word) => word.includes("failed"))).toEqual(["p0 failed: down", "p1 failed: gone"]);
    const race = watched([["(head)", "hang"], ["b"]], [], { strategy: "parallel" });
    await collect(race.run);
    expect(race.told).toContain("p0 left");
  });

  test("a caller who leaves tells nothing of the target", async () => {
    const { run, told } = watched([["(head)", "hang"]], []);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("gone")), 10);
    await collect(run, controller.signal);
    expect(told).toEqual(["p0 enter", "p0 left"]);
  });

  test("a second model of the same provider is another try of it", async () => {
    const { run, told } = watched([[unavailable("down")], ["b"]], []);
    const targets = run.plan.targets.map((target) => ({ ...target, provider: "same" }));
    await collect({ ...run, plan: { ...run.plan, targets } });
    expect(told.filter((word) => word.includes("enter"))).toEqual(["p0 enter", "p1 enter again"]);
  });
});

describe("usage", () => {
  const pricing = { inputUsdPerMtok: 1, outputUsdPerMtok: 10 };

  function metered(scripts: readonly Script[], options: Partial<Plan<"chat">> = {}): Scripted {
    const run = scripted(scripts, options);
    const targets = run.plan.targets.map((target) => ({ ...target, pricing }));
    const meter = () => {
      let outputTokens = 0;
      return {
        see: (output: string) => {
          outputTokens += output.length;
        },
        estimate: () => ({ inputTokens: 1_000_000, outputTokens }),
      };
    };
    return { ...run, plan: { ...run.plan, targets }, call: { ...run.call, ...{ meter } } };
  }

  test("a race costs twice: the loser's share is estimated, and marked so", async () => {
    const { events } = await collect(metered([["(head)", "hang"], ["b"]], { strategy: "parallel" }));
    expect(events.find(({ type }) => type === "committed")).toMatchObject({
      attempts: [
        { outcome: "cancelled", usage: { inputTokens: 1_000_000, outputTokens: 6, estimated: true, costUsd: 1.00006 } },
        { outcome: "answered" },
      ],
    });
  });

  test("a stream that broke off is estimated by what had come", async () => {
    const { error } = await collect(metered([["abc", "de", unavailable("gone")]]));
    expect(error?.facts.attempts).toMatchObject([
      { outcome: "failed", usage: { inputTokens: 1_000_000, outputTokens: 5, estimated: true, costUsd: 1.00005 } },
    ]);
  });

  test("what was refused before it began costs nothing; what took too long may", async () => {
    const run = metered([[unavailable("down")], ["hang"]]);
    const targets = run.plan.targets.map((target) => ({ ...target, attemptTimeoutMs: 10 }));
    const { error } = await collect({ ...run, plan: { ...run.plan, targets } });
    expect(error?.facts.attempts).toMatchObject([
      { outcome: "failed" },
      { outcome: "timed_out", usage: { estimated: true } },
    ]);
    expect(error?.facts.attempts?.[0]).not.toHaveProperty("usage");
  });

  test("what the winner tells gets its price, and stands with its attempt", async () => {
    const target = { ...scripted([[]]).plan.targets[0], pricing } as PlannedTarget<"chat">;
    const plan = { ...scripted([]).plan, targets: [target] };
    const told = { usage: { inputTokens: 2_000_000, cachedInputTokens: 1_000_000, outputTokens: 100_000 } };
    const call = {
      role: () => "commits" as const,
      async *open() {
        yield told;
      },
    };
    const seen: unknown[] = [];
    let attempts: readonly unknown[] = [];
    for await (const event of withFallback(plan, call, new AbortController().signal)) {
      if (event.type === "committed") attempts = event.attempts;
      if (event.type === "output") seen.push(event.output, [...attempts]);
    }
    const usage = { ...told.usage, costUsd: 3 };
    expect(seen).toMatchObject([{ usage }, [{ outcome: "answered", usage }]]);
  });
});

describe("the caller leaves", () => {
  test.each([
    ["before the commit", ["(head)", "hang"]],
    ["after the commit", ["a", "hang"]],
  ] as const)("%s: the target is aborted, nobody else is tried", async (_, script) => {
    const run = scripted([script, ["b"]]);
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error("gone")), 10);
    const { error } = await collect(run, controller.signal);
    expect(error?.code).toBe("canceled");
    expect(run.opened).toEqual([0]);
    expect(run.aborted.has(0)).toBe(true);
  });

  test("returning early stops the running target", async () => {
    const run = scripted([["a", "b", "hang"]]);
    for await (const event of withFallback(run.plan, run.call, new AbortController().signal)) {
      if (event.type === "output") break;
    }
    expect(run.aborted.has(0)).toBe(true);
  });

  test("no listener stays on the caller's signal", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await collect(scripted([[unavailable("down")], ["b"]]), signal);
    expect(listeners).toBe(0);
  });

  test("nothing is pulled ahead of the reader", async () => {
    const run = scripted([Array.from({ length: 100 }, (_, i) => `w${i}`)]);
    for await (const event of withFallback(run.plan, run.call, new AbortController().signal)) {
      if (event.type === "output") break;
    }
    expect(run.pulled.get(0)).toBeLessThanOrEqual(2);
  });
});
