import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeAuthority, makeCertificate, openssl } from "../security/certificates.ts";
import { startChatVendor } from "../support/chat-vendor.ts";
import { echoRequest, requestTo } from "../support/echo-request.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { type RedisServer, redisServer, startRedis } from "../support/redis-server.ts";
import { echoTarget, startWorkers, type WorkerGateway } from "../support/worker-gateway.ts";

const adminToken = "admin-canary-5d1f09c2e47b";
const asAdmin = { authorization: `Bearer ${adminToken}` };
const patient = { timeout: 10_000, interval: 50 };

/** A new caller's token, as the header that it is sent in. */
async function createToken(url: string, limits: object): Promise<Readonly<Record<string, string>>> {
  const { status, body } = await callJson(url, "AccessService/CreateToken", { token: limits }, asAdmin);
  if (status !== 200) throw new Error(`no token was made: ${JSON.stringify(body)}`);
  return { authorization: `Bearer ${body.secret}` };
}

function run(gateway: Gateway, headers: object = {}) {
  return callJson(gateway.url, "AgentService/Run", echoRequest("Hello!"), headers);
}

/** A call that is under way until it is told to leave. */
async function hold(gateway: Gateway): Promise<AbortController> {
  const leaving = new AbortController();
  const response = await fetch(`${gateway.url}/livellm.v1.AgentService/RunStream`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify(echoRequest("a b c", { stall_after_words: 1 })),
    signal: leaving.signal,
  });
  if (response.status !== 200) throw new Error(`not let in: ${await response.text()}`);
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; !text.includes("textDelta"); ) text += (await reader?.read())?.value ?? "";
  reader?.closed.catch(() => undefined);
  return leaving;
}

const limited = {
  status: 429,
  body: { code: "resource_exhausted", details: [{ debug: { reason: "REASON_CALLER_LIMITED" } }] },
};

function metricOf(gateway: Gateway, name: string): Promise<number> {
  return fetch(`${gateway.url}/metrics`)
    .then((response) => response.text())
    .then((text) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]));
}

const sharing = "Redis counts callers' limits for all replicas";
const alone = "until it can be, this process counts callers' limits for itself";

/** How often something is in the log. */
function timesLogged(gateway: Gateway, words: string): number {
  return gateway.output().split(words).length - 1;
}

describeWith(redisServer, "two replicas over one Redis", () => {
  let redis: RedisServer;
  let replicas: readonly [Gateway, Gateway];
  const folder = temporaryFolder();
  const start = (env: Readonly<Record<string, string>> = {}) =>
    startGateway({ folder, env: { REDIS_URL: redis.url, LIVELLM_ADMIN_TOKEN: adminToken, ...env } });

  beforeAll(async () => {
    redis = await startRedis();
    const first = await start();
    replicas = [first, await start()];
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await redis[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("count the requests of one token together", async () => {
    const [first, second] = replicas;
    const token = await createToken(first.url, { requestsPerMinute: 6 });
    await expect.poll(async () => (await run(second, token)).status, patient).toBe(200);
    for (const replica of [first, second, first, second, first]) {
      expect(await run(replica, token)).toMatchObject({ status: 200 });
    }
    for (const replica of replicas) {
      const { status, body } = await run(replica, token);
      expect({ status, body }).toMatchObject(limited);
      expect(JSON.stringify(body)).toContain("requestsPerMinute of 6");
    }
  });

  test("count the tokens that its calls consume together", async () => {
    const [first, second] = replicas;
    const token = await createToken(first.url, { tokensPerMinute: 1 });
    expect(await run(first, token)).toMatchObject({ status: 200 });
    await expect.poll(() => run(second, token), patient).toMatchObject(limited);
  });

  test("ask Redis nothing for callers without limits", async () => {
    const [first] = replicas;
    const token = await createToken(first.url, {});
    await redis.command("FLUSHALL");
    expect(await run(first, token)).toMatchObject({ status: 200 });
    expect(await run(first, asAdmin)).toMatchObject({ status: 200 });
    expect(await redis.command("KEYS", "*")).toEqual([]);
  });

  test("go on without a failed call when Redis is killed, and together again when it is back", async () => {
    const token = await createToken(replicas[0].url, { requestsPerMinute: 1_000_000 });
    await expect.poll(async () => (await run(replicas[1], token)).status, patient).toBe(200);
    const load = startLoad(replicas, token);
    await load.progress();
    const before = replicas.map((replica) => timesLogged(replica, sharing));

    await redis.kill();
    for (const replica of replicas) await expect.poll(() => timesLogged(replica, alone), patient).toBe(1);
    await load.progress();
    const limitedHere = await createToken(replicas[0].url, { requestsPerMinute: 1 });
    expect(await run(replicas[0], limitedHere)).toMatchObject({ status: 200 });
    expect(await run(replicas[0], limitedHere)).toMatchObject(limited);

    await redis.restart();
    for (const [i, replica] of replicas.entries()) {
      await expect.poll(() => timesLogged(replica, sharing), patient).toBe((before[i] ?? 0) + 1);
    }
    await load.progress();
    expect(await load.end()).toEqual(new Set([200]));
    expect(await redis.command("KEYS", "livellm:rate:*")).toHaveLength(1);
  });

  test("go on without a failed call when Redis answers nothing any more, and say so", async () => {
    const [first] = replicas;
    const token = await createToken(first.url, { requestsPerMinute: 1_000_000 });
    const [connected, lost, found] = ["livellm_shared_state_connected", alone, sharing] as const;
    expect(await metricOf(first, connected)).toBe(1);
    const [timesLost, timesFound] = [timesLogged(first, lost), timesLogged(first, found)];
    const load = startLoad([first], token);
    redis.freeze();
    await expect.poll(() => timesLogged(first, lost), patient).toBe(timesLost + 1);
    expect(await metricOf(first, connected)).toBe(0);
    await load.progress();
    redis.thaw();
    await expect.poll(() => timesLogged(first, found), patient).toBe(timesFound + 1);
    expect(await metricOf(first, connected)).toBe(1);
    expect(await load.end()).toEqual(new Set([200]));
  });
});

/** Calls that follow one another, on each gateway. */
function startLoad(gateways: readonly Gateway[], headers: object) {
  const statuses: number[] = [];
  let over = false;
  const loads = gateways.map(async (gateway) => {
    while (!over) statuses.push((await run(gateway, headers)).status);
  });
  return {
    /** Resolves when some more calls have been answered. */
    async progress() {
      const enough = statuses.length + 40;
      await expect.poll(() => statuses.length, patient).toBeGreaterThan(enough);
    },
    async end() {
      over = true;
      await Promise.all(loads);
      return new Set(statuses);
    },
  };
}

describeWith(redisServer, "calls at a time over one Redis", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  const start = (env: Readonly<Record<string, string>> = {}) =>
    startGateway({
      env: {
        REDIS_URL: redis.url,
        LIVELLM_REDIS_PREFIX: `${expect.getState().currentTestName}:`,
        LIVELLM_MAX_CALLS_PER_CALLER: "2",
        LIVELLM_QUEUE_TIMEOUT_MS: "300",
        LIVELLM_SHARED_LEASE_MS: "1500",
        ...env,
      },
    });

  test("are those of all replicas, and who waits gets the place that becomes free in another", async () => {
    await using first = await start();
    await using second = await start({ LIVELLM_QUEUE_TIMEOUT_MS: "10000" });
    const [one, two] = [await hold(first), await hold(second)];
    expect(await run(first)).toMatchObject(limited);
    const waiting = run(second);
    one.abort();
    expect(await waiting).toMatchObject({ status: 200 });
    expect(await run(first)).toMatchObject({ status: 200 });
    two.abort();
  });

  test("that a killed replica had are free when its lease is over", async () => {
    const killed = await start();
    await using left = await start({ LIVELLM_QUEUE_TIMEOUT_MS: "10000" });
    await using impatient = await start();
    await hold(killed);
    await hold(killed);
    expect(await run(impatient)).toMatchObject(limited);
    killed.kill("SIGKILL");
    await killed.ended;
    rmSync(killed.folder, { recursive: true });
    expect(await run(left)).toMatchObject({ status: 200 });
  });

  test("that a replica had which was told to end are free at once", async () => {
    const env = { LIVELLM_SHARED_LEASE_MS: "600000" };
    const leaving = await start({ ...env, LIVELLM_SHUTDOWN_GRACE_MS: "0" });
    await using staying = await start(env);
    await hold(leaving);
    await hold(leaving);
    expect(await run(staying)).toMatchObject(limited);
    await leaving.stop();
    expect(await run(staying)).toMatchObject({ status: 200 });
  });

  test("that go on for longer than a lease are still counted", async () => {
    await using first = await start({ LIVELLM_SHARED_LEASE_MS: "300" });
    await using second = await start({ LIVELLM_SHARED_LEASE_MS: "300", LIVELLM_QUEUE_TIMEOUT_MS: "1200" });
    const held = [await hold(first), await hold(first)];
    // It is refused when it has waited for four leases.
    expect(await run(second)).toMatchObject(limited);
    for (const one of held) one.abort();
    expect(await run(second)).toMatchObject({ status: 200 });
  });
});

describeWith(redisServer, "a model that one replica has found not to answer", () => {
  test("is left alone by the other, which tries its next target", async () => {
    await using redis = await startRedis();
    await using vendor = await startChatVendor((call) => call.reply(503, { error: { message: "overloaded" } }));
    const folder = temporaryFolder();
    const start = () => startGateway({ folder, env: { REDIS_URL: redis.url } });
    {
      await using first = await start();
      await using second = await start();
      await createProvider(first.url, {
        id: "down",
        kind: "openai-compatible",
        baseUrl: vendor.baseUrl,
        apiKey: "none",
      });
      const request = requestTo([{ provider: "down", model: "m" }, echoTarget]);
      for (let i = 0; i < 5; i++) {
        expect(await callJson(first.url, "AgentService/Run", request)).toMatchObject({ status: 200 });
      }
      expect(vendor.calls).toHaveLength(5);
      const skipped = async () => {
        const { body } = await callJson(second.url, "AgentService/Run", request);
        return (body.routeResult as { readonly attempts?: unknown } | undefined)?.attempts;
      };
      await expect
        .poll(skipped, { timeout: 10_000, interval: 600 })
        .toMatchObject([{ outcome: "OUTCOME_SKIPPED" }, { outcome: "OUTCOME_ANSWERED" }]);
      expect(vendor.calls.length).toBeLessThan(10);
    }
    rmSync(folder, { recursive: true });
  });
});

describeWith(redisServer, "the address of Redis", () => {
  const canary = "redis-canary-7f3e";

  test("may have a password, which is seen nowhere, right or wrong", async () => {
    await using redis = await startRedis(["--requirepass", canary], `:${canary}@`);
    const env = { LOG_LEVEL: "trace" };
    await using right = await startGateway({ env: { ...env, REDIS_URL: redis.url } });
    expect(right.output()).toContain(sharing);
    const wrongUrl = `redis://:${canary}-wrong@127.0.0.1:${redis.port}`;
    await using wrong = await startGateway({ env: { ...env, REDIS_URL: wrongUrl } });
    expect(wrong.output()).toMatch(/Redis cannot be used \(WRONGPASS/);
    expect(await run(wrong)).toMatchObject({ status: 200 });
    expect(right.output() + wrong.output()).not.toContain(canary);
  });

  test("that nobody is at keeps nobody from starting", async () => {
    await using gateway = await startGateway({ env: { REDIS_URL: "redis://127.0.0.1:1" } });
    expect(gateway.output()).toContain(alone);
    expect(await run(gateway)).toMatchObject({ status: 200 });
  });
});

describeWith(openssl, "Redis behind TLS", () => {
  describeWith(redisServer, "is spoken to", () => {
    test("with rediss://, by those who trust its authority", async () => {
      const folder = temporaryFolder();
      const authority = makeAuthority(folder, "authority");
      const { certFile, keyFile } = makeCertificate(authority, "redis", "server");
      const files = ["--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", authority.certFile];
      await using redis = await startRedis(["--tls-auth-clients", "no", ...files], "", "tls");
      const env = { REDIS_URL: redis.url };
      await using trusting = await startGateway({ env: { ...env, NODE_EXTRA_CA_CERTS: authority.certFile } });
      expect(trusting.output()).toContain(sharing);
      await using doubting = await startGateway({ env });
      expect(doubting.output()).toMatch(/Redis cannot be used \([^)]*certificate/);
      rmSync(folder, { recursive: true });
    });
  });
});

describe("the workers of one server, without Redis", () => {
  let gateway: WorkerGateway;
  beforeAll(async () => {
    gateway = await startWorkers(2, { env: { LIVELLM_ADMIN_TOKEN: adminToken } });
  });
  afterAll(async () => void (await gateway.stop()));

  test("count the requests of one token together", async () => {
    const headers = await createToken(gateway.url, { requestsPerMinute: 5 });
    const connections = [gateway.connect(), gateway.connect()];
    const request = { route: { targets: [echoTarget] }, messages: [{ text: "Hello!" }] };
    const outcomes: string[] = [];
    for (let i = 0; i < 8; i++) {
      const call = connections[i % 2]?.agent.run(request, { headers });
      outcomes.push(
        await (call ?? Promise.reject()).then(
          () => "ok",
          (error: Error) => error.message,
        ),
      );
    }
    expect(outcomes.slice(0, 5)).toEqual(Array(5).fill("ok"));
    for (const refused of outcomes.slice(5)) expect(refused).toMatch(/resource_exhausted.*requestsPerMinute of 5/);
    for (const connection of connections) connection[Symbol.dispose]();
  });

  test("are one server's metrics", async () => {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    for (const worker of ["1", "2"])
      expect(text).toContain(`livellm_shared_state_connected{livellm_worker="${worker}"} 1`);
    expect(text.match(/^# TYPE livellm_shared_state_connected /gm)).toHaveLength(1);
  });
});

test("the calls of a worker that is killed make room at once", async () => {
  const env = { LIVELLM_MAX_CALLS_PER_CALLER: "2", LIVELLM_QUEUE_TIMEOUT_MS: "300", LIVELLM_SHARED_LEASE_MS: "600000" };
  await using gateway = await startWorkers(2, { env });
  using first = gateway.connect();
  using second = gateway.connect();
  const worker = await first.servedBy();
  expect(await second.servedBy()).not.toBe(worker);
  const stalled = {
    route: { targets: [{ ...echoTarget, options: { stall_after_words: 1 } }] },
    messages: [{ text: "a b" }],
  };
  const held = [1, 2].map(() => first.agent.runStream(stalled)[Symbol.asyncIterator]());
  const broken = held.map(async (stream) => {
    for (let next = await stream.next(); !next.done; next = await stream.next());
  });
  await expect.poll(() => second.servedBy().catch(({ message }) => message), patient).toMatch(/resource_exhausted/);
  process.kill(gateway.pids().get(worker) ?? 0, "SIGKILL");
  await Promise.allSettled(broken);
  await expect.poll(() => second.servedBy().catch(() => 0), patient).toBeGreaterThan(0);
});
