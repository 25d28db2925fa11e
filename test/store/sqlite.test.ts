import { createHash, randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dataFolderOf } from "../../src/store/database-url.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import type { Store } from "../../src/store/sql-store.ts";
import { run } from "../support/process.ts";
import { describeAccessStores } from "./access-contract.ts";
import { describeProviderStore } from "./contract.ts";
import { bareDraft, canary, fullDraft } from "./provider-drafts.ts";
import { describeResealing } from "./reseal-contract.ts";
import { describeRouteStore } from "./route-contract.ts";

const sealer = createSealer(randomBytes(32));
let folder = "";
let file = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "livellm-store-"));
  file = path.join(folder, "data", "livellm.db");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describeProviderStore("sqlite in memory", () => openStore("sqlite::memory:", sealer));
describeProviderStore("sqlite file", () => openStore(`sqlite:${file}`, sealer));
describeRouteStore("sqlite in memory", () => openStore("sqlite::memory:", sealer));
describeRouteStore("sqlite file", () => openStore(`sqlite:${file}`, sealer));
describeAccessStores("sqlite in memory", () => openStore("sqlite::memory:", sealer));
describeAccessStores("sqlite file", () => openStore(`sqlite:${file}`, sealer));
describeResealing("sqlite file", (each) => openStore(`sqlite:${file}`, each));

describe("a sqlite file", () => {
  it("keeps its providers when it is opened again", async () => {
    const first = await openStore(`sqlite:${file}`, sealer);
    const created = await first.create(fullDraft("a"));
    await first.close();
    const again = await openStore(`sqlite:${file}`, sealer);
    const kept = await again.get("a");
    expect(kept).toEqual(created);
    expect(kept?.apiKey?.reveal()).toBe(canary);
    await again.close();
  });

  it("is sound with the log that a crash has left, without which it would not be", async () => {
    const store = await openStore(`sqlite:${file}`, sealer);
    for (let i = 0; i < 50; i++) await store.create(fullDraft(`p${i}`));
    execute("pragma wal_checkpoint(truncate)");
    execute("vacuum"); // now every page is in the log
    const left = path.join(folder, "left.db");
    writeFileSync(left, readFileSync(file).fill(0x5a, 4096));
    writeFileSync(`${left}-wal`, readFileSync(`${file}-wal`));
    await store.close();
    const again = await openStore(`sqlite:${left}`, sealer);
    expect(await again.list()).toHaveLength(50);
    await again.close();
  });

  it("is for its owner alone, and so are its folder and its log", async () => {
    const store = await openStore(`sqlite:${file}`, sealer);
    await store.create(bareDraft("a"));
    expect(modeOf(path.dirname(file))).toBe(0o700);
    const names = readdirSync(path.dirname(file)).sort();
    expect(names).toEqual(["livellm.db", "livellm.db-shm", "livellm.db-wal"]);
    for (const name of names) expect(modeOf(path.join(path.dirname(file), name))).toBe(0o600);
    await store.close();
  });

  it("leaves the modes of a folder and a file that were there", async () => {
    mkdirSync(path.dirname(file));
    writeFileSync(file, "");
    chmodSync(path.dirname(file), 0o750);
    chmodSync(file, 0o640);
    await (await openStore(`sqlite:${file}`, sealer)).close();
    expect([modeOf(path.dirname(file)), modeOf(file)]).toEqual([0o750, 0o640]);
  });

  it("holds no secret in the clear, in any of its files", async () => {
    const store = await openStore(`sqlite:${file}`, sealer);
    const { revision } = await store.create(fullDraft("a"));
    await store.update(fullDraft("a", { displayName: "changed" }), revision);
    const bytes = () =>
      readdirSync(path.dirname(file)).map((name) => readFileSync(path.join(path.dirname(file), name)));
    const open = Buffer.concat(bytes());
    await store.close();
    const closed = Buffer.concat(bytes());
    for (const all of [open, closed]) {
      expect(all.includes("api.example.com")).toBe(true); // the search does find what is there
      expect(all.includes(canary)).toBe(false);
      expect(all.includes(Buffer.from(canary).toString("base64url"))).toBe(false);
    }
  });

  it("is shared by two stores that see each other's changes, of which one wins", async () => {
    const one = await openStore(`sqlite:${file}`, sealer);
    const two = await openStore(`sqlite:${file}`, sealer);
    const { revision } = await one.create(bareDraft("a"));
    await two.update(bareDraft("a"), revision);
    await expect(one.update(bareDraft("a"), revision)).rejects.toMatchObject({ code: "aborted" });
    await Promise.all([one.close(), two.close()]);
  });

  it("tells a store what another one has changed", async () => {
    const one = await openStore(`sqlite:${file}`, sealer);
    const two = await openStore(`sqlite:${file}`, sealer);
    const told = (subscribe: Store["subscribe"]) => new Promise<void>((resolve) => subscribe(resolve));
    const { revision } = await one.create(bareDraft("a"));
    const all = [two.subscribe, two.routes.subscribe, two.tokens.subscribe].map(told);
    await one.update(bareDraft("a"), revision);
    await Promise.all(all);
    expect(await two.revisions()).toEqual(await one.revisions());
    await Promise.all([one.close(), two.close()]);
  });

  it("is made by several processes at once", async () => {
    const script = `
      import { openStore } from ${JSON.stringify(path.resolve("src/store/open-store.ts"))};
      import { createSealer } from ${JSON.stringify(path.resolve("src/store/sealing.ts"))};
      const store = await openStore(process.argv[1], createSealer(new Uint8Array(32)));
      await store.audit.latest(1, "");
      await store.close();`;
    const args = ["--input-type=module-typescript", "--eval", script, `sqlite:${file}`];
    const all = await Promise.all([1, 2, 3, 4].map(() => run(process.execPath, args)));
    expect(all.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(all.map(() => "0 "));
  });

  it("does not open with another master key, and says which variable to set", async () => {
    const store = await openStore(`sqlite:${file}`, sealer);
    await store.create(fullDraft("with-key"));
    await store.create(bareDraft("without-key"));
    await store.close();
    const other = createSealer(randomBytes(32));
    const error = await failureOf(openStore(`sqlite:${file}`, other));
    expect(error).toMatchObject({ name: "LivellmError", code: "failed_precondition" });
    expect(error.message).toMatch(/LIVELLM_MASTER_KEY.*1 of 1 providers: with-key\. Set the key/);
    expect(inspect(error, { depth: 9 })).not.toContain(canary);
    await (await openStore(`sqlite:${file}`, sealer)).close();
  });

  it("does not give one provider's secrets to another", async () => {
    const store = await openStore(`sqlite:${file}`, sealer);
    await store.create(fullDraft("a"));
    await store.create(bareDraft("b"));
    execute("update provider set secrets = (select secrets from provider where id = 'a') where id = 'b'");
    const error = await failureOf(store.get("b"));
    expect(error).toMatchObject({ code: "internal", message: expect.stringContaining('"b"') });
    expect((await store.get("a"))?.apiKey?.reveal()).toBe(canary);
    await store.close();
  });

  it("keeps what it was to write out of its errors", async () => {
    const store = await openStore(`sqlite:${file}`, sealer);
    execute("drop table provider");
    const error = await failureOf(store.create(fullDraft("a")));
    expect(error).toMatchObject({ name: "LivellmError", code: "unavailable" });
    expect(error.message).not.toContain("no such table");
    expect(inspect(error, { depth: 9 })).not.toContain(canary);
    await store.close();
  });

  it("does not start on a database of a newer version", async () => {
    await (await openStore(`sqlite:${file}`, sealer)).close();
    execute("insert into kysely_migration values ('9999_later', '2030-01-01T00:00:00.000Z')");
    const error = await failureOf(openStore(`sqlite:${file}`, sealer));
    expect(error.message).toContain(file);
    expect(error.message).toContain("newer livellm");
  });
});

describe("a damaged sqlite file", () => {
  it.each([
    ["is something else", () => randomBytes(20_000)],
    ["was cut", () => sound().subarray(0, 20_000)],
    ["was overwritten in the middle", () => sound().fill(0x5a, 5000, 30_000)],
  ])("that %s is refused by name, with what to do, and not touched", async (_, bytes) => {
    mkdirSync(path.dirname(file));
    writeFileSync(file, bytes());
    const before = fingerprint();
    const error = await failureOf(openStore(`sqlite:${file}`, sealer));
    expect(error).toMatchObject({ name: "LivellmError", code: "failed_precondition" });
    expect(error.message).toContain(`the database ${file} is damaged`);
    expect(error.message).toContain(`mv ${file} ${file}.damaged`);
    expect(fingerprint()).toEqual(before);
  });

  it("is found out when it has a log, and neither file is touched", async () => {
    const bytes = sound();
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, bytes.fill(0x5a, 0, 4096));
    writeFileSync(`${file}-wal`, randomBytes(5000));
    const before = fingerprint();
    const error = await failureOf(openStore(`sqlite:${file}`, sealer));
    expect(error.message).toContain("is damaged");
    expect(fingerprint()).toMatchObject(before);
  });

  function sound(): Buffer {
    const scratch = path.join(folder, "sound.db");
    rmSync(scratch, { force: true });
    const database = new DatabaseSync(scratch);
    database.exec("pragma journal_mode = wal; create table t (x text primary key)");
    const insert = database.prepare("insert into t values (?)");
    for (let i = 0; i < 1000; i++) insert.run(`${i}${"x".repeat(60)}`);
    database.close();
    return readFileSync(scratch);
  }

  function fingerprint(): Record<string, string> {
    const names = readdirSync(path.dirname(file));
    const digest = (name: string) => createHash("sha256").update(readFileSync(path.join(path.dirname(file), name)));
    return Object.fromEntries(names.map((name) => [name, digest(name).digest("hex")]));
  }
});

describe("DATABASE_URL", () => {
  it.each([
    ["mariadb://livellm:hunter2@db/livellm", 'with "mariadb:"'],
    ["mysql://x", 'with "mysql:"'],
    ["sqlite:", 'with "sqlite:"'],
    ["sqlite://data/x.db", 'with "sqlite:"'],
    ["data/livellm.db", "DATABASE_URL cannot be used"],
    ["", "DATABASE_URL cannot be used"],
  ])("%j is refused, with what is allowed", async (url, words) => {
    const error = await failureOf(openStore(url, sealer));
    expect(error.message).toContain(words);
    expect(error.message).toContain("sqlite:data/livellm.db");
    expect(error.message).not.toContain("hunter2");
  });

  it("names the database that cannot be opened", async () => {
    const error = await failureOf(openStore(`sqlite:${folder}`, sealer));
    expect(error).toMatchObject({ name: "LivellmError" });
    expect(error.message).toContain(`cannot open the database ${folder}`);
  });

  it("says where the data folder is", () => {
    expect(dataFolderOf("sqlite:data/livellm.db")).toBe("data");
    expect(dataFolderOf("sqlite:/var/lib/livellm.db")).toBe("/var/lib");
    expect(dataFolderOf("sqlite:livellm.db")).toBe(".");
    expect(dataFolderOf("sqlite::memory:")).toBeUndefined();
  });
});

function execute(statement: string): void {
  using database = new DatabaseSync(file, { timeout: 5000 });
  database.exec(statement);
}

function modeOf(name: string): number {
  return statSync(name).mode & 0o777;
}

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error("it did not fail");
}
