import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { answerWith, type ChatVendor, chunk, startChatVendor, type VendorCall } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { type Face, faces, type StreamOutcome } from "../support/faces.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createProvider, type JsonAnswer } from "../support/json-call.ts";
import { type PostgresServer, postgres, startPostgres } from "../support/postgres.ts";
import { type RedisServer, redisServer, startRedis } from "../support/redis-server.ts";
import { callReplica, loadOf } from "../support/replica-calls.ts";

const adminToken = "admin-token-of-both-replicas";
const callers = 4;
/** Those whose clients know of an end that is none: gRPC by its status, server-sent events by their last one. */
const streaming = faces.filter(({ name }) => name === "grpc" || name === "sse");
const patient = { timeout: 20_000, interval: 20 };

describeWith(
  postgres.missing ? postgres : redisServer,
  "two replicas over one PostgreSQL and one Redis, under load",
  () => {
    let database: PostgresServer;
    let redis: RedisServer;
    let quick: ChatVendor;
    let slow: ChatVendor;
    let replicas: readonly [Gateway, Gateway];

    beforeAll(async () => {
      [database, redis] = await Promise.all([startPostgres(), startRedis()]);
      quick = await startChatVendor(answerWith("quick"));
    });
    afterAll(async () => {
      await Promise.all([database, redis, quick].map((each) => each[Symbol.asyncDispose]()));
    });
    afterEach(async () => {
      await slow[Symbol.asyncDispose]();
      await Promise.all(replicas.map((replica) => replica.stop()));
    });

    const start = async (more: Readonly<Record<string, string>> = {}) => {
      const env = {
        ...more,
        DATABASE_URL: await database.createDatabase(),
        REDIS_URL: redis.url,
        LIVELLM_MASTER_KEY: randomBytes(32).toString("hex"),
      };
      slow = await startChatVendor();
      replicas = await Promise.all([startGateway({ env }), startGateway({ env })]);
      const headers = more.LIVELLM_ADMIN_TOKEN ? { authorization: `Bearer ${adminToken}` } : {};
      await createProvider(replicas[0].url, providerOf("quick", quick), headers);
      await createProvider(replicas[0].url, providerOf("slow", slow), headers);
    };
    const known = async (token?: string) => {
      for (const replica of replicas) {
        await vi.waitFor(async () => expect(await run(replica, token)).toMatchObject({ status: 200 }), patient);
      }
    };
    test("nothing is lost when one is told to end: its streams finish, and other calls go to the other", async () => {
      await start();
      await known();
      const loads = Array.from({ length: callers }, () => loadOf(retrying(replicas)));
      await Promise.all(loads.map((load) => load.reached(10)));
      const streams = await openStreams(replicas[0], slow);
      replicas[0].kill("SIGTERM");
      await replicas[0].logged("draining");
      await Promise.all(loads.map((load) => load.reached(10)));
      for (const { call } of streams) finish(call);
      for (const { outcome } of streams) {
        expect(await outcome).toMatchObject({ status: { code: "ok" } });
        expect(textOf(await outcome)).toBe("begun and finished");
      }
      expect(await replicas[0].ended).toBe(0);
      await Promise.all(loads.map((load) => load.reached(10)));
      for (const load of loads) expect((await load.stop()).failures).toEqual([]);
    });

    test("when one is killed its streams say so, and whoever asks again is answered by the other", async () => {
      await start();
      await known();
      const loads = Array.from({ length: callers }, () => loadOf(retrying(replicas)));
      await Promise.all(loads.map((load) => load.reached(10)));
      const streams = await openStreams(replicas[0], slow);
      replicas[0].kill("SIGKILL");
      for (const { face, outcome } of streams) {
        const broken = await outcome.then(
          ({ status }) => status.code,
          () => "no status",
        );
        expect([face.name, broken]).not.toEqual([face.name, "ok"]);
        const again = openStream(face, replicas[1]);
        finish(begun(await slow.nextCall()));
        expect(textOf(await again.outcome)).toBe("begun and finished");
      }
      await Promise.all(loads.map((load) => load.reached(10)));
      for (const load of loads) expect((await load.stop()).failures).toEqual([]);
    });

    test("no call fails while the database and Redis are both away, nor when they are back", async () => {
      await start({ LIVELLM_ADMIN_TOKEN: adminToken });
      const token = { displayName: "limited", requestsPerMinute: 1_000_000 };
      const { body } = await admin(replicas[1], "AccessService/CreateToken", { token });
      const secret = String(body.secret);
      await known(secret);
      const loads = replicas.map((replica) => loadOf(() => run(replica, secret)));
      await Promise.all([database.stop("crash"), redis.kill()]);
      for (const replica of replicas) {
        await vi.waitFor(() => expect(replica.output()).toMatch(/Calls go on with what was last known/), patient);
      }
      await Promise.all(loads.map((load) => load.reached(50)));
      await Promise.all([database.start(), redis.restart()]);
      for (const replica of replicas) {
        await vi.waitFor(() => expect(replica.output()).toMatch(/ is back after /), patient);
      }
      const change = { provider: { id: "quick", displayName: "changed" }, updateMask: "displayName" };
      expect(await admin(replicas[0], "ProvidersService/UpdateProvider", change)).toMatchObject({ status: 200 });
      await vi.waitFor(async () => {
        const { body } = await admin(replicas[1], "ProvidersService/GetProvider", { id: "quick" });
        expect(body.provider).toMatchObject({ displayName: "changed" });
      }, patient);
      await Promise.all(loads.map((load) => load.reached(10)));
      for (const load of loads) expect((await load.stop()).failures).toEqual([]);
    });
  },
);

function providerOf(id: string, { baseUrl }: ChatVendor): object {
  return { id, kind: "openai-compatible", apiKey: "sk-1", baseUrl };
}

function admin({ url }: Gateway, method: string, request: object): Promise<JsonAnswer> {
  return callReplica(url, { method, request, token: adminToken });
}

function run({ url }: Gateway, token?: string): Promise<JsonAnswer> {
  const request = requestTo([{ provider: "quick", model: "m" }]);
  return callReplica(url, { method: "AgentService/Run", request, ...(token && { token }) });
}

/** Calls as a careful client does: where one replica is gone, or is going, it asks the other one. */
function retrying(replicas: readonly [Gateway, Gateway]): () => Promise<JsonAnswer> {
  let at = 0;
  const ask = () => run(replicas[at] ?? replicas[0]);
  return async () => {
    const answer = await ask().catch(() => undefined);
    if (answer && answer.status !== 503) return answer;
    at = 1 - at;
    return ask();
  };
}

interface OpenStream {
  readonly face: Face;
  readonly outcome: Promise<StreamOutcome>;
}

/** Streams that have each given their first words. */
async function openStreams(
  replica: Gateway,
  vendor: ChatVendor,
): Promise<readonly (OpenStream & { call: VendorCall })[]> {
  const streams: (OpenStream & { call: VendorCall })[] = [];
  for (const face of streaming) {
    const heard = Promise.withResolvers<void>();
    const stream = openStream(face, replica, heard.resolve);
    const call = begun(await vendor.nextCall());
    await heard.promise;
    streams.push({ ...stream, call });
  }
  return streams;
}

function openStream(face: Face, { url }: Gateway, heard = () => {}): OpenStream {
  const request = requestTo([{ provider: "slow", model: "m" }]);
  const outcome = face.runStream(url, request, AbortSignal.timeout(30_000), ({ textDelta }) => {
    if (textDelta) heard();
  });
  outcome.catch(() => undefined); // whoever opened it looks at it later
  return { face, outcome };
}

function begun(call: VendorCall): VendorCall {
  call.begin();
  call.send(chunk({ role: "assistant", content: "begun" }));
  return call;
}

function finish(call: VendorCall): void {
  call.send(chunk({ content: " and finished" }));
  call.send(chunk({}, "stop"));
  call.send("[DONE]");
  call.end();
}

function textOf({ events }: StreamOutcome): string {
  const finished = events.at(-1)?.finished as { readonly text?: string } | undefined;
  return finished?.text ?? "";
}
