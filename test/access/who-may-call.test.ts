import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ServerReflection as ReflectionV1 } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { mintToken } from "../../src/access/mint-token.ts";
import { type AccessGateway, adminToken, startAccessGateway } from "./access-gateway.ts";
import { type Ending, type Face, faces } from "./faces.ts";

const unauthenticated: Ending = "unauthenticated REASON_UNAUTHENTICATED";
const denied: Ending = "permission_denied REASON_PERMISSION_DENIED";

/** Bearers who get nowhere; what they send is known once the gateway is there. */
const strangers = ["nobody", "a stranger", "an expired token", "a disabled token", "a revoked token", "another scheme"];

describe.each(["on", "off"])("with the hot path %s", (hotPath) => {
  let gateway: AccessGateway;
  const authorizations = new Map<string, string | undefined>();

  beforeAll(async () => {
    gateway = await startAccessGateway({ LIVELLM_ADMIN_TOKEN: adminToken, LIVELLM_HOT_PATH: hotPath });
    const caller = await gateway.createToken();
    const expired = await gateway.createToken();
    const over = { id: expired.id, expireTime: "2020-01-01T00:00:00Z" };
    await gateway.call("AccessService/UpdateToken", { token: over });
    const disabled = await gateway.createToken({ disabled: true });
    const revoked = await gateway.createToken();
    await gateway.call("AccessService/RevokeToken", { id: revoked.id });
    const bearers = {
      caller: caller.secret,
      admin: adminToken,
      "a stranger": mintToken().secret.reveal(),
      "an expired token": expired.secret,
      "a disabled token": disabled.secret,
      "a revoked token": revoked.secret,
    };
    for (const [name, token] of Object.entries(bearers)) authorizations.set(name, `Bearer ${token}`);
    authorizations.set("nobody", undefined).set("another scheme", `Digest ${caller.secret}`);
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  describe.each(faces)("over $name", (face: Face) => {
    test.each(strangers)("%s gets nowhere", async (name) => {
      const authorization = authorizations.get(name);
      expect(await face.run(gateway.url, authorization)).toBe(unauthenticated);
      expect(await face.administer(gateway.url, authorization)).toBe(unauthenticated);
    });

    test("a stranger is in the log, with the address that he comes from", async () => {
      const before = gateway.log().length;
      await face.run(gateway.url, authorizations.get("a stranger"));
      const lines = gateway.log().slice(before).trim().split("\n");
      const refused = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === "rpc refused");
      expect(refused).toEqual([expect.objectContaining({ code: "unauthenticated", remoteAddress: "127.0.0.1" })]);
    });

    test("a caller may call and not administer", async () => {
      expect(await face.run(gateway.url, authorizations.get("caller"))).toBe("ok");
      expect(await face.administer(gateway.url, authorizations.get("caller"))).toBe(denied);
    });

    test("the administrator may do both", async () => {
      expect(await face.run(gateway.url, authorizations.get("admin"))).toBe("ok");
      expect(await face.administer(gateway.url, authorizations.get("admin"))).toBe("ok");
    });
  });
});

describe("a gateway with tokens", () => {
  let gateway: AccessGateway;
  let caller: string;
  beforeAll(async () => {
    gateway = await startAccessGateway({
      LIVELLM_ADMIN_TOKEN: adminToken,
      LIVELLM_CORS_ORIGINS: "https://app.example.com",
    });
    caller = (await gateway.createToken()).secret;
  });
  afterAll(() => gateway[Symbol.asyncDispose]());

  const administrative = [
    "ProvidersService/CreateProvider",
    "ProvidersService/GetProvider",
    "ProvidersService/UpdateProvider",
    "ProvidersService/DeleteProvider",
    "ProvidersService/CheckHealth",
    "RoutesService/CreateRoute",
    "RoutesService/GetRoute",
    "RoutesService/ListRoutes",
    "RoutesService/UpdateRoute",
    "RoutesService/DeleteRoute",
    "AccessService/CreateToken",
    "AccessService/GetToken",
    "AccessService/ListTokens",
    "AccessService/UpdateToken",
    "AccessService/RevokeToken",
    "AccessService/ListAuditEvents",
  ];
  test.each(administrative)("%s is for administrators", async (rpc) => {
    const { status, body } = await gateway.call(rpc, {}, caller);
    expect([status, body.code]).toEqual([403, "permission_denied"]);
    expect(body.message).toContain(rpc);
  });

  test("takes a token as the password of Basic", async () => {
    const basic = `Basic ${Buffer.from(`any:${caller}`).toString("base64")}`;
    for (const face of faces.filter(({ name }) => !name.includes("subprotocol"))) {
      expect([face.name, await face.run(gateway.url, basic)]).toEqual([face.name, "ok"]);
    }
  });

  test("does not repeat a token that was offered as a subprotocol", async () => {
    const protocols = ["livellm.token.WRONG", "livellm.v1"];
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/livellm.v1.AgentService/Run`, protocols);
    const handshake = new Promise<string>((resolve) => {
      socket.on("upgrade", ({ rawHeaders }) => resolve(rawHeaders.join("\n")));
    });
    expect(await handshake).toContain("livellm.v1");
    expect(await handshake).not.toContain("WRONG");
    socket.terminate();
  });

  test("refuses a Basic whose user is the token", async () => {
    const basic = `Basic ${Buffer.from(`${caller}:`).toString("base64")}`;
    const response = await fetch(`${gateway.url}/livellm.v1.ProvidersService/ListProviderKinds`, {
      headers: { authorization: basic },
    });
    expect(response.status).toBe(401);
  });

  test("answers health, ping and the playground's page to everybody", async () => {
    const health = await fetch(`${gateway.url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(health.status).toBe(200);
    expect((await fetch(`${gateway.url}/ping`)).status).toBe(200);
    // 404 where the page has not been built.
    expect((await fetch(`${gateway.url}/playground`)).status).not.toBe(401);
  });

  test.each([ReflectionV1, ReflectionV1Alpha])("keeps reflection for those it knows: $typeName", async (service) => {
    const services = async (token: string | undefined) => {
      const headers = { ...(token && { authorization: `Bearer ${token}` }) };
      const client = createClient(service, createGrpcTransport({ baseUrl: gateway.url }));
      const asked = { messageRequest: { case: "listServices" as const, value: "*" } };
      for await (const { messageResponse } of client.serverReflectionInfo(one(asked), { headers })) {
        return messageResponse.case;
      }
    };
    await expect(services(undefined)).rejects.toMatchObject({ code: Code.Unauthenticated });
    expect(await services(caller)).toBe("listServicesResponse");
  });

  test("answers a preflight without a token, and lets the page read why it is refused", async () => {
    const origin = "https://app.example.com";
    const path = `${gateway.url}/livellm.v1.AgentService/Run`;
    const preflight = await fetch(path, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")?.toLowerCase()).toContain("authorization");
    const headers = { origin, "content-type": "application/json" };
    const refused = await fetch(path, { method: "POST", headers, body: "{}" });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
  });
});

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}
