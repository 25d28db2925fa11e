import { describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import type { Usage } from "../../src/core/usage.ts";
import { withFallback } from "../../src/routing/fallback.ts";
import type { Plan, PlannedTarget, ReadyTarget } from "../../src/routing/plan.ts";

/** What a target does: says a word, tells its usage, throws, or waits for ever. */
type Step = string | { readonly usage: Usage } | LivellmError | "hang";

const down = new LivellmError("unavailable", "provider_unavailable", "down");
const told = (inputTokens: number) => ({ usage: { inputTokens } });

/** Runs a plan to its end, or until `leaveAfter` outputs were read, and lists what was spent. */
async function spentBy(scripts: readonly (readonly Step[])[], { parallel = false, leaveAfter = Infinity } = {}) {
  const spent: Usage[] = [];
  const plan: Plan<"chat"> = {
    targets: scripts.map(target),
    strategy: parallel ? "parallel" : "sequential",
    stallTimeoutMs: 5_000,
    staggerMs: 0,
    spent: (usage) => spent.push(usage),
    [Symbol.dispose]() {},
  };
  const open = ({ index }: ReadyTarget<"chat">, signal: AbortSignal) => play(scripts[index] ?? [], signal);
  const role = () => "commits" as const;
  /** A word is a token, where the target does not tell. */
  const meter = () => {
    let words = 0;
    return { see: () => void words++, estimate: () => ({ outputTokens: words }) };
  };
  let read = 0;
  try {
    for await (const { type } of withFallback(plan, { open, role, meter }, new AbortController().signal)) {
      if (type === "output" && ++read >= leaveAfter) break;
    }
  } catch (error) {
    if (!(error instanceof LivellmError)) throw error;
  }
  return spent;
}

function target(_: unknown, index: number): PlannedTarget<"chat"> {
  const use = { ready: true as const, capability: { stream: () => [] as never } };
  return { index, provider: `p${index}`, kind: "k", model: "m", voice: "", options: {}, attemptTimeoutMs: 5_000, use };
}

async function* play(script: readonly Step[], signal: AbortSignal): AsyncGenerator<Step> {
  for (const step of script) {
    if (step instanceof LivellmError) throw step;
    if (step === "hang")
      await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    else yield step;
  }
}

describe("what attempts have consumed is told, once for each", () => {
  test("as the provider tells it", async () => {
    expect(await spentBy([["a", "b", told(7)]])).toEqual([{ inputTokens: 7 }]);
  });

  test("nothing for a target that failed before it answered", async () => {
    expect(await spentBy([[down], ["a", told(7)]])).toEqual([{ inputTokens: 7 }]);
    expect(await spentBy([[down]])).toEqual([]);
  });

  test("an estimate for an answer that broke off", async () => {
    expect(await spentBy([["a", "b", down]])).toEqual([{ outputTokens: 2, estimated: true }]);
  });

  test("an estimate for a caller that left", async () => {
    expect(await spentBy([["a", "b", "hang"]], { leaveAfter: 2 })).toEqual([{ outputTokens: 2, estimated: true }]);
  });

  test("for those that lost a race too", async () => {
    const spent = await spentBy([["hang"], ["a", told(7)]], { parallel: true });
    expect(spent).toHaveLength(2);
    expect(spent).toEqual(expect.arrayContaining([{ inputTokens: 7 }, { outputTokens: 0, estimated: true }]));
  });
});
