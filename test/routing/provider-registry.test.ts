import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import type { ProviderConfig } from "../../src/core/provider.ts";
import { createProviderRegistry, type ProviderRegistry } from "../../src/routing/provider-registry.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { ProviderStore } from "../../src/store/provider-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import { bareDraft } from "../store/provider-drafts.ts";

const environment = (id: string): ProviderConfig => ({
  ...bareDraft(id),
  readOnly: true,
  createTime: new Date(0),
  updateTime: new Date(0),
  revision: `environment-${id}`,
});

let store: ProviderStore;
let registry: ProviderRegistry;
let warn = vi.fn<(message: string) => void>();

const createRegistry = () =>
  createProviderRegistry({ store, configured: [environment("openai"), environment("local")], kinds: new Map(), warn });

beforeEach(async () => {
  warn = vi.fn<(message: string) => void>();
  store = await openStore("sqlite::memory:", createSealer(randomBytes(32)));
  await store.create(bareDraft("m"));
  registry = await createRegistry();
});
afterEach(async () => {
  registry.close();
  await store.close();
});

describe("the provider registry", () => {
  it("begins with what is stored and what is configured, by id", () => {
    expect(registry.ids()).toEqual(["local", "m", "openai"]);
    expect(registry.list().map(({ id, readOnly }) => [id, readOnly])).toEqual([
      ["local", true],
      ["m", false],
      ["openai", true],
    ]);
    expect(registry.get("none")).toBeUndefined();
  });

  it("hides a configured provider behind a stored one until that is deleted", async () => {
    const { revision } = await registry.create(bareDraft("openai"));
    expect(registry.get("openai")).toMatchObject({ readOnly: false, revision });
    expect(registry.ids()).toEqual(["local", "m", "openai"]);
    await registry.delete("openai", revision);
    expect(registry.get("openai")).toMatchObject({ readOnly: true, revision: "environment-openai" });
  });

  it("shows a write as soon as it is done, while an older state is still being read", async () => {
    const old = await store.revisions();
    const revisions = vi.spyOn(store, "revisions");
    let deliver = (_: ReadonlyMap<string, string>) => {};
    revisions.mockImplementationOnce(() => new Promise((resolve) => (deliver = resolve)));
    const created = await registry.create(bareDraft("z"));
    expect(registry.get("z")).toEqual(created);
    deliver(old);
    await vi.waitFor(() => expect(revisions).toHaveBeenCalledTimes(2));
    await revisions.mock.results[1]?.value;
    await new Promise(setImmediate);
    expect(registry.get("z")).toEqual(created);
  });

  it("reads what has changed alone", async () => {
    const known = registry.get("m");
    const get = vi.spyOn(store, "get");
    await store.create(bareDraft("other"));
    await vi.waitFor(() => expect(registry.get("other")).toBeDefined());
    expect(get.mock.calls).toEqual([["other"]]);
    expect(registry.get("m")).toBe(known);
  });

  it("looks at the store once for all that changes while it looks", async () => {
    const revisions = vi.spyOn(store, "revisions");
    await Promise.all(["a", "b", "c", "d", "e"].map((id) => store.create(bareDraft(id))));
    await vi.waitFor(() => expect(registry.ids()).toEqual(["a", "b", "c", "d", "e", "local", "m", "openai"]));
    expect(revisions.mock.calls.length).toBeLessThanOrEqual(2);
  });

  it("keeps what it knew of one that cannot be read, says so once, and follows the others", async () => {
    const known = registry.get("m");
    const { get } = store;
    const failure = new LivellmError("internal", "internal", 'the stored provider "m" cannot be read');
    vi.spyOn(store, "get").mockImplementation((id) => (id === "m" ? Promise.reject(failure) : get(id)));
    await store.update({ ...bareDraft("m"), displayName: "x" }, known?.revision ?? "");
    await store.create(bareDraft("one"));
    await vi.waitFor(() => expect(registry.get("one")).toBeDefined());
    await store.create(bareDraft("two"));
    await vi.waitFor(() => expect(registry.get("two")).toBeDefined());
    expect(registry.get("m")).toBe(known);
    expect(warn.mock.calls).toEqual([['the stored provider "m" cannot be read; what was known of it before stays']]);
  });

  it("follows what others write to the store", async () => {
    await store.create(bareDraft("other"));
    await vi.waitFor(() => expect(registry.get("other")).toBeDefined());
    const { revision } = await store.update(
      { ...bareDraft("other"), displayName: "x" },
      registry.get("other")?.revision ?? "",
    );
    await vi.waitFor(() => expect(registry.get("other")).toMatchObject({ displayName: "x" }));
    await store.delete("other", revision);
    await vi.waitFor(() => expect(registry.get("other")).toBeUndefined());
    expect(warn).not.toHaveBeenCalled();
  });

  it("has the newest state when a write was refused", async () => {
    const stale = registry.get("m")?.revision ?? "";
    const revisions = vi.spyOn(store, "revisions").mockRejectedValueOnce(new Error("not now")); // misses the change
    const changed = await store.update({ ...bareDraft("m"), displayName: "x" }, stale);
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1));
    expect(registry.get("m")?.revision).toBe(stale);
    await expect(registry.update(bareDraft("m"), stale)).rejects.toMatchObject({ code: "aborted" });
    expect(registry.get("m")).toEqual(changed);
    expect(revisions).toHaveBeenCalledTimes(2);
  });

  it("keeps what it knew when the store cannot be read, and says so once", async () => {
    const failure = new LivellmError("internal", "internal", "the disk is gone");
    const revisions = vi.spyOn(store, "revisions").mockRejectedValue(failure);
    await store.create(bareDraft("unseen"));
    await vi.waitFor(() => expect(warn).toHaveBeenCalledTimes(1));
    await store.create(bareDraft("again"));
    await vi.waitFor(() => expect(revisions).toHaveBeenCalledTimes(2));
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain("the disk is gone");
    expect(registry.ids()).toEqual(["local", "m", "openai"]);
  });

  it("does not begin without the store", async () => {
    vi.spyOn(store, "list").mockRejectedValue(new Error("gone"));
    await expect(createRegistry()).rejects.toThrow("gone");
  });

  it("follows the store no more when it was closed", async () => {
    const revisions = vi.spyOn(store, "revisions");
    registry.close();
    await store.create(bareDraft("later"));
    expect(revisions).not.toHaveBeenCalled();
  });
});
