import { afterAll, beforeAll, expect, test } from "vitest";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type GrpcClient } from "../support/grpc-client.ts";
import { callJson } from "../support/json-call.ts";

let gateway: Gateway;
let client: GrpcClient;

beforeAll(async () => {
  gateway = await startGateway();
  client = createGrpcClient(gateway.url);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await gateway.stop();
});

const echo = { provider: "local", model: "echo" };
const ask = (name: string) => client.unary("AgentService/Run", { route: { name }, messages: [{ text: "Hello!" }] });

test("a client that sends only a route's name is served, and told who answered", async () => {
  const route = { name: "fast", displayName: "Whatever is fast", route: { targets: [echo] } };
  await client.unary("RoutesService/CreateRoute", { route });
  expect(await ask("fast")).toMatchObject({ text: "Hello!", routeResult: { provider: "local", model: "echo" } });
  const request = { route: { name: "fast" }, messages: [{ text: "As JSON" }] };
  expect((await callJson(gateway.url, "AgentService/Run", request)).body).toMatchObject({ text: "As JSON" });
});

test("a named route speaks as well as it chats", async () => {
  const route = { name: "voice", route: { targets: [{ provider: "local", model: "flite", voice: "rms" }] } };
  await client.unary("RoutesService/CreateRoute", { route });
  const { audio } = await client.unary("AudioService/Speak", { route: { name: "voice" }, text: "Hello." });
  expect((audio as Buffer).length).toBeGreaterThan(1000);
});

test("what the administrator changes is what the next call gets", async () => {
  const failing = { ...echo, options: { fail_before: "rate_limited" } };
  const created = await callJson(gateway.url, "RoutesService/CreateRoute", {
    route: { name: "moving", route: { targets: [failing] } },
  });
  expect(created.status).toBe(200);
  expect((await failureOf(ask("moving"))).code).toBe(8);
  const update = { route: { name: "moving", route: { targets: [failing, echo] } }, updateMask: "route" };
  expect((await callJson(gateway.url, "RoutesService/UpdateRoute", update)).status).toBe(200);
  expect(await ask("moving")).toMatchObject({ text: "Hello!", routeResult: { targetIndex: 1 } });
  const { body } = await callJson(gateway.url, "RoutesService/ListRoutes", {});
  expect(body.routes).toMatchObject(expect.arrayContaining([expect.objectContaining({ name: "moving" })]));
  await callJson(gateway.url, "RoutesService/DeleteRoute", { name: "moving" });
  expect((await failureOf(ask("moving"))).code).toBe(5);
});

const call = (method: string, request: object) => callJson(gateway.url, method, request);

test("a provider that was deleted is one target that fails, and not the route that names it", async () => {
  await call("ProvidersService/CreateProvider", { provider: { id: "leaving", kind: "local" } });
  const targets = [{ provider: "leaving", model: "echo" }, { model: "nobody-has-this" }, echo];
  expect((await call("RoutesService/CreateRoute", { route: { name: "left", route: { targets } } })).status).toBe(200);
  await call("ProvidersService/DeleteProvider", { id: "leaving" });
  const answer = await ask("left");
  expect(answer).toMatchObject({
    text: "Hello!",
    routeResult: {
      targetIndex: 2,
      attempts: [
        {
          provider: "leaving",
          outcome: "OUTCOME_FAILED",
          failure: {
            reason: "REASON_NOT_FOUND",
            message: 'there is no provider "leaving", which this server\'s settings name',
          },
        },
        { targetIndex: 1, outcome: "OUTCOME_FAILED", failure: { reason: "REASON_NOT_FOUND" } },
        { outcome: "OUTCOME_ANSWERED" },
      ],
    },
  });
  const route = { name: "left", route: { targets: [{ provider: "leaving", model: "echo" }] } };
  await call("ProvidersService/CreateProvider", { provider: { id: "leaving", kind: "local" } });
  await call("RoutesService/UpdateRoute", { route });
  await call("ProvidersService/DeleteProvider", { id: "leaving" });
  expect((await failureOf(ask("left"))).code).toBe(5);
});

test("a fallback that is not there keeps nobody from the model that it is for", async () => {
  const models = [{ model: "echo", fallbacks: [{ provider: "nobody" }, { provider: "local", model: "echo" }] }];
  await call("ProvidersService/CreateProvider", { provider: { id: "backed", kind: "local", models } });
  const run = (options: object) =>
    call("AgentService/Run", {
      route: { targets: [{ provider: "backed", model: "echo", options }] },
      messages: [{ text: "Hello!" }],
    });
  expect(await run({})).toMatchObject({ status: 200, body: { routeResult: { provider: "backed" } } });
  expect(await run({ fail_before: "network" })).toMatchObject({
    status: 200,
    body: { routeResult: { provider: "local", targetIndex: 2 } },
  });
});

test("a name that there is not is not found, with near names", async () => {
  const failure = await failureOf(ask("fasst"));
  expect(failure.code).toBe(5);
  expect(failure.message).toContain("fast");
});
