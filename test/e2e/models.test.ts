import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type GrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { callJson, createProvider } from "../support/json-call.ts";

/** A vendor that lists its models and answers with its own name. */
function vendorOf(name: string, ...models: readonly string[]): Promise<ChatVendor> {
  return startChatVendor(answerWith("from ", name), models);
}

let gateway: Gateway;
let client: GrpcClient;
let north: ChatVendor;
let south: ChatVendor;
let isDown = false;
let broken: ChatVendor;

beforeAll(async () => {
  gateway = await startGateway();
  client = createGrpcClient(gateway.url);
  north = await vendorOf("north", "north-large", "shared-model");
  south = await vendorOf("south", "south-small", "shared-model");
  broken = await startChatVendor((call) =>
    isDown ? call.reply(503, { error: { message: "down" } }) : answerWith("from ", "the risen")(call),
  );
  for (const [id, { baseUrl }] of Object.entries({ north, south })) {
    await createProvider(gateway.url, { id, kind: "openai-compatible", baseUrl });
  }
});
afterAll(async () => {
  client[Symbol.dispose]();
  for (const vendor of [north, south, broken]) await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

const ask = (route: object) => client.unary("AgentService/Run", { route, messages: [{ text: "Who are you?" }] });
const attemptsOf = ({ routeResult }: LoadedMessage) =>
  ((routeResult as LoadedMessage).attempts as readonly LoadedMessage[]).map(({ provider, outcome }) => [
    provider,
    outcome,
  ]);

describe("a target that names only a model", () => {
  test.each([
    ["north-large", "north"],
    ["south-small", "south"],
    ["shared-model", "north"],
    ["south/shared-model", "south"],
  ])("%s goes to %s, who lists it", async (model, provider) => {
    const answer = await ask({ targets: [{ model }] });
    expect(answer).toMatchObject({ text: `from ${provider}`, routeResult: { provider } });
  });

  test("as plain JSON, and nothing else said", async () => {
    const request = { route: { targets: [{ model: "south-small" }] }, messages: [{ text: "Hi" }] };
    const { body } = await callJson(gateway.url, "AgentService/Run", request);
    expect(body).toMatchObject({ text: "from south", routeResult: { provider: "south" } });
  });

  test("that nobody has is not found, with near names", async () => {
    const failure = await failureOf(ask({ targets: [{ model: "north-larger" }] }));
    expect(failure.code).toBe(5);
    expect(failure.message).toContain("north-large");
  });
});

describe("ModelsService", () => {
  test("lists the models of every provider, and gives one", async () => {
    const { body } = await callJson(gateway.url, "ModelsService/ListModels", {});
    const ids = ((body.models ?? []) as JsonObject[]).map(({ provider, id }) => `${provider}/${id}`);
    expect(ids).toEqual(expect.arrayContaining(["local/echo", "north/north-large", "south/shared-model"]));
    const one = await callJson(gateway.url, "ModelsService/GetModel", { provider: "north", id: "north-large" });
    expect(one.body.model).toMatchObject({ provider: "north", id: "north-large", providerKind: "openai-compatible" });
  });

  test("finds a model that runs here and speaks, and a target to send with the next request", async () => {
    const requirements = { capabilities: ["CAPABILITY_SPEAK"], local: true };
    const { body } = await callJson(gateway.url, "ModelsService/FindBestModel", { requirements });
    expect(body.models).toMatchObject([{ provider: "local", id: "flite" }]);
    const [target] = body.targets as JsonObject[];
    const spoken = await client.unary("AudioService/Speak", { route: { targets: [target] }, text: "Found." });
    expect((spoken.audio as Buffer).length).toBeGreaterThan(1000);
  });

  test("names the requirement that nobody meets", async () => {
    const requirements = { minContextWindow: 2_000_000_000 };
    const { status, body } = await callJson(gateway.url, "ModelsService/FindBestModel", { requirements });
    expect([status, body.code]).toEqual([404, "not_found"]);
    expect(String(body.message)).toMatch(/context/i);
  });
});

test("a provider that fails ten times is skipped next, and comes back by itself", { timeout: 60_000 }, async () => {
  await createProvider(gateway.url, { id: "shaky", kind: "openai-compatible", baseUrl: broken.baseUrl });
  const route = {
    targets: [
      { provider: "shaky", model: "m-1" },
      { provider: "north", model: "north-large" },
    ],
  };
  isDown = true;
  for (let i = 0; i < 10; i++) expect((await ask(route)).text).toBe("from north");
  const called = broken.calls.length;
  expect(attemptsOf(await ask(route))).toEqual([
    ["shaky", "OUTCOME_SKIPPED"],
    ["north", "OUTCOME_ANSWERED"],
  ]);
  expect(broken.calls.length, "the dead provider was not called").toBe(called);
  expect(called).toBeLessThan(10);
  const health = await callJson(gateway.url, "ProvidersService/CheckHealth", { provider: "shaky" });
  expect(health.body.providers).toMatchObject([{ provider: "shaky", status: "STATUS_UNHEALTHY" }]);

  await expect(ask({ targets: [route.targets[0]] }), "never skipped when it is the only one").rejects.toThrow();
  isDown = false;
  await expect.poll(async () => (await ask(route)).text, { timeout: 45_000, interval: 500 }).toBe("from the risen");
});
