import { describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { ask, failing, startModelsGateway } from "./models-gateway.ts";

const down = (facts = {}) => new LivellmError("unavailable", "provider_unavailable", "it is down", facts);
const toA = ask({ targets: [{ provider: "a", model: "m" }] });
const toBoth = ask({
  targets: [
    { provider: "a", model: "m" },
    { provider: "b", model: "m" },
  ],
});

async function startPair() {
  const state = { broken: true };
  const gateway = await startModelsGateway({
    a: { lists: [{ id: "m" }], answers: failing(() => (state.broken ? down({ httpStatus: 503 }) : undefined)) },
    b: { lists: [{ id: "m" }] },
  });
  return { gateway, state };
}

describe("a provider that fails ten times", () => {
  test("is skipped by the next call, listed without being announced, and comes back by itself", async () => {
    const { gateway, state } = await startPair();
    await using _closing = gateway;
    for (let i = 0; i < 10; i++) expect((await gateway.call("AgentService/Run", toA)).status).toBe(503);
    expect(gateway.called).toHaveLength(10); // never skipped while it is the only one

    const skipped = await gateway.call("AgentService/Run", toBoth);
    expect(gateway.called.at(-1)).toBe("b/m");
    expect(gateway.called).toHaveLength(11);
    expect(skipped.body).toMatchObject({
      routeResult: {
        provider: "b",
        attempts: [
          { provider: "a", outcome: "OUTCOME_SKIPPED" },
          { provider: "b", outcome: "OUTCOME_ANSWERED" },
        ],
      },
    });

    state.broken = false;
    gateway.pass(9_000);
    await gateway.call("AgentService/Run", toBoth);
    expect(gateway.called.at(-1)).toBe("b/m");
    gateway.pass(1_000);
    const back = await gateway.call("AgentService/Run", toBoth);
    expect(back.body).toMatchObject({ routeResult: { provider: "a" } });
  });

  test("is not announced in a stream when it is skipped", async () => {
    const { gateway } = await startPair();
    await using _closing = gateway;
    for (let i = 0; i < 5; i++) await gateway.call("AgentService/Run", toA);
    const response = await fetch(`${gateway.url}/livellm.v1.AgentService/RunStream`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/x-ndjson" },
      body: JSON.stringify(toBoth),
    });
    const stream = await response.text();
    expect(stream).not.toContain("attemptFailed");
    expect(stream).toContain("OUTCOME_SKIPPED");
    expect(stream).toContain("b says hello");
  });

  test("costs one call when it is still down, and then twice the pause", async () => {
    const { gateway } = await startPair();
    await using _closing = gateway;
    for (let i = 0; i < 5; i++) await gateway.call("AgentService/Run", toA);
    const callsOfA = () => gateway.called.filter((name) => name === "a/m").length;
    for (const pause of [10_000, 20_000]) {
      gateway.pass(pause);
      const before = callsOfA();
      for (let i = 0; i < 3; i++) await gateway.call("AgentService/Run", toBoth);
      expect(callsOfA()).toBe(before + 1);
    }
  });
});

describe("CheckHealth", () => {
  const check = async (gateway: Awaited<ReturnType<typeof startPair>>["gateway"], request: object) => {
    const { body } = await gateway.call("ProvidersService/CheckHealth", request);
    return (body as { providers: Record<string, unknown>[] }).providers;
  };

  test("tells what the calls have shown, by provider", async () => {
    const { gateway } = await startPair();
    await using _closing = gateway;
    expect(await check(gateway, {})).toMatchObject([
      { provider: "a", status: "STATUS_UNKNOWN" },
      { provider: "b", status: "STATUS_UNKNOWN" },
    ]);
    await gateway.call("AgentService/Run", toBoth);
    const [a, b] = await check(gateway, {});
    expect(a).toMatchObject({
      status: "STATUS_UNHEALTHY",
      failure: { reason: "REASON_PROVIDER_UNAVAILABLE", httpStatus: 503 },
      checkTime: "2026-11-20T00:00:00Z",
    });
    expect(b).toMatchObject({ status: "STATUS_HEALTHY", latencyMs: expect.any(Number) });
    expect(b).not.toHaveProperty("failure");
    expect(await check(gateway, { provider: "b" })).toHaveLength(1);
    expect(await gateway.call("ProvidersService/CheckHealth", { provider: "c" })).toMatchObject({ status: 404 });
  });

  test("asks now when it is told to, without calling a model", async () => {
    const refused = new LivellmError("failed_precondition", "provider_auth", "the key is refused", { httpStatus: 401 });
    await using gateway = await startModelsGateway({
      badKey: { lists: async () => Promise.reject(refused) },
      fine: { lists: [] },
      listless: {},
      off: { lists: [], config: { disabled: true } },
    });
    const [badKey, fine, listless, off] = await check(gateway, { probe: true });
    expect(badKey).toMatchObject({ status: "STATUS_UNHEALTHY", failure: { reason: "REASON_PROVIDER_AUTH" } });
    expect(fine).toMatchObject({ provider: "fine", status: "STATUS_HEALTHY" });
    expect(listless).toMatchObject({ provider: "listless", status: "STATUS_UNKNOWN" });
    expect(off).toMatchObject({ provider: "off", status: "STATUS_DISABLED" });
    expect(gateway.called).toEqual([]);
  });
});
