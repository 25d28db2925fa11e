import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { answerWith, startChatVendor } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { type Gateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { callJson } from "../support/json-call.ts";

/** Words that must not be found anywhere but at the vendor. */
const apiKey = "sk-canary-3f1b9c77d2";
const headerValue = "canary-header-a81e55";
const inlineKey = "sk-canary-inline-90aa";

const folder = temporaryFolder();
const env = { LOG_LEVEL: "trace" };
const answers: string[] = [];

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Calls, and keeps the answer for the search at the end. */
async function call(gateway: Gateway, method: string, request: object) {
  const answer = await callJson(gateway.url, method, request);
  answers.push(JSON.stringify(answer.body));
  return answer;
}

test("providers survive a restart, with keys that work and are seen nowhere", async () => {
  await using vendor = await startChatVendor(answerWith("Hello"));
  const provider = {
    id: "vendor",
    kind: "openai-compatible",
    baseUrl: vendor.baseUrl,
    apiKey,
    headers: { "x-team": headerValue },
    labels: { stage: "test" },
  };

  const first = await startGateway({ folder, env });
  const created = await call(first, "ProvidersService/CreateProvider", { provider });
  expect(created.status).toBe(200);
  expect(
    await call(first, "ProvidersService/CreateProvider", { provider: { ...provider, id: "to-delete" } }),
  ).toMatchObject({
    status: 200,
  });
  const updated = await call(first, "ProvidersService/UpdateProvider", {
    provider: { id: "vendor", displayName: "Changed" },
    updateMask: "displayName",
  });
  expect(updated.body.provider).toMatchObject({ displayName: "Changed" });
  expect(await call(first, "ProvidersService/DeleteProvider", { id: "to-delete" })).toMatchObject({ status: 200 });
  expect(await first.stop()).toBe(0);

  const second = await startGateway({ folder, env });
  const { body } = await call(second, "ProvidersService/GetProvider", { id: "vendor" });
  expect(body.provider).toEqual(updated.body.provider);
  expect(body.provider).toMatchObject({ headerNames: ["x-team"], labels: { stage: "test" } });
  expect(await call(second, "ProvidersService/GetProvider", { id: "to-delete" })).toMatchObject({ status: 404 });

  const run = await call(second, "AgentService/Run", requestTo([{ provider: "vendor", model: "m-1" }]));
  expect(run.body).toMatchObject({ text: "Hello" });
  expect(vendor.calls[0]?.headers).toMatchObject({ authorization: `Bearer ${apiKey}`, "x-team": headerValue });

  const inlineProvider = { kind: "openai-compatible", apiKey: inlineKey, baseUrl: vendor.baseUrl };
  expect(await call(second, "AgentService/Run", requestTo([{ inlineProvider, model: "m-1" }]))).toMatchObject({
    status: 200,
  });
  expect(vendor.calls[1]?.headers.authorization).toBe(`Bearer ${inlineKey}`);
  expect(await second.stop()).toBe(0);

  const files = readdirSync(path.join(folder, "data")).map((name) =>
    readFileSync(path.join(folder, "data", name), "latin1"),
  );
  expect(files.length).toBeGreaterThan(1);
  for (const text of [...files, ...answers, first.output(), second.output()]) {
    for (const secret of [apiKey, headerValue, inlineKey])
      expect(text.includes(secret), text.slice(0, 200)).toBe(false);
  }
});

test("a vendor that repeats the key in its error does not put it into ours", async () => {
  await using vendor = await startChatVendor((request) =>
    request.reply(401, { error: { message: `Incorrect API key provided: ${request.headers.authorization}` } }),
  );
  await using gateway = await startGateway({ env });
  const inlineProvider = { kind: "openai-compatible", apiKey: inlineKey, baseUrl: vendor.baseUrl };
  const { status, body } = await callJson(
    gateway.url,
    "AgentService/Run",
    requestTo([{ inlineProvider, model: "m-1" }]),
  );
  expect(status).toBe(400);
  expect(body).toMatchObject({ code: "failed_precondition" });
  expect(vendor.calls[0]?.headers.authorization).toContain(inlineKey);
  expect(JSON.stringify(body) + gateway.output()).not.toContain(inlineKey);
});
