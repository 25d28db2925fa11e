import { afterEach, describe, expect, test } from "vitest";
import { post, requestOf, runStreamPath, type TestServer, until } from "./test-server.ts";
import {
  dial,
  handshake,
  open,
  rawFrame,
  refusal,
  startWebSocketServer,
  transcribePath,
  type WebSocketServerOptions,
} from "./web-socket-server.ts";

const servers: TestServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

async function start(options?: WebSocketServerOptions): Promise<TestServer> {
  const server = await startWebSocketServer(options);
  servers.push(server);
  return server;
}

const allowed = "https://app.example.com";

describe("a handshake", () => {
  test("on a path without an RPC is 404 with the error object", async () => {
    const { httpStatus, headers, body } = await refusal(
      await start(),
      handshake("/livellm.v1.AgentService/Runn", { "x-request-id": "mine" }),
    );
    expect(httpStatus).toBe(404);
    expect(headers).toMatchObject({ "content-type": "application/json", "x-request-id": "mine", connection: "close" });
    expect(body).toMatchObject({
      code: "not_found",
      message: expect.stringContaining("/livellm.v1.AgentService/RunStream"),
      details: [{ debug: { reason: "REASON_NOT_FOUND", requestId: "mine" } }],
    });
  });

  test.each(["https://evil.example", "https://app.example.com.evil.example", "null", "garbage"])(
    "of a page of %s is 403, whatever the path",
    async (origin) => {
      const server = await start({ allowedOrigins: [allowed] });
      for (const path of [runStreamPath, "/nothing"]) {
        const { httpStatus, body } = await refusal(server, handshake(path, { origin }));
        expect(httpStatus).toBe(403);
        expect(body).toMatchObject({ code: "permission_denied", message: expect.stringContaining("allow-list") });
      }
    },
  );

  test.each([
    ["on the list", [allowed], () => allowed],
    ["any, when the list has *", ["*"], () => "https://anything.example"],
    ["this server itself", [], (server: TestServer) => `http://127.0.0.1:${server.port}`],
    [
      "this server itself, behind a proxy that does TLS",
      [],
      (server: TestServer) => `https://127.0.0.1:${server.port}`,
    ],
    ["not given, as programs do", [], () => undefined],
  ] as const)("is taken when its origin is %s", async (_, allowedOrigins, originOf) => {
    const server = await start({ allowedOrigins });
    const origin = originOf(server);
    const client = await open(server, runStreamPath, { headers: origin ? { origin } : {} });
    client.send(requestOf("x"));
    expect(await client.status()).toEqual({ code: "ok" });
  });

  test("of another port of the same host is 403", async () => {
    const server = await start();
    const { httpStatus } = await refusal(server, handshake(runStreamPath, { origin: "http://127.0.0.1:1" }));
    expect(httpStatus).toBe(403);
  });

  test.each([
    ["the wrong HTTP method", "POST", {}, 405, /GET/],
    ["another version of the protocol", "GET", { "sec-websocket-version": "12" }, 426, /version 13/],
    ["no version", "GET", { "sec-websocket-version": undefined }, 426, /version 13/],
    ["no key", "GET", { "sec-websocket-key": undefined }, 400, /sec-websocket-key/],
    ["a key that is too short", "GET", { "sec-websocket-key": "AAAA" }, 400, /sec-websocket-key/],
  ] as const)("with %s is refused with a reason", async (_, verb, headers, httpStatus, message) => {
    const answer = await refusal(await start(), handshake(runStreamPath, headers, verb));
    expect(answer.httpStatus).toBe(httpStatus);
    expect(answer.body).toMatchObject({ code: "invalid_argument", message: expect.stringMatching(message) });
  });

  test("that asks to become something else is answered as the plain request it is", async () => {
    const server = await start();
    const { httpStatus, body } = await refusal(
      server,
      handshake(runStreamPath, { upgrade: "telnet", connection: "Upgrade, close" }),
    );
    expect(httpStatus).toBe(405);
    expect(body).toMatchObject({ code: "invalid_argument" });
  });

  test.each([
    [["livellm.v1"], "livellm.v1"],
    [["bearer.abc", "livellm.v1"], "livellm.v1"],
    [[], ""],
  ])("that offers the subprotocols %j gets %j", async (protocols, protocol) => {
    const client = await open(await start(), runStreamPath, { protocols });
    expect(client.socket.protocol).toBe(protocol);
    client.leave();
  });

  test("that offers only subprotocols nobody knows gets none of them", async () => {
    const server = await start();
    const socket = await dial(server);
    socket.write(handshake(runStreamPath, { "sec-websocket-protocol": "graphql-ws" }));
    const [answer] = (await new Promise((resolve) => socket.once("data", (data) => resolve([data])))) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 101 /);
    expect(answer.toString()).not.toMatch(/sec-websocket-protocol/i);
    socket.destroy();
  });

  test("gets no compression, and its request's id back", async () => {
    const server = await start();
    const socket = await dial(server);
    const headers = { "sec-websocket-extensions": "permessage-deflate", "x-request-id": "mine" };
    socket.write(handshake(runStreamPath, headers));
    const answer = String(await new Promise((resolve) => socket.once("data", resolve)));
    expect(answer).toMatch(/^x-request-id: mine\r$/m);
    expect(answer).not.toMatch(/sec-websocket-extensions/i);
    socket.destroy();
  });

  test("that comes with its first frame in the same packet loses nothing", async () => {
    const socket = await dial(await start());
    const message = rawFrame("text", JSON.stringify(requestOf("x")));
    socket.write(Buffer.concat([Buffer.from(handshake(runStreamPath)), message]));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    await until(() => Buffer.concat(chunks).includes('{"status":{"code":"ok"}}'));
    socket.destroy();
  });
});

describe("while the server drains", () => {
  test("handshakes get 503, those of the health service excepted", async () => {
    const server = await start();
    // A server that drains takes no new connections, and answers on those it has.
    const [first, second] = [await dial(server), await dial(server)];
    server.drain();
    first.write(handshake(runStreamPath));
    expect(Buffer.concat(await first.toArray()).toString()).toMatch(/^HTTP\/1\.1 503 [\s\S]*"code":"unavailable"/);
    second.write(handshake("/grpc.health.v1.Health/Check"));
    expect(String(await new Promise((resolve) => second.once("data", resolve)))).toMatch(/^HTTP\/1\.1 101 /);
    second.destroy();
  });

  test("calls under way finish, and sockets without a call end with unavailable", async () => {
    const server = await start();
    const busy = await open(server, transcribePath);
    const start1 = {
      start: { route: requestOf("x").route, format: { mimeType: "audio/pcm", sampleRateHertz: 16000 } },
    };
    busy.send(start1);
    await until(() => busy.frames.length === 1);
    const idle = await open(server, transcribePath);
    server.drain();
    expect(await idle.status()).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("shutting down"),
    });
    const closing = server.close(10_000);
    busy.send({ end: {} });
    expect(await busy.status()).toEqual({ code: "ok" });
    const began = performance.now();
    await closing;
    expect(performance.now() - began, "closes as soon as the last socket is").toBeLessThan(2_000);
  });

  test("what has not finished ends as unavailable when the grace is over", async () => {
    const server = await start();
    const busy = await open(server, transcribePath);
    busy.send({ start: { route: requestOf("x").route, format: { mimeType: "audio/pcm", sampleRateHertz: 16000 } } });
    await until(() => busy.frames.length === 1);
    server.drain();
    await server.close(20);
    expect(await busy.status()).toMatchObject({ code: "unavailable", message: expect.stringContaining("shut down") });
    expect(await busy.closed).toMatchObject({ code: 1000 });
    expect(server.log.filter(({ msg }) => msg === "rpc")).toMatchObject([{ code: "unavailable", face: "websocket" }]);
  });
});

test("other faces are served on the same port as before", async () => {
  const server = await start();
  expect((await post(server.url + runStreamPath, requestOf("x"))).status).toBe(200);
});
