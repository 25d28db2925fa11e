import http2 from "node:http2";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { pino } from "pino";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { createErrorExplainer } from "../../src/interceptors/explain-error.ts";
import { createInterceptors } from "../../src/interceptors/index.ts";
import { callOriginKey } from "../../src/transport/call-origin.ts";
import { createHealth } from "../../src/transport/health.ts";
import { createHttpHandler } from "../../src/transport/http-handler.ts";
import { createLimitsInterceptor } from "../../src/transport/limits.ts";
import { CallSlots, type SlotLimits } from "../../src/transport/limits-slots.ts";
import { type Listening, type ListenOptions, listen } from "../../src/transport/listener.ts";
import { createWebSocketFace } from "../../src/transport/web-socket.ts";
import { faces } from "../support/faces.ts";
import { echoRoutes } from "../transport/echo-services.ts";
import { answerOf, post, requestOf, runPath, runStreamPath, until } from "../transport/test-server.ts";

const usual: SlotLimits = { maxCalls: 2, maxCallsPerCaller: 2, maxQueued: 8, queueTimeoutMs: 5_000 };

interface LimitedServer extends Listening {
  readonly slots: CallSlots;
  /** Lets the calls end that are under way, and all that come. */
  open(): void;
  /** Calls that have reached the service. */
  readonly reached: AbortSignal[];
}

interface LimitedOptions extends Partial<SlotLimits> {
  readonly maxSessionMs?: number;
  readonly listening?: Partial<ListenOptions>;
}

const servers: LimitedServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

/** The product's transport with limits, and an agent that answers when it is told to. */
async function start({
  maxSessionMs = 60_000,
  listening = {},
  ...limits
}: LimitedOptions = {}): Promise<LimitedServer> {
  const gate = Promise.withResolvers<void>();
  const reached: AbortSignal[] = [];
  const hold = (signal: AbortSignal) => {
    reached.push(signal);
    return Promise.race([
      gate.promise,
      new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
    ]);
  };
  const routes = echoRoutes({
    async run(_, { signal }) {
      await hold(signal);
      return {};
    },
    async *runStream(_, { signal }) {
      yield textDelta("first");
      await hold(signal);
      yield textDelta("last");
    },
  });
  const slots = new CallSlots({ ...usual, ...limits });
  const callerOf = ({ header }: { readonly header: Headers }) => header.get("x-user-id") ?? "";
  const admission = createLimitsInterceptor({ ...usual, ...limits, maxSessionMs, callerOf }, slots);
  const logger = pino({ level: "silent" });
  const explainError = createErrorExplainer(logger);
  const health = createHealth([]);
  const handler = createHttpHandler({
    routes: [...routes, health.route],
    interceptors: createInterceptors({
      logger,
      explainError,
      originKey: callOriginKey,
      limits: { maxMediaBytes: 1024 },
      admission,
    }),
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 1024 * 1024 },
    logger,
  });
  const webSocket = createWebSocketFace({
    dispatcher: handler.dispatcher,
    explainError,
    allowedOrigins: [],
    limits: { maxMessageBytes: 1024 },
    logger,
  });
  const server = await listen({
    port: 0,
    host: "127.0.0.1",
    handler: handler.handle,
    onStream: handler.handleStream,
    onUpgrade: webSocket.onUpgrade,
    ...listening,
  });
  const limited = { ...server, slots, reached, open: gate.resolve };
  servers.push(limited);
  return limited;
}

function textDelta(text: string) {
  return { event: { case: "textDelta" as const, value: { text } } };
}

const run = (server: LimitedServer, user = "a", headers: Record<string, string> = {}) =>
  post(server.url + runPath, requestOf("x"), { "x-user-id": user, ...headers });

describe("calls beyond the limit", () => {
  test("wait for others to end", async () => {
    const server = await start();
    const answers = [run(server), run(server), run(server)];
    await until(() => server.reached.length === 2 && server.slots.waiting === 1);
    server.open();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect([server.slots.running, server.slots.waiting, server.slots.callers]).toEqual([0, 0, 0]);
  });

  test("that would wait too long are refused, with a time to wait", async () => {
    const server = await start({ maxCalls: 1, queueTimeoutMs: 20 });
    const first = run(server);
    await until(() => server.reached.length === 1);
    const response = await run(server, "b");
    expect(response.status).toBe(429);
    expect(await answerOf(response)).toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("(1)"),
      details: [{ debug: { reason: "REASON_OVERLOADED", retryAfter: "1s" } }],
    });
    server.open();
    expect((await first).status).toBe(200);
  });

  test("are refused at once when as many wait as may", async () => {
    const server = await start({ maxCalls: 1, maxQueued: 1 });
    const accepted = [run(server), run(server, "b")];
    await until(() => server.slots.waiting === 1);
    const refusal = await answerOf(run(server, "c"));
    expect(refusal).toMatchObject({
      code: "resource_exhausted",
      details: [{ debug: { reason: "REASON_OVERLOADED" } }],
    });
    server.open();
    expect((await Promise.all(accepted)).map(({ status }) => status)).toEqual([200, 200]);
  });

  test("of one caller do not hold up another's", async () => {
    const server = await start({ maxCalls: 3, maxCallsPerCaller: 1, queueTimeoutMs: 50 });
    const mine = run(server, "greedy");
    await until(() => server.reached.length === 1);
    const waiting = answerOf(run(server, "greedy"));
    await until(() => server.slots.waiting === 1);
    const other = run(server, "modest");
    await until(() => server.reached.length === 2);
    expect(await waiting).toMatchObject({
      code: "resource_exhausted",
      message: expect.stringContaining("1 calls under way"),
      details: [{ debug: { reason: "REASON_CALLER_LIMITED", retryAfter: "1s" } }],
    });
    server.open();
    expect([(await mine).status, (await other).status]).toEqual([200, 200]);
  });

  test("of one caller may fill a quarter of the queue", async () => {
    const server = await start({ maxCalls: 1, maxQueued: 8 });
    const greedy = Array.from({ length: 4 }, () => run(server, "greedy"));
    const statuses = Promise.all(greedy.map(async (call) => (await call).status));
    await until(() => server.slots.waiting === 2);
    const other = run(server, "modest");
    await until(() => server.slots.waiting === 3);
    server.open();
    expect((await statuses).toSorted()).toEqual([200, 200, 200, 429]);
    expect((await other).status).toBe(200);
  });

  test.each(faces)("are refused over $name", async (face) => {
    const server = await start({ maxCalls: 1, maxQueued: 0 });
    const first = run(server);
    await until(() => server.reached.length === 1);
    const { events, status } = await face.runStream(server.url, requestOf("x"), AbortSignal.timeout(5_000));
    expect(events).toEqual([]);
    expect(status).toMatchObject({ code: "resource_exhausted", detail: { reason: "REASON_OVERLOADED" } });
    server.open();
    await first;
  });

  test("are refused over a WebSocket", async () => {
    const server = await start({ maxCalls: 1, maxQueued: 0 });
    const first = run(server);
    await until(() => server.reached.length === 1);
    expect(await lastFrame(server)).toMatchObject({ status: { code: "resource_exhausted" } });
    server.open();
    await first;
  });

  test("of the health service are always answered", async () => {
    const server = await start({ maxCalls: 1, maxQueued: 0 });
    const first = run(server);
    await until(() => server.reached.length === 1);
    const health = await post(`${server.url}/grpc.health.v1.Health/Check`, {});
    expect(await health.json()).toEqual({ status: "SERVING" });
    server.open();
    await first;
  });

  test("that wait end with their caller's deadline", async () => {
    const server = await start({ maxCalls: 1 });
    const first = run(server);
    await until(() => server.reached.length === 1);
    const late = await answerOf(run(server, "b", { "x-timeout-ms": "30" }));
    expect(late.code).toBe("deadline_exceeded");
    expect(server.slots.waiting).toBe(0);
    server.open();
    await first;
  });
});

function lastFrame(server: LimitedServer): Promise<unknown> {
  const socket = new WebSocket(server.url.replace("http", "ws") + runStreamPath);
  return new Promise((resolve, reject) => {
    let last = "";
    socket.on("open", () => socket.send(JSON.stringify(requestOf("x"))));
    socket.on("message", (data) => {
      last = String(data);
    });
    socket.on("close", () => resolve(JSON.parse(last)));
    socket.on("error", reject);
  });
}

describe("no slot is left", () => {
  test("after 10,000 calls that were cancelled under way or waiting", async () => {
    const slots = new CallSlots({ maxCalls: 100, maxCallsPerCaller: 50, maxQueued: 400, queueTimeoutMs: 60_000 });
    const refused: unknown[] = [];
    for (let round = 0; round < 20; round++) {
      const calls = Array.from({ length: 500 }, (_, i) => {
        const abort = new AbortController();
        return { abort, entered: enter(slots, `caller-${i % 7}`, abort.signal, refused) };
      });
      for (const { abort } of shuffled(calls, round)) abort.abort(new Error("gone"));
      await Promise.all(calls.map(({ entered }) => entered));
    }
    expect([slots.running, slots.waiting, slots.callers]).toEqual([0, 0, 0]);
    expect(refused.length).toBeGreaterThan(0);
  });

  /** A call that goes on until it is cancelled. */
  async function enter(slots: CallSlots, caller: string, signal: AbortSignal, refused: unknown[]): Promise<void> {
    try {
      using _ = await slots.enter(caller, signal);
      if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    } catch (error) {
      refused.push(error);
    }
  }

  function shuffled<T>(items: readonly T[], seed: number): readonly T[] {
    return items
      .map((item, i) => ({ item, rank: ((i + 1) * 7919 * (seed + 3)) % 10_007 }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }

  test.each(faces)("after calls over $name that were cancelled in every phase", async (face) => {
    const server = await start({ maxCalls: 4, maxCallsPerCaller: 4, maxQueued: 100 });
    const phases = Array.from({ length: 60 }, async (_, i) => {
      const abort = new AbortController();
      const outcome = face.runStream(server.url, requestOf("x"), abort.signal, () => i % 3 === 0 && abort.abort());
      if (i % 3 === 1) abort.abort();
      if (i % 3 === 2) setImmediate(() => abort.abort());
      await outcome.catch(() => undefined);
    });
    await Promise.all(phases);
    await until(() => server.slots.running === 0 && server.slots.waiting === 0);
    expect(server.slots.callers).toBe(0);
  });

  test("after calls over gRPC that fail, and calls that end well", async () => {
    const server = await start();
    server.open();
    const client = createClient(AgentService, createGrpcTransport({ baseUrl: server.url }));
    await expect(client.run({})).rejects.toMatchObject({ rawMessage: expect.stringContaining("route") });
    await client.run(requestOf("x"));
    expect(await Array.fromAsync(client.runStream(requestOf("x")))).toHaveLength(2);
    expect(server.slots.running).toBe(0);
  });

  test("after a call whose answer nobody has asked for", async () => {
    const slots = new CallSlots(usual);
    const caller = new AbortController();
    await answerThrough(slots, 60_000, caller.signal);
    expect(slots.running).toBe(1);
    caller.abort(new Error("gone"));
    expect(slots.running).toBe(0);
  });

  test("and giving one back twice gives back one", () => {
    const slots = new CallSlots(usual);
    const never = new AbortController().signal;
    const [first, second] = [slots.enter("a", never), slots.enter("a", never)];
    if (first instanceof Promise || second instanceof Promise) throw new Error("there was room");
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(slots.running).toBe(1);
    second[Symbol.dispose]();
    expect(slots.running).toBe(0);
  });
});

describe("a stream that goes on for too long", () => {
  test.each(faces)("is ended over $name with a status that says so", async (face) => {
    const server = await start({ maxSessionMs: 100 });
    const { events, status } = await face.runStream(server.url, requestOf("x"), AbortSignal.timeout(5_000));
    expect(events).toEqual([{ textDelta: { text: "first" } }]);
    expect(status).toMatchObject({ code: "deadline_exceeded", detail: { reason: "REASON_TIMEOUT" } });
    expect(status.message).toContain("0.1 s");
    expect(server.reached[0]?.aborted).toBe(true);
    expect(server.slots.running).toBe(0);
  });

  test("and that swallows its signal does not look complete", async () => {
    const slots = new CallSlots(usual);
    const response = await answerThrough(slots, 10, new AbortController().signal);
    await expect(Array.fromAsync(response.message as AsyncIterable<unknown>)).rejects.toMatchObject({
      code: "deadline_exceeded",
    });
    expect(slots.running).toBe(0);
  });
});

/** The answer of a service that ends without a word when its signal is aborted. */
function answerThrough(slots: CallSlots, maxSessionMs: number, signal: AbortSignal) {
  const interceptor = createLimitsInterceptor({ ...usual, maxSessionMs, callerOf: () => "" }, slots);
  const call = interceptor(
    async (request) =>
      ({
        ...(request as never as object),
        stream: true,
        message: (async function* () {
          await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
        })(),
      }) as never,
  );
  return call({ stream: true, service: AgentService, signal } as never);
}

describe("connections", () => {
  test("beyond the limit are closed at once, and the others go on", async () => {
    const server = await start({ maxCalls: 10, maxCallsPerCaller: 10, listening: { maxConnections: 1 } });
    const first = run(server);
    await until(() => server.reached.length === 1);
    await expect(run(server)).rejects.toThrow();
    server.open();
    expect((await first).status).toBe(200);
  });

  test("with a head that is too large are told so", async () => {
    const server = await start({ listening: { maxHeaderBytes: 2_048 } });
    server.open();
    expect((await run(server, "a", { "x-filler": "x".repeat(1_000) })).status).toBe(200);
    expect((await run(server, "a", { "x-filler": "x".repeat(3_000) })).status).toBe(431);
  });

  test("with a head that is too large have that stream refused over HTTP/2, and no other", async () => {
    const server = await start({ listening: { maxHeaderBytes: 2_048 } });
    const session = http2.connect(server.url);
    // The limit holds from when the client has heard of it.
    expect(await pingOver(session, 100)).toBe(200);
    await expect(pingOver(session, 5_000)).rejects.toThrow("ENHANCE_YOUR_CALM");
    expect(await pingOver(session, 100)).toBe(200);
    session.destroy();
  });

  function pingOver(session: http2.ClientHttp2Session, fillerBytes: number): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const stream = session.request({ ":path": "/ping", "x-filler": "x".repeat(fillerBytes) });
      stream.on("response", (headers) => resolve(headers[":status"])).on("error", reject);
      stream.resume().end();
    });
  }

  test("have so many streams at a time, and the rest waits with the client", async () => {
    const server = await start({ maxCalls: 10, maxCallsPerCaller: 10, listening: { maxConcurrentStreams: 2 } });
    const client = createClient(AgentService, createGrpcTransport({ baseUrl: server.url }));
    // The client learns of the limit with the server's first frame.
    const warm = new AbortController();
    const first = client.run(requestOf("x"), { signal: warm.signal }).catch(() => undefined);
    await until(() => server.reached.length === 1);
    warm.abort();
    await first;
    await until(() => server.slots.running === 0);
    const calls = Array.from({ length: 4 }, () => client.run(requestOf("x")));
    await until(() => server.slots.running === 2);
    await post(`${server.url}/grpc.health.v1.Health/Check`, {});
    expect(server.slots.running).toBe(2);
    server.open();
    await Promise.all(calls);
  });
});
