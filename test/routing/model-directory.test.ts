import { expect, test } from "vitest";
import type { ListedModel } from "../../src/core/models.ts";
import type { ProviderConfig, ProviderKind } from "../../src/core/provider.ts";
import { createCatalogue } from "../../src/routing/catalogue.ts";
import { createModelDirectory } from "../../src/routing/model-directory.ts";
import { ProviderPool } from "../../src/routing/provider-pool.ts";
import { createUpstream } from "../../src/upstream/upstream.ts";

const signal = new AbortController().signal;

/** One provider whose list, clock and revision the test turns. */
function directory() {
  const state = { listed: [] as ListedModel[], nowMs: 0, revision: "1" };
  const kind: ProviderKind = {
    kind: "test",
    displayName: "Test",
    rpcs: [],
    apiKeyRequired: false,
    baseUrlRequired: false,
    defaultBaseUrl: "http://127.0.0.1:9",
    create: () => ({ models: { list: async () => state.listed } }),
  };
  const config = () => ({
    id: "p",
    kind: "test",
    baseUrl: "",
    headers: {},
    models: [],
    allowedModels: [],
    blockedModels: [],
    revision: state.revision,
  });
  const providers = {
    get: (id: string) => (id === "p" ? (config() as unknown as ProviderConfig) : undefined),
    ids: () => ["p"],
    kind: () => kind,
    kinds: () => ["test"],
  };
  const pool = new ProviderPool(() => createUpstream({ connectTimeoutMs: 100, secrets: [] }));
  const clock = () => state.nowMs;
  const catalogue = createCatalogue(undefined, undefined);
  return { state, models: createModelDirectory({ providers, pool, catalogue, clock, listing: { freshMs: 10 } }) };
}

test("what is known of a model follows its provider's list", async () => {
  const { state, models } = directory();
  expect(models.known("p", "m")).toMatchObject({ id: "m", provider: "p" });
  expect(models.contextWindowOf("p", "m")).toBeUndefined();
  state.listed = [{ id: "m", contextWindow: 1_000 }];
  await models.list("p", signal);
  expect(models.contextWindowOf("p", "m")).toBe(1_000);
  state.listed = [{ id: "m", contextWindow: 2_000, aliases: ["n"] }];
  state.nowMs = 60_000;
  await models.renewed("p", signal);
  expect(models.contextWindowOf("p", "m")).toBe(2_000);
  expect(models.known("p", "n")?.id).toBe("m");
  models.close();
});

test("a provider that was changed is known anew", async () => {
  const { state, models } = directory();
  state.listed = [{ id: "m", contextWindow: 1_000 }];
  await models.list("p", signal);
  expect(models.known("p", "m")).toMatchObject({ contextWindow: 1_000, revision: "1" });
  state.revision = "2";
  expect(models.known("p", "m")).toMatchObject({ revision: "2" });
  expect(models.contextWindowOf("p", "m")).toBeUndefined();
  models.close();
});
