import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { Secret } from "../../src/core/secret.ts";
import type { ExportDocument } from "../../src/store/export-document.ts";
import type { ExportedSecrets } from "../../src/store/export-secrets.ts";
import { exportStore } from "../../src/store/export-store.ts";
import { importStore } from "../../src/store/import-store.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { RouteDraft } from "../../src/store/route-store.ts";
import { createSealer } from "../../src/store/sealing.ts";
import type { Store } from "../../src/store/sql-store.ts";
import type { TokenDraft } from "../../src/store/token-store.ts";
import { bareDraft, canary, fullDraft } from "./provider-drafts.ts";

const passphrase = new Secret("correct horse battery staple");

const route: RouteDraft = {
  name: "fast",
  displayName: "Fast",
  route: {
    targets: [{ provider: "a", model: "m", voice: "", options: { n: 1 }, attemptTimeoutMs: 1500.5 }],
    strategy: "parallel",
  },
  labels: { team: "voice" },
};

const token: TokenDraft = {
  id: "tok_0123456789abcdef",
  displayName: "A token",
  labels: {},
  expireTime: new Date("2030-01-02T03:04:05.678Z"),
  disabled: false,
  allowed: { providers: ["a"], models: [], routes: ["fast"], inlineProviders: false },
  requestsPerMinute: 10,
  digest: "d".repeat(64),
  obfuscated: "llm…dddd",
};

const key = randomBytes(32);
let from: Store;
let to: Store;
beforeEach(async () => {
  from = await openStore("sqlite::memory:", createSealer(key));
  to = await openStore("sqlite::memory:", createSealer(randomBytes(32)));
  await from.create(fullDraft("a"));
  await from.create(bareDraft("b"));
  await from.routes.create(route);
  await from.tokens.create(token);
});
afterEach(async () => {
  await Promise.all([from.close(), to.close()]);
});

/** What a file of it says when it is read again. */
async function exported(secrets: ExportedSecrets): Promise<ExportDocument> {
  return JSON.parse(JSON.stringify(await exportStore(from, secrets))) as ExportDocument;
}

/** All that is kept, but for what a store decides itself. */
async function contentOf(store: Store): Promise<unknown> {
  const all = [...(await store.list()), ...(await store.routes.list()), ...(await store.tokens.list())];
  return all.map(({ revision, updateTime, ...rest }) => ({
    ...rest,
    ...("headers" in rest && {
      apiKey: rest.apiKey?.reveal(),
      headers: Object.entries(rest.headers).map(([name, value]) => [name, value.reveal()]),
    }),
  }));
}

describe("an export", () => {
  it.each<ExportedSecrets>([{ form: "plain" }, { form: "passphrase", passphrase }])(
    "with $form secrets fills another store with all of it, times of creation and keys included",
    async (secrets) => {
      const report = await importStore(to, await exported(secrets), { passphrase });
      expect(await contentOf(to)).toEqual(await contentOf(from));
      const created = (count: number) => ({ created: count, replaced: 0, unchanged: 0 });
      expect(report).toEqual({ providers: created(2), routes: created(1), tokens: created(1) });
    },
  );

  it("with sealed secrets fills a store with the same master key, or one that has it among its old ones", async () => {
    await using same = closing(await openStore("sqlite::memory:", createSealer(key)));
    await using later = closing(await openStore("sqlite::memory:", createSealer(randomBytes(32), [key])));
    for (const { store } of [same, later]) {
      await importStore(store, await exported({ form: "sealed" }));
      expect(await contentOf(store)).toEqual(await contentOf(from));
    }
  });

  it("shows secrets only where that was asked for", async () => {
    for (const secrets of [{ form: "sealed" }, { form: "passphrase", passphrase }] as const) {
      const text = JSON.stringify(await exportStore(from, secrets));
      expect(text).toContain("api.example.com");
      expect(text).not.toContain(canary);
      expect(text).not.toContain(passphrase.reveal());
    }
    expect(JSON.stringify(await exportStore(from, { form: "plain" }))).toContain(canary);
  });

  it("is refused where its secrets do not open, with what to do", async () => {
    await expect(importStore(to, await exported({ form: "sealed" }))).rejects.toThrow(/LIVELLM_OLD_MASTER_KEYS/);
    const sealed = await exported({ form: "passphrase", passphrase });
    await expect(importStore(to, sealed)).rejects.toThrow(/passphrase: give it/);
    await expect(importStore(to, sealed, { passphrase: new Secret("other") })).rejects.toThrow(/another passphrase/);
    expect(await contentOf(to)).toEqual([]);
  });

  it("imported again changes nothing, so that no server reads anything anew", async () => {
    const document = await exported({ form: "plain" });
    await importStore(to, document);
    const before = await to.revisions();
    const unchanged = (count: number) => ({ created: 0, replaced: 0, unchanged: count });
    expect(await importStore(to, document)).toEqual({
      providers: unchanged(2),
      routes: unchanged(1),
      tokens: unchanged(1),
    });
    expect(await to.revisions()).toEqual(before);
  });

  it("is told of to those who follow the store, and written into its audit log", async () => {
    let told = 0;
    to.routes.subscribe(() => told++);
    await importStore(to, await exported({ form: "plain" }));
    expect(told).toBe(1);
    expect(await to.audit.latest(10, "")).toMatchObject([
      { actor: "cli", rpc: "livellm import", resourceId: "2 providers, 1 routes, 1 tokens", outcome: "ok" },
    ]);
  });
});

describe("what is there already, with other content", () => {
  beforeEach(async () => {
    await to.create({ ...bareDraft("b"), displayName: "mine" });
    await to.create({ ...bareDraft("c"), displayName: "only here" });
  });

  it("is a mistake, and then nothing is written", async () => {
    const before = await contentOf(to);
    const error = await failureOf(importStore(to, await exported({ form: "plain" })));
    expect(error.facts.violations).toEqual([
      { field: "providers", description: expect.stringMatching(/^"b" is there already/), reason: "CONFLICT" },
    ]);
    expect(await contentOf(to)).toEqual(before);
  });

  it("is replaced where that is wanted, and what the export does not name stays", async () => {
    const report = await importStore(to, await exported({ form: "plain" }), { existing: "replace" });
    expect(report.providers).toEqual({ created: 1, replaced: 1, unchanged: 0 });
    expect((await to.list()).map(({ id, displayName }) => [id, displayName])).toEqual([
      ["a", "A provider — with a name"],
      ["b", ""],
      ["c", "only here"],
    ]);
  });

  it("is only counted by a check", async () => {
    const before = await contentOf(to);
    const options = { existing: "replace", checkOnly: true } as const;
    expect((await importStore(to, await exported({ form: "plain" }), options)).providers.replaced).toBe(1);
    expect(await contentOf(to)).toEqual(before);
  });

  it("that changes while the import is under way undoes all of it", async () => {
    const list = to.tokens.list.bind(to.tokens);
    const { revision } = (await to.get("b")) ?? { revision: "" };
    const overtaken: Store = {
      ...to,
      tokens: {
        ...to.tokens,
        list: async () => {
          await to.update({ ...bareDraft("b"), displayName: "meanwhile" }, revision);
          return await list();
        },
      },
    };
    const error = await failureOf(importStore(overtaken, await exported({ form: "plain" }), { existing: "replace" }));
    expect(error.code).toBe("aborted");
    expect((await to.list()).map(({ id, displayName }) => [id, displayName])).toEqual([
      ["b", "meanwhile"],
      ["c", "only here"],
    ]);
    expect(await to.routes.list()).toEqual([]);
  });
});

describe("a document with mistakes", () => {
  it("is refused with every one of them, quoting no secret, and nothing is written", async () => {
    const { providers, routes, tokens, ...rest } = await exported({ form: "plain" });
    const [a, b] = providers;
    const document = {
      ...rest,
      providers: [
        { ...a, id: "not an id", secrets: { apiKey: 7, header: { [canary]: canary } } },
        { ...b, modells: [], kind: undefined, createTime: "2026-13-01T00:00:00Z" },
      ],
      routes: [{ ...routes[0], route: { targets: [{ provider: "a" }], strategy: "random" } }],
      tokens: [{ ...tokens[0], digest: "short", requestsPerMinute: 0 }],
    };
    const error = await failureOf(importStore(to, JSON.parse(JSON.stringify(document))));
    expect(error.code).toBe("invalid_argument");
    expect(error.facts.violations?.map(({ field }) => field).sort()).toEqual([
      "providers[0].id",
      "providers[0].secrets.apiKey",
      "providers[0].secrets.header",
      "providers[1].createTime",
      "providers[1].kind",
      "providers[1].modells",
      "routes[0].route.strategy",
      "routes[0].route.targets[0].model",
      "routes[0].route.targets[0].options",
      "routes[0].route.targets[0].voice",
      "tokens[0].digest",
      "tokens[0].requestsPerMinute",
    ]);
    expect(inspect(error, { depth: 9 })).not.toContain(canary);
    expect(await contentOf(to)).toEqual([]);
  });

  it("is refused for what its form does not show: names twice, secrets of others, settings", async () => {
    const document = await exported({ form: "passphrase", passphrase });
    const [a, b] = document.providers;
    const changed = { ...document, providers: [a, { ...b, secrets: a?.secrets }, a] };
    const checkSettings = (kind: string) =>
      kind === "local" ? [{ field: "provider.kind", description: "is not one", reason: "UNKNOWN" as const }] : [];
    const error = await failureOf(importStore(to, changed, { passphrase, checkSettings }));
    expect(error.facts.violations?.map(({ field, description }) => `${field} ${description}`)).toEqual([
      expect.stringMatching(/^providers\[1\]\.secrets were sealed for another provider/),
      "providers[1].kind is not one",
      "providers[2].id is that of providers[0]",
    ]);
  });

  it.each([
    [undefined, /it is not an export/],
    [[], /it is not an export/],
    [{ livellm: "export", version: 2 }, /reads exports of version 1, not 2/],
  ])("that is %j is refused at once", async (document, words) => {
    await expect(importStore(to, document)).rejects.toThrow(words);
  });
});

function closing(store: Store): AsyncDisposable & { readonly store: Store } {
  return { store, [Symbol.asyncDispose]: () => store.close() };
}

async function failureOf(promise: Promise<unknown>): Promise<LivellmError> {
  const error = await promise.catch((reason: unknown) => reason);
  if (error instanceof LivellmError) return error;
  throw new Error(`it did not fail as it should: ${error}`);
}
