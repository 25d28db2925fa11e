import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import { text } from "node:stream/consumers";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { AgentService } from "../../gen/livellm/v1/agent_service_pb.ts";
import { TranscriptionService } from "../../gen/livellm/v1/transcription_service_pb.ts";
import { faces } from "../support/faces.ts";
import { createGrpcClient } from "../support/grpc-client.ts";
import {
  post,
  requestOf,
  runPath,
  runStreamPath,
  startTestServer,
  type TestServer,
  type TestServerOptions,
  until,
} from "./test-server.ts";

const servers: TestServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

async function start(options?: TestServerOptions): Promise<TestServer> {
  const server = await startTestServer(options);
  servers.push(server);
  return server;
}

/** A connection on which bytes are written by hand. */
async function connect(
  server: TestServer,
): Promise<{ socket: net.Socket; received: () => Buffer; closed: Promise<void> }> {
  const socket = net.connect(server.port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.setNoDelay(true).on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return { socket, received: () => Buffer.concat(chunks), closed };
}

/** An agent whose answers go on until they are let go. */
function gatedAgent() {
  const gate = Promise.withResolvers<void>();
  const calls: AbortSignal[] = [];
  return {
    open: gate.resolve,
    calls,
    agent: {
      async run(_: unknown, { signal }: { signal: AbortSignal }) {
        calls.push(signal);
        await Promise.race([gate.promise, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
        signal.throwIfAborted();
        return { text: "last" };
      },
      async *runStream(_: unknown, { signal }: { signal: AbortSignal }) {
        calls.push(signal);
        yield { event: { case: "textDelta" as const, value: { text: "first" } } };
        await Promise.race([gate.promise, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
        yield { event: { case: "textDelta" as const, value: { text: "last" } } };
      },
    },
  };
}

const unaryTransports: readonly (readonly [string, (baseUrl: string) => Transport])[] = [
  ["gRPC", (baseUrl) => createGrpcTransport({ baseUrl })],
  ["gRPC-Web", (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" })],
  ["Connect", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true })],
  ["plain HTTP", (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" })],
];

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  return call.then(
    () => Promise.reject(new Error("the call has not failed")),
    (error: unknown) => ConnectError.from(error),
  );
}

/** A caller that says nothing. */
async function* silent(silence: Promise<never>): AsyncGenerator<never> {
  yield await silence;
}

describe("one port", () => {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

  test("speaks HTTP/2 to a preface that comes byte by byte", async () => {
    const { socket, received } = await connect(await start());
    for (const byte of [...preface, ...emptySettings]) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received().length >= 9);
    expect(received()[3], "the type of the first frame: SETTINGS").toBe(4);
    socket.destroy();
  });

  test("speaks HTTP/1.1 to a request that comes byte by byte", async () => {
    const { socket, received } = await connect(await start());
    for (const byte of Buffer.from("GET /ping HTTP/1.1\r\nhost: x\r\n\r\n")) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => received().includes('{"status":"ok"}'));
    socket.destroy();
  });

  test.each(["PRI nonsense\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\nX", "\u0000\u0001\u0002\r\n\r\n"])(
    "answers garbage with 400: %j",
    async (garbage) => {
      const { socket, received, closed } = await connect(await start());
      socket.write(garbage);
      await closed;
      expect(received().toString()).toMatch(/^HTTP\/1.1 400/);
    },
  );

  test("survives garbage after a good preface", async () => {
    const server = await start();
    const { socket, closed } = await connect(server);
    socket.write(Buffer.concat([preface, Buffer.alloc(200, 0xff)]));
    await closed;
    expect((await fetch(`${server.url}/ping`)).status).toBe(200);
  });

  test("drops a connection that says nothing, and one that stops within the preface", async () => {
    const server = await start({ listen: { firstByteTimeoutMs: 50 } });
    const silent = await connect(server);
    const halted = await connect(server);
    halted.socket.write("PRI * HT");
    await Promise.all([silent.closed, halted.closed]);
    expect(silent.received().length + halted.received().length).toBe(0);
  });

  test("survives clients that reset at once, mid-preface and mid-request", async () => {
    const server = await start();
    for (const bytes of ["", "PRI *", "POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc", preface]) {
      const { socket, closed } = await connect(server);
      socket.write(bytes);
      socket.resetAndDestroy();
      await closed;
    }
    expect((await fetch(`${server.url}/ping`)).status).toBe(200);
  });

  test("refuses headers without measure", async () => {
    const server = await start();
    const response = await fetch(`${server.url}/ping`, { headers: { "x-long": "x".repeat(40_000) } });
    expect(response.status).toBe(431);
  });

  test("answers an offer of h2c in HTTP/1.1", async () => {
    const { socket, received } = await connect(
      await start({ listen: { onUpgrade: (_request, upgraded) => upgraded.end("upgraded") } }),
    );
    socket.write(
      "GET /ping HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n",
    );
    await until(() => received().includes('{"status":"ok"}'));
    socket.destroy();
  });

  test("hands WebSockets to whoever takes them", async () => {
    const sockets = new WebSocketServer({ noServer: true });
    const server = await start({
      listen: {
        onUpgrade: (request, socket, head) =>
          sockets.handleUpgrade(request, socket, head, (client) =>
            client.on("message", (data) => client.send(`got ${data}`)),
          ),
      },
    });
    const client = new WebSocket(server.url.replace("http", "ws"));
    const answer = await new Promise((resolve) => {
      client.on("open", () => client.send("it"));
      client.on("message", (data) => resolve(String(data)));
    });
    expect(answer).toBe("got it");
    client.terminate();
  });

  test("says when the port is taken", async () => {
    const { port } = await start();
    await expect(start({ listen: { port } })).rejects.toThrow("EADDRINUSE");
  });
});

describe("a connection that has become old", () => {
  test("is told to go elsewhere, and its streams finish", async () => {
    const gated = gatedAgent();
    const server = await start({ agent: gated.agent, listen: { maxConnectionAgeMs: 100 } });
    const session = http2.connect(server.url);
    const goaway = once(session, "goaway");
    const closed = once(session, "close");
    const stream = session.request({ ":method": "POST", ":path": runStreamPath, "content-type": "application/json" });
    const answer = text(stream);
    stream.end(JSON.stringify(requestOf("x")));
    await goaway;
    gated.open();
    expect(await answer).toContain("last");
    await closed;
  });

  test("costs a gRPC client nothing: it calls on over a new one", async () => {
    const server = await start({ listen: { maxConnectionAgeMs: 200 } });
    using client = createGrpcClient(server.url);
    const end = performance.now() + 1_500;
    let calls = 0;
    while (performance.now() < end) {
      await client.unary("AgentService/Run", requestOf("x"));
      calls++;
    }
    expect(calls).toBeGreaterThan(10);
  });
});

describe("a shutdown", () => {
  test.each(["HTTP/1.1", "HTTP/2"])("lets a stream over %s finish, and takes nothing new", async (version) => {
    const gated = gatedAgent();
    const server = await start({ agent: gated.agent });
    const transport =
      version === "HTTP/2"
        ? createGrpcTransport({ baseUrl: server.url })
        : createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" });
    const stream = createClient(AgentService, transport).runStream(requestOf("x"))[Symbol.asyncIterator]();
    await stream.next();
    server.drain();
    const closed = server.close(10_000);
    await expect(fetch(`${server.url}/ping`)).rejects.toThrow();
    gated.open();
    expect((await stream.next()).value.event.value).toMatchObject({ text: "last" });
    expect((await stream.next()).done).toBe(true);
    const startMs = performance.now();
    await closed;
    expect(performance.now() - startMs, "closes as soon as the last call is over").toBeLessThan(2_000);
  });

  describe.each([true, false])("when the grace is over (hot path: %s)", (hotPath) => {
    test.each(faces)("ends what has not finished over $name as unavailable", async (face) => {
      const gated = gatedAgent();
      const server = await start({ agent: gated.agent, hotPath });
      const begun = Promise.withResolvers<void>();
      const outcome = face.runStream(server.url, requestOf("x"), AbortSignal.timeout(10_000), () => begun.resolve());
      await begun.promise;
      await server.close(20);
      expect(gated.calls[0]?.aborted).toBe(true);
      const { status } = await outcome;
      expect(status).toMatchObject({
        code: "unavailable",
        message: expect.stringContaining("shut down"),
        detail: { reason: "REASON_OVERLOADED" },
      });
      expect(server.log.filter(({ msg }) => msg === "rpc")).toMatchObject([{ code: "unavailable" }]);
    });

    test.each(unaryTransports)("answers what waits for its answer over %s with unavailable", async (_, transport) => {
      const gated = gatedAgent();
      const server = await start({ agent: gated.agent, hotPath });
      const failure = failureOf(createClient(AgentService, transport(server.url)).run(requestOf("x")));
      await until(() => gated.calls.length === 1);
      await server.close(20);
      expect(await failure).toMatchObject({ code: Code.Unavailable, details: [{ type: "livellm.v1.ErrorDetail" }] });
    });
  });

  describe.each([true, false])("does not wait for the rest of a request (hot path: %s)", (hotPath) => {
    test.each(["application/json", "application/proto", "application/grpc-web", "application/connect+proto"])(
      "%s",
      async (contentType) => {
        const server = await start({ hotPath });
        const { socket, received } = await connect(server);
        const path = contentType === "application/connect+proto" ? runStreamPath : runPath;
        const head = `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: ${contentType}\r\ncontent-length: 9\r\n`;
        socket.write(`${head}\r\n`);
        await (await fetch(`${server.url}/ping`)).text(); // by then it has been read
        const closed = server.close(20);
        await until(() => /"code":"unavailable"|grpc-status: 14/.test(received().toString()), 900);
        socket.destroy();
        await closed;
      },
    );
  });

  test.each([true, false])("does not wait for the first message of a call (hot path: %s)", async (hotPath) => {
    const server = await start({ hotPath });
    const transports = [
      createGrpcTransport({ baseUrl: server.url }),
      createConnectTransport({ baseUrl: server.url, httpVersion: "2" }),
    ];
    const silence = Promise.withResolvers<never>();
    const failures = transports.map((transport) => {
      const call = createClient(TranscriptionService, transport).transcribeStream(silent(silence.promise));
      return failureOf(call[Symbol.asyncIterator]().next());
    });
    // They come over the same connections, and later.
    for (const transport of transports) await createClient(AgentService, transport).run(requestOf("x"));
    await server.close(20);
    for (const failure of await Promise.all(failures)) {
      expect(failure).toMatchObject({ code: Code.Unavailable, details: [{ type: "livellm.v1.ErrorDetail" }] });
    }
  });

  test("cuts who has not sent or read to the end a second after the grace", async () => {
    const server = await start();
    const half = await connect(server);
    half.socket.write(`POST ${runPath} HTTP/1.1\r\n`);
    await (await fetch(`${server.url}/ping`)).text(); // by then it has been read
    await server.close(20);
    await half.closed;
  });

  test("does not wait for connections that are idle or have said nothing", async () => {
    const server = await start();
    await connect(server);
    await (await fetch(`${server.url}/ping`)).text();
    const session = http2.connect(server.url);
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    const goaway = new Promise((resolve) => session.once("goaway", resolve));
    const startMs = performance.now();
    await server.close(10_000);
    expect(performance.now() - startMs).toBeLessThan(2_000);
    await goaway;
  });

  test("refuses new calls on open connections while it drains, on every face, health excepted", async () => {
    const server = await start();
    const grpc = createClient(AgentService, createGrpcTransport({ baseUrl: server.url }));
    await grpc.run(requestOf("x"));
    server.drain();
    for (const path of [runPath, runStreamPath]) {
      const response = await post(server.url + path, requestOf("x"));
      expect(response.status).toBe(503);
      expect(response.headers.get("connection")).toBe("close");
      expect(await response.json()).toMatchObject({
        code: "unavailable",
        details: [{ type: "livellm.v1.ErrorDetail" }],
      });
    }
    await expect(grpc.run(requestOf("x"))).rejects.toThrow(/unavailable.*shutting down/);
    const health = await post(`${server.url}/grpc.health.v1.Health/Check`, {});
    expect(await health.json()).toEqual({ status: "NOT_SERVING" });
  });
});
