import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RouteDraft, RouteStore } from "../../src/store/route-store.ts";
import type { Store } from "../../src/store/sql-store.ts";

const draft = (name: string, displayName = ""): RouteDraft => ({
  name,
  displayName,
  route: {
    targets: [{ provider: "a", model: "m", voice: "v", options: { a: [1, null] }, attemptTimeoutMs: 1500.5 }],
    strategy: "parallel",
    staggerMs: 250,
  },
  labels: { "app.example.com/tier": "1" },
});

/** What every route store must do. `open` gives an empty one each time. */
export function describeRouteStore(name: string, open: () => Promise<Store>): void {
  describe(`route store: ${name}`, () => {
    let store: Store;
    let routes: RouteStore;
    beforeEach(async () => {
      store = await open();
      routes = store.routes;
    });
    afterEach(() => store.close());

    it("begins empty", async () => {
      expect(await routes.list()).toEqual([]);
      expect(await routes.get("a")).toBeUndefined();
    });

    it("gives back what was created", async () => {
      const created = await routes.create(draft("a", "A — route"));
      expect(created).toMatchObject({ ...draft("a", "A — route"), readOnly: false });
      expect(created.createTime).toEqual(created.updateTime);
      expect(await routes.get("a")).toEqual(created);
    });

    it("lists by name, in the order of code units", async () => {
      for (const each of ["b", "a", "B", "a-1"]) await routes.create(draft(each));
      expect((await routes.list()).map((route) => route.name)).toEqual(["B", "a", "a-1", "b"]);
    });

    it("refuses a second one with the same name, and leaves the first as it was", async () => {
      const first = await routes.create(draft("a"));
      await expect(routes.create(draft("a", "second"))).rejects.toMatchObject({ code: "already_exists" });
      expect(await routes.get("a")).toEqual(first);
    });

    it("replaces the expected revision alone, with a new revision and the old create time", async () => {
      const first = await routes.create(draft("a"));
      const second = await routes.update(draft("a", "second"), first.revision);
      expect(second).toMatchObject({ displayName: "second", createTime: first.createTime });
      expect(second.revision).not.toBe(first.revision);
      await expect(routes.update(draft("a"), first.revision)).rejects.toMatchObject({ code: "aborted" });
      await expect(routes.update(draft("z"), "any")).rejects.toMatchObject({ code: "not_found" });
      expect(await routes.get("a")).toEqual(second);
    });

    it("deletes the expected revision alone, and never repeats one", async () => {
      const first = await routes.create(draft("a"));
      await expect(routes.delete("a", "other")).rejects.toMatchObject({ code: "aborted" });
      await routes.delete("a", first.revision);
      await expect(routes.delete("a", first.revision)).rejects.toMatchObject({ code: "not_found" });
      expect((await routes.create(draft("a"))).revision).not.toBe(first.revision);
    });

    it("tells its listeners of every change that was made, until they leave", async () => {
      const listener = vi.fn();
      const unsubscribe = routes.subscribe(listener);
      const { revision } = await routes.create(draft("a"));
      await expect(routes.delete("a", "other")).rejects.toThrow();
      await routes.delete("a", revision);
      expect(listener).toHaveBeenCalledTimes(2);
      unsubscribe();
      await routes.create(draft("a"));
      expect(listener).toHaveBeenCalledTimes(2);
    });

    it("is closed with its database, and says so", async () => {
      await store.close();
      await expect(routes.list()).rejects.toMatchObject({ name: "LivellmError", code: "unavailable" });
    });
  });
}
