import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { loadMasterKey } from "../../src/store/master-key.ts";

let folder = "";
let dataFolder = "";
let warn = vi.fn<(message: string) => void>();
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "livellm-key-"));
  dataFolder = path.join(folder, "data");
  warn = vi.fn<(message: string) => void>();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const file = () => path.join(dataFolder, "master.key");

describe("the master key", () => {
  it("is that of LIVELLM_MASTER_KEY, and then no file is made", async () => {
    const masterKeyHex = "0123456789abcdefABCDEF".padEnd(64, "7");
    const key = await loadMasterKey({ masterKeyHex, dataFolder }, warn);
    expect(Buffer.from(key).toString("hex")).toBe(masterKeyHex.toLowerCase());
    expect(readdirSync(folder)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each(["", "abc", `${"a".repeat(63)}g`, "a".repeat(65), `${"a".repeat(64)}\n`])(
    "is refused when it is %j, without being shown",
    async (masterKeyHex) => {
      const error = await loadMasterKey({ masterKeyHex, dataFolder }, warn).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: "LivellmError", code: "failed_precondition" });
      expect(String(error)).toMatch(/LIVELLM_MASTER_KEY must be exactly 64 hex/);
      if (masterKeyHex !== "") expect(String(error)).not.toContain(masterKeyHex);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  it("is not made anew for a database that is there, of which it would open nothing", async () => {
    mkdirSync(dataFolder);
    const databaseFile = path.join(dataFolder, "livellm.db");
    new DatabaseSync(databaseFile).exec("create table t (x); ");
    const error = await loadMasterKey({ dataFolder, databaseFile }, warn).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "LivellmError", code: "failed_precondition" });
    expect(String(error)).toContain("put the key back");
    expect(readdirSync(dataFolder)).toEqual(["livellm.db"]);
    writeFileSync(databaseFile, "");
    await loadMasterKey({ dataFolder, databaseFile }, warn);
    expect(readdirSync(dataFolder)).toEqual(["livellm.db", "master.key"]);
  });

  it("is made once, for its owner alone, with a warning that does not show it", async () => {
    const first = await loadMasterKey({ dataFolder }, warn);
    expect(first).toHaveLength(32);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(dataFolder).mode & 0o777).toBe(0o700);
    expect(readdirSync(dataFolder)).toEqual(["master.key"]);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain(file());
    expect(warn.mock.calls[0]?.[0]).not.toContain(readFileSync(file(), "utf8").trim());
    const second = await loadMasterKey({ dataFolder }, warn);
    expect(Buffer.from(second)).toEqual(Buffer.from(first));
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("is the same for servers that start at once", async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadMasterKey({ dataFolder }, warn)));
    expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
    expect(readdirSync(dataFolder)).toEqual(["master.key"]);
  });

  it("is refused when its file holds something else, which stays", async () => {
    await loadMasterKey({ dataFolder }, warn);
    writeFileSync(file(), "not a key");
    const error = await loadMasterKey({ dataFolder }, warn).catch((reason: unknown) => reason);
    expect(String(error)).toContain(file());
    expect(readFileSync(file(), "utf8")).toBe("not a key");
  });

  it("warns of a file that others can read", async () => {
    await loadMasterKey({ dataFolder }, () => undefined);
    chmodSync(file(), 0o644);
    await loadMasterKey({ dataFolder }, warn);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("chmod 600"));
  });

  it("lives as long as the process when the store is in memory", async () => {
    const [one, two] = await Promise.all([loadMasterKey({}, warn), loadMasterKey({}, warn)]);
    expect(one).toHaveLength(32);
    expect(Buffer.from(one ?? [])).not.toEqual(Buffer.from(two ?? []));
    expect(warn).not.toHaveBeenCalled();
  });
});
