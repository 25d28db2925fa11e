import { beforeEach, describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { type CallWatch, HealthMemory } from "../../src/routing/health.ts";

const provider = { id: "p", revision: "1" };
const error = (httpStatus: number, retryAfterMs?: number) =>
  new LivellmError("unavailable", httpStatus === 401 ? "provider_auth" : "provider_unavailable", "no", {
    httpStatus,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });

let nowMs = 0;
let health = new HealthMemory();
beforeEach(() => {
  nowMs = 1_000_000;
  health = new HealthMemory({ clock: () => nowMs });
});

const enter = (wish = { only: false, again: false }) => health.target(provider, "m").enter(wish);
const begin = (wish?: { only: boolean; again: boolean }): CallWatch => {
  const entered = enter(wish);
  if (entered instanceof LivellmError) throw entered;
  return entered;
};
const fail = (times: number, thrown = error(500)) => {
  for (let i = 0; i < times; i++) begin({ only: true, again: false }).failed(thrown);
};
const isOpen = () => enter() instanceof LivellmError;

describe("the breaker", () => {
  test("opens after five failures in a row, and not before", () => {
    fail(4);
    expect(isOpen()).toBe(false);
    fail(1);
    expect(enter()).toMatchObject({
      code: "unavailable",
      reason: "provider_unavailable",
      message: expect.stringContaining("p/m has failed too often"),
      facts: { retryAfterMs: 10_000 },
    });
  });

  test("begins anew with every answer", () => {
    fail(4);
    const call = begin();
    call.answered(20);
    call.succeeded();
    fail(4);
    expect(isOpen()).toBe(false);
  });

  test.each([400, 401, 403, 404, 413, 422])("does not count a %i", (status) => {
    fail(20, error(status));
    expect(isOpen()).toBe(false);
  });

  test.each([408, 429, 500, 529])("counts a %i", (status) => {
    fail(5, error(status));
    expect(isOpen()).toBe(true);
  });

  test("does not count callers who leave", () => {
    for (let i = 0; i < 20; i++) begin().left();
    expect(isOpen()).toBe(false);
  });

  test("counts streams that break after they have begun", () => {
    for (let i = 0; i < 5; i++) {
      const call = begin();
      call.answered(20);
      call.failed(new LivellmError("unavailable", "stream_broken", "gone"));
      call.succeeded(); // too late
    }
    expect(isOpen()).toBe(true);
  });

  test("lets one probe through after ten seconds, and nobody else until that is over", () => {
    fail(5);
    nowMs += 9_999;
    expect(isOpen()).toBe(true);
    nowMs += 1;
    const probe = begin();
    expect(isOpen()).toBe(true);
    probe.answered(5);
    expect(isOpen()).toBe(false);
  });

  test("waits twice as long after each probe that fails, five minutes at most", () => {
    fail(5);
    const waits: number[] = [];
    for (let i = 0; i < 7; i++) {
      const from = nowMs;
      let probe = enter();
      while (probe instanceof LivellmError) {
        nowMs += 1_000;
        probe = enter();
      }
      waits.push((nowMs - from) / 1_000);
      probe.failed(error(500));
    }
    expect(waits).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });

  test("opens again at once when an answer to the probe breaks off", () => {
    fail(5);
    nowMs += 10_000;
    const probe = begin();
    probe.answered(5);
    probe.failed(error(500));
    nowMs += 19_999;
    expect(isOpen()).toBe(true);
    nowMs += 1;
    expect(isOpen()).toBe(false);
  });

  test("gives the probe to the next when its caller leaves, or its request is refused", () => {
    fail(5);
    nowMs += 10_000;
    begin().left();
    begin().failed(error(400));
    begin().answered(1);
    expect(isOpen()).toBe(false);
  });

  test("stays open as long as the provider asks", () => {
    fail(4);
    fail(1, error(429, 60_000));
    nowMs += 59_999;
    expect(isOpen()).toBe(true);
    nowMs += 1;
    expect(isOpen()).toBe(false);
  });

  test("never keeps a call from the only one left, whose failures do not lengthen the pause", () => {
    fail(50);
    nowMs += 10_000;
    expect(isOpen()).toBe(false);
  });

  test("is of one model, and of one version of the provider", () => {
    fail(5);
    expect(health.target(provider, "other").enter({ only: false, again: false })).not.toBeInstanceOf(LivellmError);
    const changed = { ...provider, revision: "2" };
    expect(health.target(changed, "m").enter({ only: false, again: false })).not.toBeInstanceOf(LivellmError);
  });
});

describe("the budget of further attempts", () => {
  const again = { only: true, again: true };

  test("is ten, or a fifth of the calls of the last ten seconds", () => {
    for (let i = 0; i < 10; i++) expect(enter(again)).not.toBeInstanceOf(LivellmError);
    expect(enter(again)).toMatchObject({ message: expect.stringContaining("tried again too often") });
    for (let i = 0; i < 100; i++) begin();
    for (let i = 0; i < 10; i++) expect(enter(again)).not.toBeInstanceOf(LivellmError);
    expect(enter(again)).toBeInstanceOf(LivellmError);
  });

  test("comes back as time passes", () => {
    for (let i = 0; i < 11; i++) enter(again);
    nowMs += 11_000;
    expect(enter(again)).not.toBeInstanceOf(LivellmError);
  });
});

describe("the report", () => {
  const answer = (latencyMs: number) => {
    const call = begin({ only: true, again: false });
    call.answered(latencyMs);
    call.succeeded();
    nowMs += 1;
  };

  test("knows nothing of who was not called", () => {
    expect(health.report(provider)).toEqual({ status: "unknown" });
    expect(health.latencyMs(provider, "m")).toBeUndefined();
  });

  test("is healthy with answers, degraded with some failures, unhealthy with nothing else", () => {
    answer(30);
    expect(health.report(provider)).toMatchObject({ status: "healthy", latencyMs: 30 });
    fail(1);
    expect(health.report(provider)).toMatchObject({ status: "degraded", failure: { httpStatus: 500 } });
    fail(2);
    expect(health.report(provider)).toMatchObject({ status: "unhealthy" });
  });

  test("is unhealthy when the key is refused, and does not mind requests that are", () => {
    fail(1, error(400));
    expect(health.report(provider).status).toBe("unknown");
    fail(1, error(401));
    expect(health.report(provider)).toMatchObject({ status: "unhealthy", failure: { reason: "provider_auth" } });
  });

  test("forgets after five minutes", () => {
    fail(3);
    nowMs += 300_001;
    expect(health.report(provider).status).toBe("unknown");
  });

  test("tells the middle of the latencies", () => {
    for (const latencyMs of [10, 1_000, 20]) answer(latencyMs);
    expect(health.latencyMs(provider, "m")).toBe(20);
  });

  test("holds a bounded number of models", () => {
    fail(5);
    for (let i = 0; i < 1_000; i++) health.target(provider, `m${i}`).enter({ only: true, again: false });
    expect(isOpen()).toBe(false); // it has been forgotten for those that came after
  });
});
