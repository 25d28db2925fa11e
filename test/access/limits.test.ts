import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CallerLimits } from "../../src/access/caller-limits.ts";
import type { AccessToken } from "../../src/core/access.ts";
import { LivellmError } from "../../src/core/error.ts";
import { MemoryState } from "../../src/shared-state/memory-state.ts";
import { echoRequest } from "../support/echo-request.ts";
import { type AccessGateway, detailOf, startAccessGateway } from "./access-gateway.ts";
import { faces } from "./faces.ts";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const run = (secret: string, text = "one two three") => gateway.call("AgentService/Run", echoRequest(text), secret);

test.each(faces)("one call a minute is one call a minute over $name", async (face) => {
  const { secret } = await gateway.createToken({ requestsPerMinute: 1 });
  expect(await face.run(gateway.url, `Bearer ${secret}`)).toBe("ok");
  expect(await face.run(gateway.url, `Bearer ${secret}`)).toBe("resource_exhausted REASON_CALLER_LIMITED");
});

test("the limit is the token's, counts all that it calls, and says how long to wait", async () => {
  const first = await gateway.createToken({ requestsPerMinute: 2 });
  const second = await gateway.createToken({ requestsPerMinute: 2 });
  expect(await run(first.secret)).toMatchObject({ status: 200 });
  expect(await gateway.call("ProvidersService/ListProviderKinds", {}, first.secret)).toMatchObject({ status: 200 });
  const refused = await run(first.secret);
  expect(refused).toMatchObject({ status: 429, body: { code: "resource_exhausted" } });
  expect(refused.body.message).toMatch(/^the token's limit requestsPerMinute of 2 is reached: try again in \d\d s$/);
  const detail = detailOf(refused);
  expect(detail).toMatchObject({
    reason: "REASON_CALLER_LIMITED",
    metadata: { limit: "requestsPerMinute", value: "2" },
  });
  const seconds = Number.parseFloat(String(detail.retryAfter));
  expect(seconds).toBeGreaterThan(50);
  expect(seconds).toBeLessThanOrEqual(61);
  expect(await run(second.secret)).toMatchObject({ status: 200 });
});

test("who is refused for another reason has not used up a call", async () => {
  const { secret } = await gateway.createToken({ requestsPerMinute: 1 });
  expect(await gateway.call("ProvidersService/ListProviders", {}, secret)).toMatchObject({ status: 403 });
  expect(await run(secret)).toMatchObject({ status: 200 });
});

describe("tokens per minute", () => {
  test("are counted when a call has consumed them, also of the call that passes the limit", async () => {
    const { secret } = await gateway.createToken({ tokensPerMinute: 7 });
    const { body } = await run(secret);
    const { inputTokens, outputTokens } = body.usage as { readonly inputTokens: number; readonly outputTokens: number };
    expect(inputTokens + outputTokens).toBeLessThan(7);
    expect(await run(secret)).toMatchObject({ status: 200 });
    const refused = await run(secret);
    expect(refused).toMatchObject({ status: 429 });
    expect(detailOf(refused)).toMatchObject({ metadata: { limit: "tokensPerMinute", value: "7" } });
  });

  test("count for a stream that its caller leaves", async () => {
    const { secret } = await gateway.createToken({ tokensPerMinute: 1 });
    const leaving = new AbortController();
    const response = await fetch(`${gateway.url}/livellm.v1.AgentService/RunStream`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${secret}` },
      body: JSON.stringify(echoRequest("one two three", { stall_after_words: 2 })),
      signal: leaving.signal,
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ""; !text.includes("textDelta"); ) text += (await reader?.read())?.value ?? "";
    expect(await gateway.call("ProvidersService/ListProviderKinds", {}, secret)).toMatchObject({ status: 200 });
    leaving.abort();
    await expect.poll(async () => (await run(secret)).status).toBe(429);
  });
});

describe("with the time in hand", () => {
  const token = (limits: Partial<AccessToken>) => ({ id: "tok_a", ...limits }) as AccessToken;

  test("a call is let in again after as long as it was told", () => {
    let nowMs = 5_000;
    const limits = new CallerLimits(new MemoryState({ clock: () => nowMs }).as("here"));
    const two = token({ requestsPerMinute: 2 });
    limits.begin(two);
    nowMs += 20_000;
    limits.begin(two);
    nowMs += 1_000;
    const waitMs = waitOf(() => limits.begin(two));
    expect(waitMs).toBe(40_000);
    nowMs += waitMs - 1;
    expect(waitOf(() => limits.begin(two))).toBe(1);
    nowMs += 1;
    limits.begin(two);
    expect(waitOf(() => limits.begin(two))).toBe(20_000);
  });

  test("tokens that were consumed are waited for", () => {
    let nowMs = 0;
    const limits = new CallerLimits(new MemoryState({ clock: () => nowMs }).as("here"));
    const thousand = token({ tokensPerMinute: 1_000 });
    limits.begin(thousand);
    limits.spent(thousand, { inputTokens: 900, outputTokens: 99 });
    limits.begin(thousand);
    nowMs = 10_000;
    limits.spent(thousand, { outputTokens: 1 });
    expect(waitOf(() => limits.begin(thousand))).toBe(51_000);
    nowMs = 61_000;
    limits.begin(thousand);
  });
});

function waitOf(begin: () => void): number {
  try {
    begin();
  } catch (error) {
    if (error instanceof LivellmError) return error.facts.retryAfterMs ?? Number.NaN;
    throw error;
  }
  return 0;
}
