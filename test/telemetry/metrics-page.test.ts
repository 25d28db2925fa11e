import { request } from "node:http";
import { connect } from "node:http2";
import os from "node:os";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../src/config.ts";
import { type AccessGateway, adminToken, startAccessGateway } from "../access/access-gateway.ts";
import { readScrape } from "./scrape.ts";

/** An address of this machine that is not loopback: who calls it comes from there, too. */
const outside = Object.values(os.networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

interface Asked {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(gateway: AccessGateway, { host = "127.0.0.1", headers = {} }: Asked = {}) {
  const { port } = new URL(gateway.url);
  return await new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; body: Buffer }>(
    (resolve, reject) => {
      const asking = request({ host, port, path: "/metrics", headers }, async (response) => {
        const body = Buffer.concat(await response.toArray());
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
      asking.on("error", reject).end();
    },
  );
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const metricsToken = "metrics-canary-8e2b4a7f";

describe("a gateway with tokens, on every address", () => {
  let gateway: AccessGateway;
  let caller: string;
  beforeAll(async () => {
    const tokens = { LIVELLM_ADMIN_TOKEN: adminToken, LIVELLM_METRICS_TOKEN: metricsToken };
    gateway = await startAccessGateway({ ...tokens, HOST: "0.0.0.0" });
    caller = (await gateway.createToken()).secret;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  test("shows its metrics to whoever asks on the machine itself", async () => {
    const { status, headers, body } = await ask(gateway);
    expect([status, headers["content-type"]]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    expect(readScrape(body.toString()).value("process_memory_usage_bytes")).toBeGreaterThan(1e7);
  });

  const proxied: readonly Readonly<Record<string, string>>[] = [
    { "x-forwarded-for": "203.0.113.9" },
    { "x-forwarded-for": "127.0.0.1" },
    { forwarded: "for=127.0.0.1" },
    { "x-real-ip": "127.0.0.1" },
    { via: "1.1 proxy" },
    { host: "metrics.example.com" },
  ];
  test.each(proxied)("takes what a proxy on the machine passes on for another's: %j", async (headers) => {
    expect((await ask(gateway, { headers })).status).toBe(401);
    expect((await ask(gateway, { headers: { ...headers, ...bearer(caller) } })).status).toBe(403);
    expect((await ask(gateway, { headers: { ...headers, ...bearer(adminToken) } })).status).toBe(200);
  });

  test.skipIf(!outside)("shows them elsewhere to the administrator alone, whatever a header says", async () => {
    const host = String(outside);
    const from = async (headers: Readonly<Record<string, string>>) => (await ask(gateway, { host, headers })).status;
    expect(await from({})).toBe(401);
    expect(await from({ host: "localhost" })).toBe(401);
    expect(await from({ "x-forwarded-for": "127.0.0.1", host: "127.0.0.1" })).toBe(401);
    expect(await from(bearer("llm_wrong"))).toBe(401);
    expect(await from(bearer(caller))).toBe(403);
    expect(await from(bearer(adminToken))).toBe(200);
    expect(await from({ authorization: `Basic ${btoa(`any:${adminToken}`)}` })).toBe(200);
  });

  test("has a token for them that may do nothing else", async () => {
    const headers = { via: "1.1 proxy", ...bearer(metricsToken) };
    expect((await ask(gateway, { headers })).status).toBe(200);
    for (const rpc of ["ModelsService/ListModels", "ProvidersService/ListProviders", "AgentService/Run"]) {
      expect((await gateway.call(rpc, {}, metricsToken)).status).toBe(401);
    }
    expect(gateway.log()).not.toContain(metricsToken);
  });

  test("says why not, and nothing of what it would have shown", async () => {
    const { headers, body } = await ask(gateway, { headers: { via: "1.1 proxy" } });
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(headers["www-authenticate"]).toMatch(/^Bearer/);
    expect(JSON.parse(body.toString())).toMatchObject({ code: "unauthenticated" });
    expect(body.toString()).not.toContain("process_");
  });

  test("compresses them for who asks for that", async () => {
    const { headers, body } = await ask(gateway, { headers: { "accept-encoding": "gzip" } });
    expect(headers["content-encoding"]).toBe("gzip");
    expect(readScrape(gunzipSync(body).toString()).samples.length).toBeGreaterThan(5);
  });

  test("speaks HTTP/2 as well, and knows where that comes from", async () => {
    const session = connect(gateway.url.replace("0.0.0.0", "127.0.0.1"));
    const status = (headers: Readonly<Record<string, string>>) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ":path": "/metrics", ...headers });
        stream.on("response", (head) => resolve(head[":status"])).on("error", reject);
        stream.resume();
      });
    expect(await status({})).toBe(200);
    expect(await status({ "x-forwarded-for": "203.0.113.9" })).toBe(401);
    expect(await status({ ":authority": "metrics.example.com" })).toBe(401);
    session.close();
  });
});

test("the metrics' token cannot be the administrators'", () => {
  const environment = { LIVELLM_ADMIN_TOKEN: adminToken, LIVELLM_METRICS_TOKEN: adminToken };
  expect(() => readConfig(environment)).toThrow(/LIVELLM_METRICS_TOKEN: it must be another/);
});

test.skipIf(!outside)(
  "without any token, where anonymous callers may do everything, they may see this too",
  async () => {
    await using gateway = await startAccessGateway({ LIVELLM_ALLOW_ANONYMOUS: "1", HOST: "0.0.0.0" });
    expect((await ask(gateway, { host: String(outside) })).status).toBe(200);
  },
);
