import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { answerWith, type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, runGateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { type PostgresServer, postgres, postgresPassword, startPostgres } from "../support/postgres.ts";
import { callReplica, loadOf } from "../support/replica-calls.ts";

const masterKey = randomBytes(32).toString("hex");
const adminToken = "admin-token-of-all-replicas";

/** Less than the time after which a replica looks by itself: what is seen by then, it was told of. */
const told = { timeout: 5_000, interval: 10 };
const patient = { timeout: 20_000, interval: 20 };

describeWith(postgres, "replicas over PostgreSQL", () => {
  let server: PostgresServer;
  let url = "";
  let one: Gateway;
  let two: Gateway;
  let first: ChatVendor;
  let second: ChatVendor;
  beforeAll(async () => {
    server = await startPostgres();
    first = await startChatVendor(answerWith("first"));
    second = await startChatVendor(answerWith("second"));
  });
  afterAll(async () => {
    await Promise.all([server, first, second].map((each) => each[Symbol.asyncDispose]()));
  });
  beforeEach(async () => {
    await server.start();
    url = await server.createDatabase();
  });

  const startReplica = (env: Readonly<Record<string, string>> = {}) =>
    startGateway({ env: { ...replicaEnvironment(url), ...env } });
  const admin = (gateway: Gateway, method: string, request: object) =>
    callReplica(gateway.url, { method, request, token: adminToken });
  const provider = (vendor: ChatVendor, more: object = {}) => ({
    ...{ id: "vendor", kind: "openai-compatible", apiKey: "sk-1", baseUrl: vendor.baseUrl },
    ...more,
  });
  const run = (gateway: Gateway, token = adminToken) =>
    callReplica(gateway.url, {
      method: "AgentService/Run",
      request: requestTo([{ provider: "vendor", model: "m" }]),
      token,
    });

  describe("two of them", () => {
    beforeEach(async () => {
      [one, two] = await Promise.all([startReplica(), startReplica()]);
    });
    afterEach(async () => {
      await Promise.all([one.stop(), two.stop()]);
      for (const each of [one, two]) expect(each.output()).not.toMatch(new RegExp(`${postgresPassword}|${masterKey}`));
    });

    test("use at once what one of them is told of providers, routes and tokens", async () => {
      await admin(one, "ProvidersService/CreateProvider", { provider: provider(first) });
      await vi.waitFor(async () => expect(await run(two)).toMatchObject({ body: { text: "first" } }), told);
      await admin(two, "ProvidersService/UpdateProvider", {
        provider: { id: "vendor", baseUrl: second.baseUrl },
        updateMask: "baseUrl",
      });
      await vi.waitFor(async () => expect(await run(one)).toMatchObject({ body: { text: "second" } }), told);

      const route = { name: "fast", route: { targets: [{ provider: "vendor", model: "m" }] } };
      await admin(two, "RoutesService/CreateRoute", { route });
      const byRoute = {
        method: "AgentService/Run",
        request: { route: { name: "fast" }, messages: [{ text: "Hello!" }] },
      };
      const named = () => callReplica(one.url, { ...byRoute, token: adminToken });
      await vi.waitFor(async () => expect(await named()).toMatchObject({ body: { text: "second" } }), told);

      const { body } = await admin(one, "AccessService/CreateToken", { token: { displayName: "caller" } });
      const caller = String(body.secret);
      await vi.waitFor(async () => expect(await run(two, caller)).toMatchObject({ status: 200 }), told);
      await admin(two, "AccessService/RevokeToken", { id: (body.token as { id: string }).id });
      await vi.waitFor(async () => expect(await run(one, caller)).toMatchObject({ status: 401 }), told);

      await admin(one, "ProvidersService/DeleteProvider", { id: "vendor" });
      await vi.waitFor(async () => expect(await run(two)).toMatchObject({ status: 404 }), told);
    });

    test("lose no change that both make at once, and write down all of them", async () => {
      const { body } = await admin(one, "ProvidersService/CreateProvider", { provider: provider(first) });
      const { etag } = body.provider as { etag: string };
      const withEtag = (gateway: Gateway, displayName: string) =>
        admin(gateway, "ProvidersService/UpdateProvider", {
          provider: { id: "vendor", displayName, etag },
          updateMask: "displayName",
        });
      await vi.waitFor(async () => expect(await run(two)).toMatchObject({ status: 200 }), told);
      const both = await Promise.all([withEtag(one, "of one"), withEtag(two, "of two")]);
      expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);

      for (let round = 0; round < 10; round++) {
        const changed = await Promise.all([
          admin(one, "ProvidersService/UpdateProvider", {
            provider: { id: "vendor", displayName: `name ${round}` },
            updateMask: "displayName",
          }),
          admin(two, "ProvidersService/UpdateProvider", {
            provider: { id: "vendor", defaultModel: `model-${round}` },
            updateMask: "defaultModel",
          }),
        ]);
        expect(changed.map(({ status }) => status)).toEqual([200, 200]);
        const expected = { displayName: `name ${round}`, defaultModel: `model-${round}` };
        for (const gateway of [one, two]) {
          const get = () => admin(gateway, "ProvidersService/GetProvider", { id: "vendor" });
          await vi.waitFor(async () => expect((await get()).body.provider).toMatchObject(expected), told);
        }
      }
      const { body: log } = await admin(two, "AccessService/ListAuditEvents", { pageSize: 100 });
      const events = log.events as unknown as readonly {
        readonly outcome: string;
        readonly changedFields: readonly string[];
      }[];
      expect(events).toHaveLength(23);
      expect(events.filter(({ outcome }) => outcome !== "ok")).toMatchObject([{ outcome: "aborted" }]);
      expect(events.filter(({ changedFields }) => changedFields?.includes("defaultModel"))).toHaveLength(10);
    });

    test("serve every call while the database is stopped and started, and say so once", async () => {
      await admin(one, "ProvidersService/CreateProvider", { provider: provider(first) });
      const { body } = await admin(one, "AccessService/CreateToken", { token: { displayName: "caller" } });
      const caller = String(body.secret);
      await vi.waitFor(async () => expect(await run(two, caller)).toMatchObject({ status: 200 }), told);

      const loads = [one, two].map((gateway) => loadOf(() => run(gateway, caller)));
      await server.stop();
      for (const gateway of [one, two]) {
        await vi.waitFor(() => expect(said(gateway, /Calls go on with what was last known/)).toBe(1), patient);
        const refused = await admin(gateway, "ProvidersService/UpdateProvider", {
          provider: { id: "vendor", displayName: "not now" },
          updateMask: "displayName",
        });
        expect(refused).toMatchObject({ status: 503, body: { code: "unavailable" } });
        expect(refused.body.message).toMatch(/the database of this server cannot be reached .* Try again later/);
        expect(await admin(gateway, "ProvidersService/GetProvider", { id: "vendor" })).toMatchObject({ status: 200 });
        const health = await fetch(`${gateway.url}/grpc.health.v1.Health/Check`, {
          ...{ method: "POST", headers: { "content-type": "application/json" }, body: "{}" },
        });
        expect(await health.json()).toEqual({ status: "SERVING" });
      }
      await Promise.all(loads.map((load) => load.reached(50)));
      await server.start();
      for (const gateway of [one, two])
        await vi.waitFor(() => expect(said(gateway, / is back after /)).toBe(1), patient);
      const change = { provider: { id: "vendor", baseUrl: second.baseUrl }, updateMask: "baseUrl" };
      expect(await admin(two, "ProvidersService/UpdateProvider", change)).toMatchObject({ status: 200 });
      await vi.waitFor(async () => expect(await run(one)).toMatchObject({ body: { text: "second" } }), told);

      for (const load of loads) expect((await load.stop()).failures).toEqual([]);
      for (const gateway of [one, two]) {
        expect(said(gateway, /Calls go on with what was last known/)).toBe(1);
        expect(said(gateway, / is back after /)).toBe(1);
      }
    });

    test("go on when one of them is killed, which comes back with all of it", async () => {
      await admin(one, "ProvidersService/CreateProvider", { provider: provider(first) });
      await vi.waitFor(async () => expect(await run(two)).toMatchObject({ status: 200 }), told);
      const load = loadOf(() => run(two));
      const writing = loadOf(() =>
        admin(one, "ProvidersService/UpdateProvider", {
          provider: { id: "vendor", displayName: `${Math.random()}` },
          updateMask: "displayName",
        }),
      );
      await writing.reached(5);
      one.kill("SIGKILL");
      await one.ended;
      await writing.stop();
      const change = { provider: { id: "vendor", displayName: "kept" }, updateMask: "displayName" };
      expect(await admin(two, "ProvidersService/UpdateProvider", change)).toMatchObject({ status: 200 });
      one = await startReplica();
      const { body } = await admin(one, "ProvidersService/GetProvider", { id: "vendor" });
      expect(body.provider).toMatchObject({ displayName: "kept" });
      expect((await load.stop()).failures).toEqual([]);
    });
  });

  test("prepare one database when three of them start at once", async () => {
    const replicas = await Promise.all([startReplica(), startReplica(), startReplica()]);
    await admin(replicas[0] as Gateway, "ProvidersService/CreateProvider", { provider: provider(first) });
    for (const replica of replicas) {
      await vi.waitFor(async () => expect(await run(replica)).toMatchObject({ status: 200 }), told);
    }
    expect(await Promise.all(replicas.map((replica) => replica.stop()))).toEqual([0, 0, 0]);
  });

  test("do not start without the master key of the others, or without the database", async () => {
    await (await startReplica()).stop();
    const { LIVELLM_MASTER_KEY: _, ...without } = replicaEnvironment(url);
    const other = { ...without, LIVELLM_MASTER_KEY: randomBytes(32).toString("hex") };
    expect(await runGateway(without)).toMatchObject({ code: 1, stdout: oneLine(/LIVELLM_MASTER_KEY must be set/) });
    expect(await runGateway(other)).toMatchObject({ code: 1, stdout: oneLine(/LIVELLM_MASTER_KEY is not the one/) });
    await server.stop();
    const away = await runGateway({ ...replicaEnvironment(url), LIVELLM_DATABASE_START_TIMEOUT_MS: "300" });
    expect(away).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/waiting for it, 1 s at most(.|\n)*cannot be reached/),
    });
    expect(away.stdout + away.stderr).not.toContain(postgresPassword);
  });
});

describe("two processes over one SQLite file", () => {
  test("use at once what one of them is told", async () => {
    const folder = temporaryFolder();
    const env = { DATABASE_URL: `sqlite:${path.join(folder, "shared.db")}` };
    await using vendor = await startChatVendor(answerWith("Hello"));
    const [one, two] = await Promise.all([startGateway({ env }), startGateway({ env })]);
    const provider = { id: "vendor", kind: "openai-compatible", apiKey: "sk-1", baseUrl: vendor.baseUrl };
    const created = { method: "ProvidersService/CreateProvider", request: { provider } };
    expect(await callReplica(one.url, created)).toMatchObject({ status: 200 });
    const run = { method: "AgentService/Run", request: requestTo([{ provider: "vendor", model: "m" }]) };
    await vi.waitFor(async () => expect(await callReplica(two.url, run)).toMatchObject({ status: 200 }), told);
    await Promise.all([one.stop(), two.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });
});

function replicaEnvironment(url: string): Readonly<Record<string, string>> {
  return { DATABASE_URL: url, LIVELLM_MASTER_KEY: masterKey, LIVELLM_ADMIN_TOKEN: adminToken };
}

/** How often it has said this in its log. */
function said(gateway: Gateway, words: RegExp): number {
  return gateway
    .output()
    .split("\n")
    .filter((line) => words.test(line)).length;
}

function oneLine(words: RegExp) {
  return expect.stringMatching(new RegExp(`^.*${words.source}.*\n$`));
}
