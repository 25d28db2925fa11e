import { randomBytes } from "node:crypto";
import { once } from "node:events";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createProviderRegistry } from "../../src/routing/provider-registry.ts";
import { exportStore } from "../../src/store/export-store.ts";
import { importStore } from "../../src/store/import-store.ts";
import { openStore } from "../../src/store/open-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import type { Store } from "../../src/store/sql-store.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type PostgresServer, postgres, startPostgres } from "../support/postgres.ts";
import { describeAccessStores } from "./access-contract.ts";
import { describeProviderStore } from "./contract.ts";
import { bareDraft, fullDraft } from "./provider-drafts.ts";
import { describeResealing } from "./reseal-contract.ts";
import { describeRouteStore } from "./route-contract.ts";

const sealer = createSealer(randomBytes(32));

describeWith(postgres, "PostgreSQL", () => {
  let server: PostgresServer;
  let url = "";
  beforeAll(async () => {
    server = await startPostgres();
    url = await server.createDatabase();
    await (await openStore(url, sealer)).close();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const empty = () => server.execute("truncate provider, route, token, audit_event, setting", url);
  const openEmpty = async () => {
    await empty();
    return await openStore(url, sealer);
  };
  describeProviderStore("postgres", openEmpty);
  describeRouteStore("postgres", openEmpty);
  describeAccessStores("postgres", openEmpty);
  describe("with several master keys", () => {
    beforeEach(empty);
    describeResealing("postgres", (each) => openStore(url, each));
  });

  describe("several stores of one database", () => {
    let one: Store;
    let two: Store;
    beforeEach(async () => {
      one = await openEmpty();
      two = await openStore(url, sealer, { reconcileMs: 3_600_000 });
      return async () => void (await Promise.all([one.close(), two.close()]));
    });

    it("tell each other of changes, by what was changed", async () => {
      const [providers, routes, tokens] = [vi.fn(), vi.fn(), vi.fn()];
      const told = toldOnce(two.subscribe);
      two.subscribe(providers);
      two.routes.subscribe(routes);
      two.tokens.subscribe(tokens);
      await one.create(bareDraft("a"));
      await told;
      expect([providers, routes, tokens].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 0]);
      expect(await two.get("a")).toEqual(await one.get("a"));
    });

    it("are told of what is changed by hand", async () => {
      await one.create(bareDraft("a"));
      const told = toldOnce(two.subscribe);
      await server.execute("delete from provider", url);
      await told;
      expect(await two.list()).toEqual([]);
    });

    it("let one of two changes win, whoever makes them", async () => {
      const { revision } = await one.create(bareDraft("a"));
      const settled = await Promise.allSettled(
        [one, two, one, two].map((store, i) => store.update({ ...bareDraft("a"), displayName: `${i}` }, revision)),
      );
      expect(settled.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected", "rejected", "rejected"]);
    });

    it("keep one audit log, whole", async () => {
      const event = { actor: "admin", remoteAddress: "", requestId: "", rpc: "s/m", changedFields: [], outcome: "ok" };
      const names = Array.from({ length: 40 }, (_, i) => `${i}`);
      await Promise.all(
        names.map((resourceId, i) => (i % 2 ? one : two).audit.append({ ...event, resourceId, time: new Date() })),
      );
      const kept = (await two.audit.latest(100, "")).map(({ resourceId }) => resourceId);
      expect(kept.sort()).toEqual(names.sort());
    });

    it("hear again when their connection was cut, of what they have missed too", async () => {
      const told = toldOnce(two.subscribe);
      const cut = "select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen %'";
      expect(await server.execute(cut, url)).toHaveLength(2);
      await told;
      await vi.waitFor(async () => expect(await server.execute(listeners(url), url)).toHaveLength(2), 10_000);
      const again = toldOnce(two.tokens.subscribe);
      await server.execute("delete from token", url);
      await again;
    });
  });

  it("is looked at now and then for what nobody has announced", async () => {
    const fresh = await server.createDatabase();
    await using one = closing(await openStore(fresh, sealer));
    await using two = closing(await openStore(fresh, sealer, { reconcileMs: 50 }));
    const warn = vi.fn();
    const registry = await createProviderRegistry({ store: two, configured: [], kinds: new Map(), warn });
    await server.execute("alter table provider disable trigger all", fresh);
    await one.create(bareDraft("unheard"));
    await vi.waitFor(() => expect(registry.ids()).toEqual(["unheard"]), 10_000);
    registry.close();
  });

  it("announces neither that a token was used nor that secrets were sealed again", async () => {
    await using store = closing(await openEmpty());
    await store.create(fullDraft("a"));
    const { tokens } = store;
    const allowed = { providers: [], models: [], routes: [], inlineProviders: false };
    const token = { id: "tok_a", displayName: "", labels: {}, disabled: false, allowed, digest: "d", obfuscated: "" };
    await tokens.create(token);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("listen livellm_change; listen the_end");
    const heard: string[] = [];
    client.on("notification", ({ channel, payload }) => heard.push(payload || channel));
    const ended = once(client, "notification");
    await tokens.noteUse("tok_a", new Date());
    await server.execute("update provider set secrets = secrets; notify the_end", url);
    await ended;
    await client.end();
    expect(heard).toEqual(["the_end"]);
  });

  it("is prepared by one of several servers that start at once", async () => {
    const fresh = await server.createDatabase();
    const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(fresh, sealer)));
    await stores[0]?.create(fullDraft("a"));
    expect(await stores[3]?.list()).toHaveLength(1);
    await Promise.all(stores.map((store) => store.close()));
  });

  it("keeps what it was to write out of its errors and the log, which says why", async () => {
    const fresh = await server.createDatabase();
    const log = { warn: vi.fn(), info: vi.fn() };
    await using store = closing(await openStore(fresh, sealer, { log }));
    await server.execute("alter table provider add constraint odd check (kind <> 'openai-compatible')", fresh);
    const error: unknown = await store.create(fullDraft("a")).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "unavailable", message: expect.stringContaining("the server's log says why") });
    expect(log.warn.mock.calls).toEqual([
      [
        expect.stringMatching(
          /^the database postgres:.* has refused a query with 23514 at the table provider for odd$/,
        ),
      ],
    ]);
    expect(log.info).not.toHaveBeenCalled();
    expect(await store.list()).toEqual([]);
  });

  it("keeps several installations apart, each in its schema", async () => {
    const fresh = await server.createDatabase();
    await server.execute("create schema one authorization livellm; create schema two authorization livellm", fresh);
    const schema = (name: string) => openStore(`${fresh}?options=-c%20search_path%3D${name}`, sealer);
    await using one = closing(await schema("one"));
    await using two = closing(await schema("two"));
    await one.create(bareDraft("a"));
    expect(await two.list()).toEqual([]);
    await expect(schema("missing")).rejects.toThrow(/has no schema to make tables in/);
  });

  it("is filled with what a SQLite file has held", async () => {
    await using from = closing(await openStore("sqlite::memory:", sealer));
    for (const id of ["b", "B", "a"]) await from.create(fullDraft(id));
    await using to = closing(await openEmpty());
    const report = await importStore(to, await exportStore(from, { form: "sealed" }));
    expect(report.providers).toEqual({ created: 3, replaced: 0, unchanged: 0 });
    const contentOf = async (store: Store) =>
      (await store.list()).map(({ revision, updateTime, ...rest }) => ({ ...rest, apiKey: rest.apiKey?.reveal() }));
    expect(await contentOf(to)).toEqual(await contentOf(from));
  });

  it("takes no server with another master key, also before there is a secret", async () => {
    const fresh = await server.createDatabase();
    await (await openStore(fresh, sealer)).close();
    const other = openStore(fresh, createSealer(randomBytes(32)));
    await expect(other).rejects.toMatchObject({ code: "failed_precondition" });
    await expect(other).rejects.toThrow(/LIVELLM_MASTER_KEY is not the one/);
  });
});

/** Those who listen in the database of this address. */
function listeners(url: string): string {
  const database = new URL(url).pathname.slice(1);
  return `select pid from pg_stat_activity where query ilike 'listen %' and datname = '${database}'`;
}

function toldOnce(subscribe: Store["subscribe"]): Promise<void> {
  return new Promise((resolve) => subscribe(resolve));
}

function closing(store: Store): Store & AsyncDisposable {
  return { ...store, [Symbol.asyncDispose]: () => store.close() };
}
