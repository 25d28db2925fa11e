import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AuditDraft } from "../../src/store/audit-store.ts";
import type { Store } from "../../src/store/sql-store.ts";
import type { TokenDraft, TokenStore } from "../../src/store/token-store.ts";

const bare: TokenDraft = {
  id: "tok_a",
  displayName: "",
  labels: {},
  disabled: false,
  allowed: { providers: [], models: [], routes: [], inlineProviders: false },
  digest: "d".repeat(64),
  obfuscated: "llm…dddd",
};

const full: TokenDraft = {
  ...bare,
  displayName: "A — token",
  labels: { "app.example.com/team": "voice" },
  expireTime: new Date("2030-01-02T03:04:05.678Z"),
  disabled: true,
  allowed: { providers: ["a"], models: ["m*", "a/n"], routes: ["fast"], inlineProviders: true },
  requestsPerMinute: 10,
  tokensPerMinute: 1_000,
};

const draft = (id: string): TokenDraft => ({ ...bare, id });

const event = (resourceId: string, time = new Date("2026-01-02T03:04:05.678Z")): AuditDraft => ({
  time,
  actor: "admin",
  remoteAddress: "127.0.0.1",
  requestId: "r",
  rpc: "livellm.v1.ProvidersService/UpdateProvider",
  resourceId,
  changedFields: ["displayName"],
  outcome: "ok",
});

/** What every token and audit store must do. `open` gives an empty one each time. */
export function describeAccessStores(name: string, open: () => Promise<Store>): void {
  describe(`access stores: ${name}`, () => {
    let store: Store;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    describe("tokens", () => {
      let tokens: TokenStore;
      beforeEach(() => {
        tokens = store.tokens;
      });

      it("begins empty", async () => {
        expect(await tokens.list()).toEqual([]);
        expect(await tokens.get("tok_a")).toBeUndefined();
      });

      it.each([bare, full])("gives back what was created: $displayName", async (each) => {
        const created = await tokens.create(each);
        expect(created).toMatchObject(each);
        expect(created.createTime).toEqual(created.updateTime);
        expect(created.lastUseTime).toBeUndefined();
        expect(await tokens.get("tok_a")).toEqual(created);
      });

      it("lists by id, in the order of code units", async () => {
        for (const id of ["tok_b", "tok_B", "tok_1"]) await tokens.create(draft(id));
        expect((await tokens.list()).map(({ id }) => id)).toEqual(["tok_1", "tok_B", "tok_b"]);
      });

      it("refuses a second one with the same id, and leaves the first as it was", async () => {
        const first = await tokens.create(full);
        await expect(tokens.create(bare)).rejects.toMatchObject({ code: "already_exists" });
        expect(await tokens.get("tok_a")).toEqual(first);
      });

      it("replaces the expected revision alone, with a new revision and the old create time", async () => {
        const first = await tokens.create(full);
        const second = await tokens.update(bare, first.revision);
        expect(second).toMatchObject({ ...bare, createTime: first.createTime });
        expect(second.expireTime).toBeUndefined();
        expect(second.revision).not.toBe(first.revision);
        await expect(tokens.update(full, first.revision)).rejects.toMatchObject({ code: "aborted" });
        await expect(tokens.update(draft("tok_z"), "any")).rejects.toMatchObject({ code: "not_found" });
        expect(await tokens.get("tok_a")).toEqual(second);
      });

      it("deletes the expected revision alone", async () => {
        const { revision } = await tokens.create(bare);
        await expect(tokens.delete("tok_a", "other")).rejects.toMatchObject({ code: "aborted" });
        await tokens.delete("tok_a", revision);
        await expect(tokens.delete("tok_a", revision)).rejects.toMatchObject({ code: "not_found" });
      });

      it("notes a use, and changes nothing else", async () => {
        const listener = vi.fn();
        const created = await tokens.create(bare);
        tokens.subscribe(listener);
        const lastUseTime = new Date("2026-05-06T07:08:09.010Z");
        await tokens.noteUse("tok_a", lastUseTime);
        await tokens.noteUse("tok_gone", lastUseTime);
        expect(await tokens.get("tok_a")).toEqual({ ...created, lastUseTime });
        expect(listener).not.toHaveBeenCalled();
        expect(await tokens.update(bare, created.revision)).toMatchObject({ lastUseTime });
      });

      it("tells its listeners of every change that was made, until they leave", async () => {
        const listener = vi.fn();
        const unsubscribe = tokens.subscribe(listener);
        const { revision } = await tokens.create(bare);
        await expect(tokens.delete("tok_a", "other")).rejects.toThrow();
        await tokens.delete("tok_a", revision);
        expect(listener).toHaveBeenCalledTimes(2);
        unsubscribe();
        await tokens.create(bare);
        expect(listener).toHaveBeenCalledTimes(2);
      });
    });

    describe("audit events", () => {
      it("lists the latest first, whole and behind an event, also of one millisecond and of a clock that goes back", async () => {
        const { audit } = store;
        const first = await audit.append(event("first"));
        await audit.append(event("second"));
        await audit.append(event("third", new Date(0)));
        const all = await audit.latest(10, "");
        expect(all.map(({ resourceId }) => resourceId)).toEqual(["third", "second", "first"]);
        expect(all.at(-1)).toEqual(first);
        expect(first).toMatchObject(event("first"));
        expect(await audit.latest(1, all[0]?.id ?? "")).toEqual([all[1]]);
        expect(await audit.latest(10, first.id)).toEqual([]);
      });
    });
  });
}
