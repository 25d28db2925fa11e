import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccessGateway, adminToken, startAccessGateway } from "./access-gateway.ts";

const key = "sk-canary-41c7";
const header = "header-canary-9e02";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

type Event = Readonly<Record<string, unknown>>;

async function events(request: object = {}) {
  const { body } = await gateway.call("AccessService/ListAuditEvents", request);
  return {
    events: (body.events ?? []) as unknown as readonly Event[],
    nextPageToken: String(body.nextPageToken ?? ""),
  };
}

const latest = async () => (await events()).events[0];

const provider = { id: "p", kind: "openai-compatible", baseUrl: "https://p.example.com/v1", apiKey: key };
const route = { name: "fast", route: { targets: [{ provider: "local", model: "echo" }] } };

test("each change is written down: who, what, when and how it went", async () => {
  const before = Date.now();
  await gateway.call("ProvidersService/CreateProvider", { provider: { ...provider, headers: { "x-key": header } } });
  const created = await latest();
  expect(created).toMatchObject({
    actor: "admin",
    remoteAddress: "127.0.0.1",
    rpc: "livellm.v1.ProvidersService/CreateProvider",
    resourceId: "p",
    changedFields: ["id", "kind", "apiKey", "baseUrl", "headers"],
    outcome: "ok",
  });
  expect(Date.parse(String(created?.time))).toBeGreaterThanOrEqual(before);
  expect(created?.requestId).toMatch(/^[0-9a-f-]{36}$/);
});

test.each<[rpc: string, request: object, written: object]>([
  [
    "ProvidersService/UpdateProvider",
    { provider: { id: "p", displayName: "P" }, updateMask: "displayName,defaultModel" },
    { resourceId: "p", changedFields: ["displayName", "defaultModel"], outcome: "ok" },
  ],
  [
    "ProvidersService/UpdateProvider",
    { provider: { id: "p", displayName: "P", etag: "another" } },
    { resourceId: "p", outcome: "aborted" },
  ],
  [
    "ProvidersService/DeleteProvider",
    { id: "gone" },
    { resourceId: "gone", changedFields: undefined, outcome: "not_found" },
  ],
  ["ProvidersService/DeleteProvider", { id: "p" }, { resourceId: "p", outcome: "ok" }],
  ["RoutesService/CreateRoute", { route }, { resourceId: "fast", changedFields: ["name", "route"], outcome: "ok" }],
  ["RoutesService/UpdateRoute", { route: { name: "fast", displayName: "F" } }, { resourceId: "fast", outcome: "ok" }],
  ["RoutesService/DeleteRoute", { name: "fast" }, { resourceId: "fast", outcome: "ok" }],
])("%s %j", async (rpc, request, written) => {
  await gateway.call(rpc, request);
  const event = (await latest()) ?? {};
  for (const [name, value] of Object.entries({ rpc: `livellm.v1.${rpc}`, ...written })) {
    expect([name, event[name]]).toEqual([name, value]);
  }
});

test("tokens too, by their ids", async () => {
  const { id } = await gateway.createToken({ displayName: "x", requestsPerMinute: 5 });
  expect(await latest()).toMatchObject({ resourceId: id, changedFields: ["displayName", "requestsPerMinute"] });
  await gateway.call("AccessService/UpdateToken", { token: { id, disabled: true } });
  expect(await latest()).toMatchObject({ resourceId: id, rpc: "livellm.v1.AccessService/UpdateToken" });
  await gateway.call("AccessService/RevokeToken", { id });
  expect(await latest()).toMatchObject({ resourceId: id, rpc: "livellm.v1.AccessService/RevokeToken", outcome: "ok" });
});

test("what changes nothing is not written down, nor what was not let in", async () => {
  const before = await latest();
  const { secret } = await gateway.createToken();
  const created = await latest();
  expect(created).not.toEqual(before);
  await gateway.call("ProvidersService/ListProviders", {});
  await gateway.call("ProvidersService/CreateProvider", { provider, validateOnly: true });
  await gateway.call("RoutesService/CreateRoute", { route, validateOnly: true });
  await gateway.call("RoutesService/CreateRoute", { route: { name: "-" } });
  await gateway.call("RoutesService/CreateRoute", { route }, secret);
  await gateway.call("RoutesService/CreateRoute", { route }, undefined);
  expect(await latest()).toEqual(created);
});

test("a line of the log says the same", async () => {
  await gateway.call("RoutesService/DeleteRoute", { name: "never-there" });
  const lines = gateway
    .log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly audit?: Event });
  const { id, time, ...event } = (await latest()) ?? {};
  expect(lines.findLast(({ audit }) => audit)?.audit).toMatchObject(event);
});

test("the list pages, the latest first, whatever is added meanwhile", async () => {
  const all = (await events()).events;
  const pages: Event[] = [];
  for (let pageToken = "", first = true; first || pageToken !== ""; first = false) {
    const page = await events({ pageSize: 3, pageToken });
    pages.push(...page.events);
    pageToken = page.nextPageToken;
    if (first) await gateway.createToken();
  }
  expect(pages).toEqual(all);
  const refused = await gateway.call("AccessService/ListAuditEvents", { pageToken: "x" });
  expect(refused.status).toBe(400);
});

test("no secret is in it, nor in the log", async () => {
  const told = JSON.stringify(await events({ pageSize: 1000 })) + gateway.log();
  expect(told).toContain("CreateProvider");
  for (const secret of [key, header, adminToken]) expect(told).not.toContain(secret);
});
