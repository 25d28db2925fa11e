import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createSealer, type Sealer } from "../../src/store/sealing.ts";
import type { Store } from "../../src/store/sql-store.ts";
import { bareDraft, canary, fullDraft } from "./provider-drafts.ts";

const [before, after] = [randomBytes(32), randomBytes(32)];
const old = createSealer(before);
const both = createSealer(after, [before]);
const current = createSealer(after);

/** How every store changes its master key. `open` gives the same one each time, an empty one at first in each test. */
export function describeResealing(name: string, open: (sealer: Sealer) => Promise<Store>): void {
  describe(`a new master key: ${name}`, () => {
    it("opens what the old one has sealed as long as that is named, and seals anew", async () => {
      await using store = await opened(old);
      await store.create(fullDraft("a"));
      await using rotating = await opened(both);
      expect((await rotating.get("a"))?.apiKey?.reveal()).toBe(canary);
      await rotating.create(fullDraft("b"));
      await expect(store.get("b")).rejects.toMatchObject({ code: "internal" });
      await expect(open(current)).rejects.toThrow(/LIVELLM_OLD_MASTER_KEYS/);
    });

    it("is enough when everything has been sealed again, which changes no revision", async () => {
      await using store = await opened(old);
      for (const id of ["a", "b", "c"]) await store.create(fullDraft(id));
      await store.create(bareDraft("without"));
      const revisions = await store.revisions();
      await using rotating = await opened(both);
      expect(await rotating.reseal()).toEqual({ resealed: 3, current: 0, unreadable: [] });
      expect(await rotating.audit.latest(1, "")).toMatchObject([{ rpc: "livellm reseal", resourceId: "3 providers" }]);
      await using rotated = await opened(current);
      expect((await rotated.list()).map(({ apiKey }) => apiKey?.reveal())).toEqual([canary, canary, canary, undefined]);
      expect(await rotated.revisions()).toEqual(revisions);
      await expect(open(old)).rejects.toThrow(/LIVELLM_MASTER_KEY/);
    });

    it("may be broken off and go on, also while others write", async () => {
      await using store = await opened(old);
      const [a, b] = [await store.create(fullDraft("a")), await store.create(fullDraft("b"))];
      await using rotating = await opened(both);
      await rotating.update(fullDraft("a"), a.revision);
      const [report] = await Promise.all([
        rotating.reseal(),
        rotating.update(fullDraft("b", { displayName: "meanwhile" }), b.revision),
      ]);
      expect(report.resealed + report.current).toBe(2);
      expect(await rotating.reseal()).toEqual({ resealed: 0, current: 2, unreadable: [] });
      await using rotated = await opened(current);
      expect((await rotated.get("b"))?.displayName).toBe("meanwhile");
    });
  });

  async function opened(sealer: Sealer) {
    const store = await open(sealer);
    return { ...store, [Symbol.asyncDispose]: () => store.close() };
  }
}
