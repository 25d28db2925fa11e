import { describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { ask, failing, startModelsGateway } from "./models-gateway.ts";

const scripts = { a: { lists: [{ id: "m" }] }, b: { lists: [{ id: "n" }] } };

const fast = {
  name: "fast",
  displayName: "Fast",
  route: {
    targets: [
      { provider: "a", model: "m" },
      { provider: "b", model: "n" },
    ],
    attemptTimeout: "3s",
  },
  labels: { team: "voice" },
};

type Gateway = Awaited<ReturnType<typeof startModelsGateway>>;
const create = (gateway: Gateway, route: object = fast) => gateway.call("RoutesService/CreateRoute", { route });
const routeOf = (answer: { body: object }) => (answer.body as { route: { etag: string; updateTime: string } }).route;

describe("a route by name", () => {
  test("is served by its targets, and the answer says which model was used", async () => {
    await using gateway = await startModelsGateway(scripts);
    await create(gateway);
    const { status, body } = await gateway.call("AgentService/Run", ask({ name: "fast" }));
    expect(status).toBe(200);
    expect(body).toMatchObject({ text: "a says hello", routeResult: { provider: "a", model: "m", targetIndex: 0 } });
  });

  test("falls back within its targets", async () => {
    const down = failing(() => new LivellmError("unavailable", "provider_unavailable", "down"));
    await using gateway = await startModelsGateway({ ...scripts, a: { lists: [{ id: "m" }], answers: down } });
    await create(gateway);
    const { body } = await gateway.call("AgentService/Run", ask({ name: "fast" }));
    expect(body).toMatchObject({ routeResult: { provider: "b", targetIndex: 1 } });
  });

  test("gives way to what the call sets", async () => {
    await using gateway = await startModelsGateway({
      a: { abilities: { chat: { stream: (_, signal) => untilAborted(signal) } } },
    });
    await create(gateway, {
      name: "slow",
      route: { targets: [{ provider: "a", model: "m" }], attemptTimeout: "600s" },
    });
    const { status, body } = await gateway.call("AgentService/Run", ask({ name: "slow", attemptTimeout: "0.02s" }));
    expect(status).toBe(503);
    expect(body.message).toContain("within its attempt timeout of 0.02 s");
  });

  test("may name models alone", async () => {
    await using gateway = await startModelsGateway(scripts);
    await create(gateway, { name: "any", route: { targets: [{ model: "n" }] } });
    expect((await gateway.call("AgentService/Run", ask({ name: "any" }))).body).toMatchObject({ text: "b says hello" });
  });

  test("that does not exist is not found, with the names that do", async () => {
    await using gateway = await startModelsGateway(scripts);
    await create(gateway);
    const { status, body } = await gateway.call("AgentService/Run", ask({ name: "default" }));
    expect(status).toBe(404);
    expect(body.message).toBe('there is no route "default"; there are: fast');
  });

  test("goes on for calls under way and is gone for the next when it is deleted", async () => {
    await using gateway = await startModelsGateway(scripts);
    await create(gateway);
    expect(await gateway.call("RoutesService/DeleteRoute", { name: "fast" })).toMatchObject({ status: 200 });
    expect(await gateway.call("AgentService/Run", ask({ name: "fast" }))).toMatchObject({ status: 404 });
    expect(await gateway.call("RoutesService/DeleteRoute", { name: "fast" })).toMatchObject({ status: 404 });
    const again = await gateway.call("RoutesService/DeleteRoute", { name: "fast", allowMissing: true });
    expect(again.status).toBe(200);
  });
});

/** A model that never says anything. */
async function* untilAborted(signal: AbortSignal): AsyncGenerator<never> {
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

describe("RoutesService", () => {
  test("gives back what was created", async () => {
    await using gateway = await startModelsGateway(scripts);
    const created = await create(gateway);
    expect(created).toMatchObject({ status: 200, body: { route: fast } });
    const read = await gateway.call("RoutesService/GetRoute", { name: "fast" });
    expect(read.body).toEqual(created.body);
    expect(routeOf(read).etag).toMatch(/./);
    expect(await create(gateway)).toMatchObject({ status: 409, body: { code: "already_exists" } });
  });

  test("checks without keeping", async () => {
    await using gateway = await startModelsGateway(scripts);
    const checked = await gateway.call("RoutesService/CreateRoute", { route: fast, validateOnly: true });
    expect(checked).toMatchObject({ status: 200, body: { route: fast } });
    expect(await gateway.call("RoutesService/GetRoute", { name: "fast" })).toMatchObject({ status: 404 });
  });

  const target = { provider: "a", model: "m" };
  test.each([
    ["no name", { route: { targets: [target] } }, "route.name"],
    ["no route", { name: "x" }, "route.route"],
    ["no targets and no name", { name: "x", route: {} }, "route.route.targets"],
    ["the name of another", { name: "x", route: { name: "fast" } }, "route.route.name"],
    [
      "a provider that does not exist",
      { name: "x", route: { targets: [target, { provider: "nobody" }] } },
      "route.route.targets[1].provider",
    ],
    [
      "a provider of its own",
      { name: "x", route: { targets: [{ model: "m", inlineProvider: { kind: "a", apiKey: "sk-secret-1" } }] } },
      "route.route.targets[0].inlineProvider",
    ],
    ["nine targets", { name: "x", route: { targets: Array(9).fill(target) } }, "route.route.targets"],
  ])("refuses %s", async (_, route, field) => {
    await using gateway = await startModelsGateway(scripts);
    const { status, body } = await create(gateway, route);
    expect(status).toBe(400);
    const [detail] = body.details as { debug: { fieldViolations: { field: string }[] } }[];
    expect(detail?.debug.fieldViolations.map((violation) => violation.field)).toContain(field);
    expect(JSON.stringify(body)).not.toContain("sk-secret-1");
  });

  test("lists by name, in pages", async () => {
    await using gateway = await startModelsGateway(scripts);
    for (const name of ["b", "a", "C"]) await create(gateway, { ...fast, name });
    const names = (body: object) => (body as { routes: { name: string }[] }).routes.map(({ name }) => name);
    const first = await gateway.call("RoutesService/ListRoutes", { pageSize: 2 });
    expect(names(first.body)).toEqual(["C", "a"]);
    const { nextPageToken: pageToken } = first.body;
    const second = await gateway.call("RoutesService/ListRoutes", { pageSize: 2, pageToken });
    expect(names(second.body)).toEqual(["b"]);
    expect(second.body.nextPageToken).toBeUndefined();
    expect(await gateway.call("RoutesService/ListRoutes", { pageSize: 1, pageToken })).toMatchObject({ status: 400 });
  });

  test("changes what the mask names, or what is set", async () => {
    await using gateway = await startModelsGateway(scripts);
    await create(gateway);
    const update = (request: object) => gateway.call("RoutesService/UpdateRoute", request);
    const named = await update({ route: { name: "fast", displayName: "X" }, updateMask: "displayName,labels" });
    const { labels: _, ...bare } = fast;
    expect(named.body.route).toMatchObject({ ...bare, displayName: "X" });
    expect(named.body.route).not.toHaveProperty("labels");
    const set = await update({ route: { name: "fast", labels: { tier: "1" } } });
    expect(set.body.route).toMatchObject({ displayName: "X", labels: { tier: "1" }, route: fast.route });
    const whole = await update({ route: { name: "fast", route: { targets: [target] } }, updateMask: "*" });
    expect(whole.body.route).toMatchObject({ route: { targets: [target] } });
    expect(whole.body.route).not.toHaveProperty("displayName");
    for (const updateMask of ["speed", "labels.myTeam", "labels.", "route.targets"])
      expect(await update({ route: { name: "fast" }, updateMask }), updateMask).toMatchObject({ status: 400 });
    expect(await update({ route: { name: "fast" }, updateMask: "name" })).toMatchObject({ status: 400 });
    expect(await update({ route: { name: "fast" }, updateMask: "route" })).toMatchObject({ status: 400 }); // empties it
  });

  test("refuses a change on an etag that has passed, and adds what is missing when it may", async () => {
    await using gateway = await startModelsGateway(scripts);
    const { etag } = routeOf(await create(gateway));
    const update = (route: object, more = {}) => gateway.call("RoutesService/UpdateRoute", { route, ...more });
    expect(await update({ name: "fast", displayName: "1", etag })).toMatchObject({ status: 200 });
    expect(await update({ name: "fast", displayName: "2", etag })).toMatchObject({ body: { code: "aborted" } });
    expect(await gateway.call("RoutesService/DeleteRoute", { name: "fast", etag })).toMatchObject({
      body: { code: "aborted" },
    });
    expect(await update({ ...fast, name: "new" })).toMatchObject({ status: 404 });
    expect(await update({ ...fast, name: "new" }, { allowMissing: true })).toMatchObject({ status: 200 });
    const changes = ["x", "y", "z"].map((displayName) => update({ name: "new", displayName }));
    expect((await Promise.all(changes)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});
