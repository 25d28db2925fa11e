import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ProviderConfig } from "../../src/core/provider.ts";
import type { ProviderDraft, ProviderStore } from "../../src/store/provider-store.ts";
import { bareDraft, canary, fullDraft } from "./provider-drafts.ts";

/** What every provider store must do. `open` gives an empty one each time. */
export function describeProviderStore(name: string, open: () => Promise<ProviderStore>): void {
  describe(`provider store: ${name}`, () => {
    let store: ProviderStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it("begins empty", async () => {
      expect(await store.list()).toEqual([]);
      expect(await store.get("a")).toBeUndefined();
    });

    it.each([fullDraft("a"), bareDraft("a")])("gives back what was created: $kind", async (draft) => {
      const before = Date.now();
      const created = await store.create(draft);
      expect(revealed(created)).toEqual(revealed(draft));
      expect(created).toMatchObject({ readOnly: false, revision: expect.stringMatching(/./) });
      expect(created.createTime).toEqual(created.updateTime);
      expect(created.createTime.getTime()).toBeGreaterThanOrEqual(before);
      expect(created.createTime.getTime()).toBeLessThanOrEqual(Date.now());
      const kept = await store.get("a");
      expect(kept).toEqual(created);
      expect(kept && revealed(kept)).toEqual(revealed(draft));
    });

    it("lists by id, in the order of code units", async () => {
      for (const id of ["b", "a", "B", "a-1", "a.1"]) await store.create(bareDraft(id));
      expect((await store.list()).map(({ id }) => id)).toEqual(["B", "a", "a-1", "a.1", "b"]);
    });

    it("refuses a second provider with the same id, and leaves the first as it was", async () => {
      const first = await store.create(fullDraft("a"));
      await expect(store.create(bareDraft("a"))).rejects.toMatchObject({ code: "already_exists" });
      expect(await store.get("a")).toEqual(first);
    });

    it("replaces a provider, with a new revision and update time, and the old create time", async () => {
      const first = await store.create(fullDraft("a"));
      const second = await store.update(bareDraft("a"), first.revision);
      expect(revealed(second)).toEqual(revealed(bareDraft("a")));
      expect(second.revision).not.toBe(first.revision);
      expect(second.createTime).toEqual(first.createTime);
      expect(second.updateTime.getTime()).toBeGreaterThanOrEqual(first.updateTime.getTime());
      expect(await store.get("a")).toEqual(second);
    });

    it("gives a new revision even when nothing changes", async () => {
      const first = await store.create(fullDraft("a"));
      const second = await store.update(fullDraft("a"), first.revision);
      expect(second.revision).not.toBe(first.revision);
    });

    it("refuses an update of another revision, and changes nothing", async () => {
      const first = await store.create(fullDraft("a"));
      await expect(store.update(bareDraft("a"), "other")).rejects.toMatchObject({ code: "aborted" });
      expect(await store.get("a")).toEqual(first);
    });

    it("refuses an update of what is not there", async () => {
      await expect(store.update(bareDraft("a"), "any")).rejects.toMatchObject({ code: "not_found" });
      expect(await store.list()).toEqual([]);
    });

    it("lets one of two updates at once win", async () => {
      const { revision } = await store.create(bareDraft("a"));
      const settled = await Promise.allSettled(
        ["x", "y"].map((displayName) => store.update({ ...bareDraft("a"), displayName }, revision)),
      );
      const won = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      const lost = settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
      expect(won).toHaveLength(1);
      expect(lost).toEqual([expect.objectContaining({ name: "LivellmError", code: "aborted" })]);
      expect(await store.get("a")).toEqual(won[0]);
    });

    it("lets one of two creations at once win", async () => {
      const settled = await Promise.allSettled([store.create(bareDraft("a")), store.create(bareDraft("a"))]);
      expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    });

    it("deletes the expected revision alone", async () => {
      const { revision } = await store.create(bareDraft("a"));
      await store.create(bareDraft("b"));
      await expect(store.delete("a", "other")).rejects.toMatchObject({ code: "aborted" });
      expect(await store.get("a")).toBeDefined();
      await store.delete("a", revision);
      expect((await store.list()).map(({ id }) => id)).toEqual(["b"]);
      await expect(store.delete("a", revision)).rejects.toMatchObject({ code: "not_found" });
    });

    it("never repeats a revision for an id that comes back", async () => {
      const first = await store.create(bareDraft("a"));
      await store.delete("a", first.revision);
      const second = await store.create(bareDraft("a"));
      expect(second.revision).not.toBe(first.revision);
      await expect(store.delete("a", first.revision)).rejects.toMatchObject({ code: "aborted" });
    });

    it("tells its listeners of every change that was made, after it was made, until they leave", async () => {
      const seen: Promise<number>[] = [];
      const listener = vi.fn(() => {
        seen.push(store.list().then((list) => list.length));
      });
      const unsubscribe = store.subscribe(listener);
      const { revision } = await store.create(bareDraft("a"));
      const updated = await store.update(bareDraft("a"), revision);
      await expect(store.update(bareDraft("a"), "other")).rejects.toThrow();
      await store.delete("a", updated.revision);
      expect(listener).toHaveBeenCalledTimes(3);
      expect((await Promise.all(seen))[0]).toBe(1);
      unsubscribe();
      await store.create(bareDraft("a"));
      expect(listener).toHaveBeenCalledTimes(3);
    });

    it("tells the revision of each, which is another after a change", async () => {
      const a = await store.create(bareDraft("a"));
      const b = await store.create(bareDraft("b"));
      expect(await store.revisions()).toEqual(new Map([a, b].map(({ id, revision }) => [id, revision])));
      const changed = await store.update(bareDraft("a"), a.revision);
      await store.delete("b", b.revision);
      expect(await store.revisions()).toEqual(new Map([["a", changed.revision]]));
    });

    it("shows no secret in JSON, templates or the inspector", async () => {
      const config = await store.create(fullDraft("a"));
      const { inspect } = await import("node:util");
      const shown = [JSON.stringify(config), inspect(config, { depth: 9 }), `${config.apiKey}`, inspect(store)].join();
      expect(shown).not.toContain(canary);
      expect(shown).toContain("[secret]");
    });

    it("may be closed twice, and says so when it is used afterwards", async () => {
      await store.close();
      await store.close();
      await expect(store.list()).rejects.toMatchObject({ name: "LivellmError", code: "unavailable" });
    });
  });
}

/** A draft, or a config without what the store adds, with its secrets in the clear so that they can be compared. */
function revealed(draft: ProviderDraft | ProviderConfig): unknown {
  const { readOnly, createTime, updateTime, revision, ...rest } = draft as ProviderConfig;
  return {
    ...rest,
    apiKey: rest.apiKey?.reveal(),
    headers: Object.entries(rest.headers).map(([name, value]) => [name, value.reveal()]),
  };
}
