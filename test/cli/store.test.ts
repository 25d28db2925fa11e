import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, startChatVendor } from "../support/chat-vendor.ts";
import { startGateway, temporaryFolder } from "../support/gateway.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { livellm } from "../support/livellm.ts";

const oldKey = "1".repeat(64);
const newKey = "2".repeat(64);
const secret = "sk-0123456789abcdef";
const from = { DATABASE_URL: "sqlite:from.db", LIVELLM_MASTER_KEY: oldKey };
const to = { DATABASE_URL: "sqlite:to.db", LIVELLM_MASTER_KEY: newKey };

let folder: string;
const run = (args: readonly string[], env: Readonly<Record<string, string>>, input?: string) =>
  livellm(args, { cwd: folder, env, ...(input !== undefined && { input }) });

/** A store with a provider, its key, and a route. */
beforeAll(async () => {
  folder = temporaryFolder();
  await using gateway = await startGateway({ folder, env: from });
  await createProvider(gateway.url, {
    id: "mine",
    kind: "openai-compatible",
    baseUrl: "http://127.0.0.1:9/v1",
    apiKey: secret,
  });
  const route = { name: "quiet", route: { targets: [{ provider: "mine", model: "m-1" }] } };
  await callJson(gateway.url, "RoutesService/CreateRoute", { route });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("livellm export and import", () => {
  test("move everything to a store with another master key, by a passphrase, and again changes nothing", async () => {
    const passphrase = { LIVELLM_EXPORT_PASSPHRASE: "correct horse battery staple" };
    const args = ["export", "--secrets", "passphrase", "--output", "export.json"];
    expect(await run(args, { ...from, ...passphrase })).toEqual({
      code: 0,
      stdout: "",
      stderr: "1 providers, 1 routes, 0 tokens\n",
    });
    expect(statSync(path.join(folder, "export.json")).mode & 0o777).toBe(0o600);
    expect(readFileSync(path.join(folder, "export.json"), "utf8")).not.toContain(secret);
    const without = await run(["import", "export.json"], to);
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining("passphrase")]);
    const checked = await run(["import", "export.json", "--check"], { ...to, ...passphrase });
    expect([checked.code, checked.stderr]).toEqual([
      0,
      expect.stringContaining("providers: 1 created, 0 replaced, 0 unchanged"),
    ]);
    expect(checked.stderr).toContain("nothing has been changed");
    expect((await run(["import", "export.json"], { ...to, ...passphrase })).stderr).toContain("routes: 1 created");
    expect((await run(["import", "export.json"], { ...to, ...passphrase })).stderr).toContain(
      "providers: 0 created, 0 replaced, 1 unchanged",
    );
    await expectKeyInUse(to);
  });

  test("move it through a pipe with the same master key", async () => {
    const exported = await run(["export"], from);
    expect(exported.stdout).not.toContain(secret);
    const imported = await run(["import", "-"], { ...from, DATABASE_URL: "sqlite:piped.db" }, exported.stdout);
    expect([imported.code, imported.stderr]).toEqual([0, expect.stringContaining("providers: 1 created")]);
  });

  test("refuse a file that is not right, with every mistake, and write nothing of it", async () => {
    const document = JSON.parse((await run(["export", "--secrets", "plain"], from)).stdout);
    document.providers[0].kind = "openia";
    document.routes[0].labels = "none";
    writeFileSync(path.join(folder, "wrong.json"), JSON.stringify(document));
    const empty = { DATABASE_URL: "sqlite:empty.db", LIVELLM_MASTER_KEY: newKey };
    const { code, stderr } = await run(["import", "wrong.json"], empty);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^livellm: there (is 1 mistake|are \d+ mistakes)$/m)]);
    expect(stderr).toMatch(/^ {2}routes\[0\]\.labels: /m);
    expect(stderr).not.toContain(secret);
    expect((await run(["export"], empty)).stderr).toBe("0 providers, 0 routes, 0 tokens\n");
    writeFileSync(path.join(folder, "cut.json"), `{"apiKey": "${secret}`);
    const cut = await run(["import", "cut.json"], empty);
    expect([cut.code, cut.stderr]).toEqual([1, "livellm: cut.json cannot be read: it is not JSON\n"]);
  });

  test("warn of plain secrets, and leave no half of a file", async () => {
    const { stderr, stdout } = await run(["export", "--secrets", "plain"], from);
    expect(stdout).toContain(secret);
    expect(stderr).toContain("can be read by everybody");
    const nowhere = await run(["export", "--output", "no/such/file.json"], from);
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("cannot be written")]);
    expect(readdirSync(folder).filter((name) => name.includes(".part"))).toEqual([]);
    expect((await run(["export", "--secrets", "passphrase"], from)).code).toBe(2);
  });

  test("refuse a database that is not there, which a mistyped path would be, and one in memory", async () => {
    const { code, stdout, stderr } = await run(["export"], { ...from, DATABASE_URL: "sqlite:form.db" });
    expect([code, stdout, stderr]).toEqual([1, "", "livellm: there is no database form.db: see DATABASE_URL\n"]);
    expect(readdirSync(folder)).not.toContain("form.db");
    expect((await run(["import", "export.json"], { ...to, DATABASE_URL: "sqlite::memory:" })).code).toBe(1);
  });

  test("say what is wrong with the configuration", async () => {
    const { code, stderr } = await run(["export"], { ...from, PORT: "x" });
    expect([code, stderr]).toEqual([1, expect.stringContaining("PORT: it must be")]);
  });
});

test("livellm reseal changes the master key, while the old one is named, and the gateway runs with the new one alone", async () => {
  const database = { DATABASE_URL: "sqlite:from.db", LIVELLM_MASTER_KEY: newKey };
  const refused = await run(["reseal"], database);
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("LIVELLM_OLD_MASTER_KEYS")]);
  const both = { ...database, LIVELLM_OLD_MASTER_KEYS: oldKey };
  expect(await run(["reseal"], both)).toEqual({ code: 0, stdout: "", stderr: "1 sealed again, 0 were so already\n" });
  expect((await run(["reseal"], both)).stderr).toBe("0 sealed again, 1 were so already\n");
  await expectKeyInUse(database);
});

/** A gateway over that store sends the very key to the provider. */
async function expectKeyInUse(env: Readonly<Record<string, string>>): Promise<void> {
  await using vendor = await startChatVendor(answerWith("ok"));
  await using gateway = await startGateway({ folder, env });
  const provider = { id: "mine", baseUrl: vendor.baseUrl };
  await callJson(gateway.url, "ProvidersService/UpdateProvider", { provider, updateMask: "baseUrl" });
  const request = { route: { targets: [{ provider: "mine", model: "m-1" }] }, messages: [{ text: "hi" }] };
  expect((await callJson(gateway.url, "AgentService/Run", request)).body).toMatchObject({ text: "ok" });
  expect(vendor.calls[0]?.headers.authorization).toBe(`Bearer ${secret}`);
}
