import { type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type AccessGateway, adminToken, startAccessGateway } from "../access/access-gateway.ts";
import { requestTo } from "../support/echo-request.ts";

const run = "/livellm.v1.AgentService/Run";
const runStream = "/livellm.v1.AgentService/RunStream";
const say = JSON.stringify(requestTo([{ provider: "local", model: "echo" }]));

interface Asked {
  readonly path?: string;
  readonly host: string;
  readonly method?: string;
}

/** As a browser asks whose page is of the site `host`, when that name leads to this machine. */
function ask(gateway: AccessGateway, { path = run, host, method = "POST" }: Asked) {
  const { port } = new URL(gateway.url);
  const headers = { host, origin: `http://${host}`, "content-type": "application/json" };
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const answered = async (response: IncomingMessage) =>
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(await response.toArray()).toString() });
    const asking = request({ host: "127.0.0.1", port, path, method, headers }, (response) => void answered(response));
    asking.on("error", reject).end(method === "POST" ? say : undefined);
  });
}

/** 101 when the handshake is taken. */
function handshake(gateway: AccessGateway, path: string, host: string): Promise<number> {
  const socket = new WebSocket(gateway.url.replace("http", "ws") + path, {
    headers: { host, origin: `http://${host}` },
  });
  return new Promise((resolve, reject) => {
    socket.once("unexpected-response", (_, { statusCode = 0 }) => resolve(statusCode));
    socket.once("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.once("error", reject);
  });
}

const foreign = ["rebound.example.com", "rebound.example.com:8000", "localhost.example.com", "127.0.0.1.example.com"];

describe("a developer's own server, which has no token", () => {
  let gateway: AccessGateway;
  beforeAll(async () => {
    gateway = await startAccessGateway({});
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const paths: readonly Omit<Asked, "host">[] = [
    {},
    { path: "/livellm.v1.ProvidersService/ListProviders" },
    { path: "/livellm/providers/config", method: "GET" },
    { path: "/metrics", method: "GET" },
    { path: "/playground", method: "GET" },
    { path: "/nothing", method: "GET" },
  ];
  test.each(paths)("is not another site's, for %j", async (asked) => {
    const { status, body } = await ask(gateway, { ...asked, host: "rebound.example.com" });
    expect([status, JSON.parse(body).code]).toEqual([403, "permission_denied"]);
  });

  test.each(foreign)("is not called %s, and says how it may be", async (host) => {
    const { status, body } = await ask(gateway, { host });
    expect(status).toBe(403);
    expect(JSON.parse(body).message).toContain("LIVELLM_ADMIN_TOKEN");
    expect(await handshake(gateway, runStream, host)).toBe(403);
    expect(await handshake(gateway, "/livellm/ws", host)).toBe(403);
  });

  const own = [
    "localhost",
    "LOCALHOST:8000",
    "127.0.0.1:8000",
    "[::1]:8000",
    "192.168.1.7",
    "host.docker.internal:8000",
  ];
  test.each(own)("is called %s", async (host) => {
    expect((await ask(gateway, { host })).status).toBe(200);
    expect(await handshake(gateway, runStream, host)).toBe(101);
  });
});

const others: readonly (readonly [status: number, environment: Readonly<Record<string, string>>])[] = [
  [401, { LIVELLM_ADMIN_TOKEN: adminToken }],
  [200, { LIVELLM_ALLOW_ANONYMOUS: "1" }],
];
test.each(others)("a server goes by any name, and answers %i, with %j", async (status, environment) => {
  await using gateway = await startAccessGateway(environment);
  expect((await ask(gateway, { host: "gateway.example.com" })).status).toBe(status);
});
