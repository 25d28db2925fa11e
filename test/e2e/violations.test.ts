import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";

let gateway: Gateway;
beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(() => gateway.stop());

test("a request that is wrong in several ways, in fields and between them, is told all of it at once", async () => {
  const { status, fields } = await run({
    route: { targets: [{ provider: "local", model: "echo", attemptTimeout: "0s" }] },
    messages: [{ role: "tool", parts: [{ toolResult: { toolCallId: "nobody", text: "4" } }] }],
    config: {
      generation: { temperature: 9 },
      toolChoice: { toolNames: ["absent"] },
      outputFormat: { jsonSchema: { schema: { type: "objekt" } } },
    },
  });
  expect(status).toBe(400);
  expect(fields).toEqual(
    expect.arrayContaining([
      "route.targets[0].attemptTimeout",
      "config.generation.temperature",
      "messages[0].parts[0].toolResult.toolCallId",
      "config.toolChoice.toolNames[0]",
      "config.outputFormat.jsonSchema.schema",
    ]),
  );
});

test("a provider given in a request is told what of it cannot be sent, and no connection is tried", async () => {
  const inlineProvider = {
    kind: "openai-compatible",
    apiKey: "sk-canary\n",
    baseUrl: "http://me:canary@127.0.0.1:9/v1",
    headers: { host: "x", "x-a": "canary\n", "x canary": "y", "x-b": "1", "X-B": "2" },
  };
  const { status, fields, text } = await run({
    route: { targets: [{ provider: "local" }, { model: "m", inlineProvider }] },
    messages: [{ text: "hi" }],
  });
  expect(status).toBe(400);
  expect(fields).toEqual([
    "route.targets[1].inlineProvider.apiKey",
    "route.targets[1].inlineProvider.baseUrl",
    'route.targets[1].inlineProvider.headers["host"]',
    'route.targets[1].inlineProvider.headers["x-a"]',
    "route.targets[1].inlineProvider.headers",
    'route.targets[1].inlineProvider.headers["X-B"]',
  ]);
  expect(text).not.toContain("canary");
});

test("an option that a provider does not take is found at its place in the route", async () => {
  const options = { model: "other", pace_ms: 1 };
  const targets = [
    { provider: "local", model: "echo", options: { fail_before: "network" } },
    { provider: "local", model: "echo", options },
  ];
  const { status, fields, message } = await run({ route: { targets }, messages: [{ text: "hi" }] });
  expect([status, fields]).toEqual([400, ["route.targets[1].options.model"]]);
  expect(message).toMatch(/^route\.targets\[1\]\.options\.model: /);
});

test("default options that a provider does not take are no fault of the caller, and the next target is tried", async () => {
  const provider = { id: "misconfigured", kind: "local", defaultOptions: { repeat: 2, no_such: 1 } };
  await call("ProvidersService/CreateProvider", { provider });
  const target = { provider: "misconfigured", model: "echo" };
  const alone = await run({ route: { targets: [target] }, messages: [{ text: "hi" }] });
  expect([alone.status, alone.fields]).toEqual([400, undefined]);
  expect(alone.message).toMatch(/^the defaultOptions of the provider misconfigured cannot be used: no_such /);
  const { status } = await run({ route: { targets: [target, { provider: "local" }] }, messages: [{ text: "hi" }] });
  expect(status).toBe(200);
  const own = await run({ route: { targets: [{ ...target, options: { no_such: 2 } }] }, messages: [{ text: "hi" }] });
  expect(own.fields).toEqual(["route.targets[0].options.no_such"]);
});

test("a provider and a route that are to be added, wrong in form and in content, are told all of it", async () => {
  const headers = { host: "x" };
  const provider = { id: "not an id", kind: "opneai", baseUrl: "http://me:secret@host/v1", headers };
  expect((await call("ProvidersService/CreateProvider", { provider })).fields).toEqual([
    "provider.id",
    "provider.kind",
    "provider.baseUrl",
    'provider.headers["host"]',
  ]);
  const route = { targets: [{ provider: "nobody" }, { inlineProvider: { kind: "openai" } }] };
  expect((await call("RoutesService/CreateRoute", { route: { name: "not a name", route } })).fields).toEqual([
    "route.name",
    "route.route.targets[0].provider",
    "route.route.targets[1].inlineProvider",
  ]);
});

const run = (request: object) => call("AgentService/Run", request);

async function call(method: string, request: object) {
  const answer = await fetch(`${gateway.url}/livellm.v1.${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(request),
  });
  const text = await answer.text();
  const { message, details } = JSON.parse(text) as {
    message: string;
    details?: { debug: { fieldViolations?: { field: string }[] } }[];
  };
  const fields = details?.[0]?.debug.fieldViolations?.map(({ field }) => field);
  return { status: answer.status, fields, message, text };
}
