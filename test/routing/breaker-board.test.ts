import { afterEach, beforeEach, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { BreakerBoard } from "../../src/routing/breaker-board.ts";
import { usualBreaker } from "../../src/routing/circuit-breaker.ts";
import { type CallWatch, HealthMemory } from "../../src/routing/health.ts";
import { MemoryState } from "../../src/shared-state/memory-state.ts";
import { createSharedState, type SharedState } from "../../src/shared-state/shared-state.ts";

const down = new LivellmError("unavailable", "provider_unavailable", "it does not answer");
const wish = { only: false, again: false };
const provider = { id: "vendor", revision: "1" };

/** Two processes that count together, and the time in hand. */
let nowMs = 0;
let counts: MemoryState;
let processes: readonly Process[];

interface Process {
  readonly shared: SharedState;
  readonly board: BreakerBoard;
  readonly health: HealthMemory;
}

async function startProcess(name: string): Promise<Process> {
  const remote = counts.as(name);
  const shared = await createSharedState({
    // Over there: every answer comes later.
    remote: () => ({
      ...remote,
      openBreakers: async () => remote.openBreakers(),
      claimProbe: async (model) => remote.claimProbe(model),
    }),
    leaseMs: 60_000,
    onLost: () => undefined,
    onConnected: () => undefined,
  });
  if (!shared.breakers) throw new Error("no breakers are shared");
  const board = new BreakerBoard({ shared: shared.breakers, clock: () => nowMs, intervalMs: 3_600_000 });
  return { shared, board, health: new HealthMemory({ clock: () => nowMs, board }) };
}

beforeEach(async () => {
  nowMs = 0;
  counts = new MemoryState({ clock: () => nowMs });
  processes = [await startProcess("one"), await startProcess("two")];
});

afterEach(async () => {
  for (const { board, shared } of processes) {
    board[Symbol.dispose]();
    await shared.close();
  }
});

function enter(index: number, version = provider): CallWatch | LivellmError {
  const { health } = processes[index] as Process;
  return health.target(version, "m").enter(wish);
}

function begin(index: number): CallWatch {
  const entered = enter(index);
  if (entered instanceof LivellmError) throw entered;
  return entered;
}

function isKeptOut(index: number): boolean {
  return enter(index) instanceof LivellmError;
}

function look(): Promise<unknown> {
  return Promise.all(processes.map(({ board }) => board.look()));
}

function openIn(index: number): void {
  for (let i = 0; i < usualBreaker.failures; i++) begin(index).failed(down);
}

/** Answers that come later have come. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("what one has found out keeps the calls of the other away, for as long as its own", async () => {
  openIn(0);
  expect(isKeptOut(1)).toBe(false);
  nowMs += 500;
  await look();
  expect(isKeptOut(0)).toBe(true);
  const refusal = enter(1);
  expect(refusal).toMatchObject({ facts: { retryAfterMs: usualBreaker.firstPauseMs - 500 } });
});

test("another revision of the provider is another model", async () => {
  openIn(0);
  await look();
  expect(enter(1, { id: "vendor", revision: "2" })).not.toBeInstanceOf(LivellmError);
});

test("when the pause is over one of them probes, and its answer opens both", async () => {
  openIn(0);
  await look();
  nowMs += usualBreaker.firstPauseMs;
  await look();
  expect([isKeptOut(0), isKeptOut(1)]).toEqual([true, true]);
  await settled();
  const probe = begin(0);
  expect([isKeptOut(0), isKeptOut(1)]).toEqual([true, true]);
  probe.answered(10);
  probe.succeeded();
  expect(isKeptOut(0)).toBe(false);
  expect(isKeptOut(1)).toBe(true);
  await look();
  expect(isKeptOut(1)).toBe(false);
});

test("a probe that fails makes the pause longer for both", async () => {
  openIn(0);
  await look();
  nowMs += usualBreaker.firstPauseMs;
  enter(1);
  await settled();
  begin(1).failed(down);
  await look();
  expect(enter(0)).toMatchObject({ facts: { retryAfterMs: 2 * usualBreaker.firstPauseMs } });
});

test("one that had only heard of it is closed on trial: its first failure opens it for longer", async () => {
  openIn(0);
  await look();
  isKeptOut(1);
  nowMs += usualBreaker.firstPauseMs;
  enter(0);
  await settled();
  begin(0).answered(10);
  await look();
  begin(1).failed(down);
  expect(enter(1)).toMatchObject({ facts: { retryAfterMs: 2 * usualBreaker.firstPauseMs } });
});

test("what was looked up before a breaker closed does not open it again", async () => {
  openIn(0);
  await look();
  nowMs += usualBreaker.firstPauseMs;
  enter(0);
  await settled();
  const probe = begin(0);
  const underWay = look();
  probe.answered(10);
  await underWay;
  expect(isKeptOut(0)).toBe(false);
});

test("a probe whose process is gone is made by another when its claim is over", async () => {
  openIn(0);
  await look();
  nowMs += usualBreaker.firstPauseMs;
  enter(0);
  await settled();
  begin(0);
  await look();
  enter(1);
  await settled();
  expect(isKeptOut(1)).toBe(true);
  nowMs += 16_000;
  enter(1);
  await settled();
  expect(isKeptOut(1)).toBe(false);
});
