import { readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryFolder } from "../support/gateway.ts";
import { type AccessGateway, adminToken, detailOf, startAccessGateway } from "./access-gateway.ts";
import { faces } from "./faces.ts";

let gateway: AccessGateway;
beforeAll(async () => {
  gateway = await startAccessGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const settings = {
  displayName: "Voice team",
  labels: { team: "voice", tier: "1" },
  expireTime: "2100-01-01T00:00:00Z",
  allowedProviders: ["local"],
  allowedModels: ["echo*"],
  allowedRoutes: ["fast"],
  inlineProvidersAllowed: true,
  requestsPerMinute: 60,
  tokensPerMinute: 10_000,
};

const tokenOf = ({ body }: { body: object }) => (body as { readonly token: Readonly<Record<string, unknown>> }).token;
const get = async (id: string) => tokenOf(await gateway.call("AccessService/GetToken", { id }));
const update = (token: object, updateMask?: string) =>
  gateway.call("AccessService/UpdateToken", { token, ...(updateMask !== undefined && { updateMask }) });

describe("CreateToken", () => {
  test("shows the token once, and what is known of it ever after", async () => {
    const created = await gateway.call("AccessService/CreateToken", { token: settings });
    expect(created.status).toBe(200);
    const secret = String(created.body.secret);
    expect(secret).toMatch(/^llm_[0-9A-Za-z]{49}$/);
    const token = tokenOf(created);
    expect(token).toMatchObject({ ...settings, obfuscatedToken: `llm…${secret.slice(-4)}` });
    expect(token.id).toMatch(/^tok_[0-9a-f]{16}$/);
    const read = await gateway.call("AccessService/GetToken", { id: token.id });
    expect(tokenOf(read)).toEqual(token);
    expect(JSON.stringify(read.body)).not.toContain(secret);
  });

  test("makes one without limits of an empty request", async () => {
    const { body } = await gateway.call("AccessService/CreateToken", {});
    expect(Object.keys(tokenOf({ body })).sort()).toEqual([
      "createTime",
      "etag",
      "id",
      "obfuscatedToken",
      "updateTime",
    ]);
  });

  test("names every entry that is wrong", async () => {
    const token = {
      id: "tok_0123456789abcdef",
      allowedModels: ["m"],
      allowedProviders: ["a", " b"],
      allowedRoutes: [""],
    };
    const answer = await gateway.call("AccessService/CreateToken", { token: { ...token, id: "" } });
    expect(answer.status).toBe(400);
    const fields = detailOf(answer).fieldViolations as unknown as readonly { readonly field: string }[];
    expect(fields.map(({ field }) => field)).toEqual(["token.allowedProviders[1]", "token.allowedRoutes[0]"]);
    const chosen = await gateway.call("AccessService/CreateToken", { token: { id: token.id } });
    expect(chosen.body.message).toBe("token.id: is chosen by the server");
  });

  test("makes none that has ended already", async () => {
    const answer = await gateway.call("AccessService/CreateToken", { token: { expireTime: "2020-01-01T00:00:00Z" } });
    expect([answer.status, answer.body.message]).toEqual([400, "token.expireTime: must be in the future"]);
  });
});

describe("ListTokens", () => {
  test("pages by id, and shows no token", async () => {
    const made = [await gateway.createToken(), await gateway.createToken(), await gateway.createToken()];
    const ids: string[] = [];
    let pageToken = "";
    do {
      const { body } = await gateway.call("AccessService/ListTokens", { pageSize: 2, pageToken });
      for (const { secret } of made) expect(JSON.stringify(body)).not.toContain(secret);
      ids.push(...(body.tokens as unknown as readonly { readonly id: string }[]).map(({ id }) => id));
      pageToken = String(body.nextPageToken ?? "");
    } while (pageToken !== "");
    expect(ids).toEqual([...new Set(ids)].sort());
    expect(ids).toEqual(expect.arrayContaining(made.map(({ id }) => id)));
  });
});

describe("UpdateToken", () => {
  test("changes what is set, or what the mask names, one label included", async () => {
    const { id } = await gateway.createToken(settings);
    expect(tokenOf(await update({ id, disabled: true }))).toMatchObject({ ...settings, disabled: true });
    const changed = tokenOf(await update({ id, labels: { team: "text" } }, "disabled,labels.team,expireTime"));
    expect(changed).toMatchObject({ displayName: "Voice team", labels: { team: "text", tier: "1" } });
    expect([changed.disabled, changed.expireTime]).toEqual([undefined, undefined]);
    const { labels, ...bare } = tokenOf(await update({ id }, "*"));
    expect(Object.keys(bare).sort()).toEqual(["createTime", "etag", "id", "obfuscatedToken", "updateTime"]);
    expect(await get(id)).toEqual(bare);
  });

  test("takes effect with the next call, and lets the token in again", async () => {
    const { id, secret } = await gateway.createToken();
    const call = async () => (await gateway.call("ProvidersService/ListProviderKinds", {}, secret)).status;
    expect(await call()).toBe(200);
    await update({ id, disabled: true });
    expect(await call()).toBe(401);
    await update({ id }, "disabled");
    expect(await call()).toBe(200);
    await update({ id, expireTime: "2020-01-01T00:00:00Z" });
    expect(await call()).toBe(401);
  });

  test("with the etag of another state is aborted, and changes nothing", async () => {
    const { id, etag } = await gateway.createToken();
    const first = tokenOf(await update({ id, displayName: "one", etag }));
    expect(await update({ id, displayName: "two", etag })).toMatchObject({ status: 409, body: { code: "aborted" } });
    expect(await get(id)).toEqual(first);
  });

  test.each([
    [{ id: "", displayName: "x" }, undefined, "token.id"],
    [{ id: "tok_0123456789abcdef" }, undefined, "no token"],
    [{ id: "of" }, "shoeSize", "updateMask"],
    [{ id: "of" }, "id", "updateMask"],
    [{ id: "of", labels: { myTeam: "a" } }, "labels.myTeam", "updateMask"], // JSON makes it my_team
    [{ id: "of", disabled: true }, "disabled.x", "updateMask"],
  ])("of %j with the mask %s is refused: %s", async (given, mask, words) => {
    const { id } = await gateway.createToken();
    const { status, body } = await update({ ...given, ...(given.id === "of" && { id }) }, mask);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body.message).toContain(words);
  });
});

describe("RevokeToken", () => {
  test("ends the token for good", async () => {
    const { id, secret, etag } = await gateway.createToken();
    expect(await gateway.call("AccessService/RevokeToken", { id, etag: "other" })).toMatchObject({ status: 409 });
    expect(await gateway.call("AccessService/RevokeToken", { id, etag })).toMatchObject({ status: 200 });
    expect(await gateway.call("ProvidersService/ListProviderKinds", {}, secret)).toMatchObject({ status: 401 });
    expect(await gateway.call("AccessService/RevokeToken", { id })).toMatchObject({ status: 404 });
    expect(await gateway.call("AccessService/RevokeToken", { id, allowMissing: true })).toMatchObject({ status: 200 });
  });

  test("does not repeat a token that is taken for an id", async () => {
    const { secret } = await gateway.createToken();
    const { status, body } = await gateway.call("AccessService/RevokeToken", { id: secret });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).not.toContain(secret);
  });
});

test("the log says whose token a call was made with, by its id", async () => {
  const { id, secret } = await gateway.createToken();
  await gateway.call("ProvidersService/ListProviderKinds", {}, secret);
  const lines = gateway
    .log()
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { readonly token?: string });
  expect(lines.filter(({ token }) => token === id)).toMatchObject([
    { rpc: "livellm.v1.ProvidersService/ListProviderKinds", code: "ok" },
  ]);
});

test("the last use is told, and written down", async () => {
  const { id, secret } = await gateway.createToken();
  expect((await get(id)).lastUseTime).toBeUndefined();
  const before = Date.now();
  await gateway.call("ProvidersService/ListProviderKinds", {}, secret);
  const { lastUseTime, etag } = await get(id);
  expect(Date.parse(String(lastUseTime))).toBeGreaterThanOrEqual(before);
  expect(await update({ id, displayName: "still the same etag", etag })).toMatchObject({ status: 200 });
});

describe("a server without an administrator's token", () => {
  test("makes no tokens, for nobody could manage them", async () => {
    await using open = await startAccessGateway({});
    const { status, body } = await open.call("AccessService/CreateToken", {});
    expect([status, body.code]).toEqual([400, "failed_precondition"]);
    expect(body.message).toContain("LIVELLM_ADMIN_TOKEN");
  });

  test("lets everybody do everything, whatever they send", async () => {
    await using open = await startAccessGateway({});
    expect(await open.call("ProvidersService/ListProviders", {}, "sk-somebody-elses")).toMatchObject({ status: 200 });
    expect(await open.call("AccessService/ListTokens", {}, undefined)).toMatchObject({ status: 200 });
  });

  test("but with a caller's token in its database still needs one", async () => {
    const folder = temporaryFolder();
    const database = { DATABASE_URL: `sqlite:${path.join(folder, "livellm.db")}`, LIVELLM_MASTER_KEY: "ab".repeat(32) };
    const { secret } = await once({ ...database, LIVELLM_ADMIN_TOKEN: adminToken }, (first) => first.createToken());
    await once(database, async (second) => {
      expect(await second.call("ProvidersService/ListProviderKinds", {})).toMatchObject({ status: 401 });
      expect(await second.call("ProvidersService/ListProviderKinds", {}, secret)).toMatchObject({ status: 200 });
      expect(await second.call("ProvidersService/ListProviders", {}, secret)).toMatchObject({ status: 403 });
      expect(await second.call("ProvidersService/ListProviders", {}, adminToken)).toMatchObject({ status: 401 });
    });
    rmSync(folder, { recursive: true });
  });
});

test("no token is in the log, in the database, or in what callers are told", async () => {
  const folder = temporaryFolder();
  const heard: string[] = [];
  const secrets: string[] = [adminToken];
  const database = { DATABASE_URL: `sqlite:${path.join(folder, "livellm.db")}`, LIVELLM_MASTER_KEY: "ab".repeat(32) };
  await once({ ...database, LIVELLM_ADMIN_TOKEN: adminToken, LOG_LEVEL: "trace" }, async (canaries) => {
    const good = await canaries.createToken({ displayName: "good" });
    const revoked = await canaries.createToken();
    secrets.push(good.secret, revoked.secret);
    const tell = async (rpc: string, request: object, ...token: string[]) => {
      heard.push(JSON.stringify(await canaries.call(rpc, request, ...token)));
    };
    await tell("AccessService/RevokeToken", { id: revoked.id });
    for (const token of [good.secret, revoked.secret, `${adminToken}x`]) {
      await tell("ProvidersService/ListProviders", {}, token);
      await tell("AgentService/Run", {}, token);
      await tell("AccessService/RevokeToken", { id: token });
      await tell("AccessService/GetToken", { id: token });
    }
    for (const face of faces) {
      for (const token of [good.secret, revoked.secret]) {
        heard.push(
          await face.run(canaries.url, `Bearer ${token}`),
          await face.administer(canaries.url, `Bearer ${token}`),
        );
      }
    }
    await tell("AccessService/ListTokens", {});
    await tell("AccessService/ListAuditEvents", {});
    heard.push(canaries.log());
  });
  for (const name of readdirSync(folder)) heard.push(readFileSync(path.join(folder, name), "latin1"));
  expect(heard.join().length).toBeGreaterThan(10_000);
  for (const secret of secrets) expect(heard.filter((text) => text.includes(secret))).toEqual([]);
  rmSync(folder, { recursive: true });
});

/** Starts a gateway for one thing, and ends it, so that its database is closed. */
async function once<T>(
  environment: Readonly<Record<string, string>>,
  use: (open: AccessGateway) => Promise<T>,
): Promise<T> {
  await using open = await startAccessGateway(environment);
  return await use(open);
}
