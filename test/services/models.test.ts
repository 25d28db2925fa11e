import { describe, expect, test } from "vitest";
import type { ChatEvent } from "../../src/core/chat.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { ListedModel } from "../../src/core/models.ts";
import { ask, failing, type ScriptedProvider, startModelsGateway } from "./models-gateway.ts";

const text: Pick<ListedModel, "capabilities" | "inputModalities" | "outputModalities"> = {
  capabilities: ["agent"],
  inputModalities: ["text"],
  outputModalities: ["text"],
};

const large: ListedModel = {
  ...text,
  id: "large",
  aliases: ["large-latest"],
  features: ["tools", "reasoning"],
  inputModalities: ["text", "image"],
  contextWindow: 1_000_000,
  maxOutputTokens: 64_000,
  pricing: { inputUsdPerMtok: 4, outputUsdPerMtok: 20 },
};
const small: ListedModel = {
  ...text,
  id: "small",
  features: ["tools"],
  contextWindow: 128_000,
  pricing: { inputUsdPerMtok: 0.5, outputUsdPerMtok: 2 },
};
const unpriced: ListedModel = { ...text, id: "unpriced", features: ["tools"], contextWindow: 8_000 };
const house: ListedModel = { ...text, id: "house", local: true, contextWindow: 32_000 };
const retired: ListedModel = {
  ...large,
  id: "gone",
  aliases: [],
  contextWindow: 2_000_000,
  retireTime: new Date("2026-01-01"),
};
const ear: ListedModel = { id: "ear", capabilities: ["transcribe"], languageCodes: ["en", "de-CH"] };

const down = () => new LivellmError("unavailable", "provider_unavailable", "it is down", { httpStatus: 503 });
const speech = { formats: () => [], stream: () => [] as never };
const transcription = { transcribe: async () => ({ text: "", segments: [], usage: {} }) };

/** A mixed catalogue: a large house, a cheap one, one on the caller's own machines, and one that only listens. */
const mixed: Readonly<Record<string, ScriptedProvider>> = {
  acme: { lists: [large, small, retired] },
  budget: { lists: [{ ...small, pricing: { inputUsdPerMtok: 0.2, outputUsdPerMtok: 0.9 } }, unpriced] },
  cellar: { lists: [house] },
  listener: { lists: [ear], abilities: { transcription, speech } },
};

const ids = (body: object) =>
  ((body as { models?: { provider: string; id: string }[] }).models ?? []).map(
    ({ provider, id }) => `${provider}/${id}`,
  );

describe("ListModels", () => {
  test("lists every provider's, by provider and id, and what is known of each", async () => {
    await using gateway = await startModelsGateway(mixed);
    const { status, body } = await gateway.call("ModelsService/ListModels", {});
    expect(status).toBe(200);
    expect(ids(body)).toEqual([
      "acme/gone",
      "acme/large",
      "acme/small",
      "budget/small",
      "budget/unpriced",
      "cellar/house",
      "listener/ear",
    ]);
    expect(body).toMatchObject({
      models: expect.arrayContaining([
        {
          provider: "acme",
          id: "large",
          providerKind: "acme",
          aliases: ["large-latest"],
          capabilities: ["CAPABILITY_AGENT"],
          features: ["FEATURE_TOOLS", "FEATURE_REASONING"],
          inputModalities: ["MODALITY_TEXT", "MODALITY_IMAGE"],
          outputModalities: ["MODALITY_TEXT"],
          contextWindow: 1_000_000,
          maxOutputTokens: 64_000,
          pricing: { inputUsdPerMtok: 4, outputUsdPerMtok: 20 },
        },
      ]),
    });
  });

  test("gives pages that fit together, and refuses a token of another list", async () => {
    await using gateway = await startModelsGateway(mixed);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const { body } = await gateway.call("ModelsService/ListModels", { pageSize: 3, pageToken });
      seen.push(...ids(body));
      pageToken = String(body.nextPageToken ?? "");
      if (seen.length === 3) {
        const other = await gateway.call("ModelsService/ListModels", { pageSize: 3, pageToken, provider: "acme" });
        expect(other).toMatchObject({ status: 400, body: { code: "invalid_argument" } });
      }
    } while (pageToken !== "");
    expect(seen).toHaveLength(7);
    expect(new Set(seen).size).toBe(7);
  });

  test("filters by provider and by what a model can be used for here", async () => {
    await using gateway = await startModelsGateway(mixed);
    const of = async (request: object) => ids((await gateway.call("ModelsService/ListModels", request)).body);
    expect(await of({ provider: "budget" })).toEqual(["budget/small", "budget/unpriced"]);
    expect(await of({ capabilities: ["CAPABILITY_TRANSCRIBE"] })).toEqual(["listener/ear"]);
    expect(await of({ capabilities: ["CAPABILITY_TRANSCRIBE_STREAM"] })).toEqual(["listener/ear"]); // by utterances
    expect(await of({ capabilities: ["CAPABILITY_SPEAK"] })).toEqual([]);
    expect(await gateway.call("ModelsService/ListModels", { provider: "none" })).toMatchObject({ status: 404 });
  });

  test("tells who could not be asked, and why, and lists the others; a slow one is not waited for", async () => {
    const never = () => new Promise<readonly ListedModel[]>(() => undefined);
    await using gateway = await startModelsGateway({
      broken: { lists: async () => Promise.reject(down()) },
      ok: { lists: [small] },
      slow: { lists: never },
    });
    const { body } = await gateway.call("ModelsService/ListModels", {});
    expect(ids(body)).toEqual(["ok/small"]);
    expect(body.failures).toMatchObject([
      { provider: "broken", failure: { reason: "REASON_PROVIDER_UNAVAILABLE", httpStatus: 503 } },
      { provider: "slow", failure: { reason: "REASON_TIMEOUT" } },
    ]);
  });

  test("asks once for many, keeps the list, and renews it in the background", async () => {
    let asked = 0;
    const lists = async () => {
      asked++;
      return [{ id: `m${asked}` }];
    };
    await using gateway = await startModelsGateway({ p: { lists } });
    const list = async () => ids((await gateway.call("ModelsService/ListModels", {})).body);
    expect(await Promise.all([list(), list(), list()])).toEqual([["p/m1"], ["p/m1"], ["p/m1"]]);
    gateway.pass(299_000);
    expect(await list()).toEqual(["p/m1"]);
    expect(asked).toBe(1);
    gateway.pass(2_000);
    expect(await list()).toEqual(["p/m1"]); // the old one serves while the new one is fetched
    expect(await list()).toEqual(["p/m2"]);
    expect(asked).toBe(2);
  });

  test("leaves out what the provider's lists forbid and the disabled; knows what it does not list", async () => {
    await using gateway = await startModelsGateway({
      narrow: { lists: [large, small], config: { blockedModels: ["lar*"] } },
      off: { lists: [large], config: { disabled: true } },
      silent: { config: { defaultModel: "named" } },
    });
    expect(ids((await gateway.call("ModelsService/ListModels", {})).body)).toEqual(["narrow/small", "silent/named"]);
    const off = await gateway.call("ModelsService/ListModels", { provider: "off" });
    expect(off.body.failures).toMatchObject([{ provider: "off", failure: { reason: "REASON_UNSUPPORTED" } }]);
  });

  test("knows who is local by the address, and says of a model what the operator's own catalogue says", async () => {
    const overrides = {
      kinds: { ollama: { local: "loopback" } },
      models: [{ provider: "near", id: "m", contextWindow: 4096, pricing: { inputUsdPerMtok: 1 } }],
    };
    const lists = [{ id: "m", contextWindow: 1 }];
    await using gateway = await startModelsGateway(
      {
        near: { lists, config: { kind: "ollama" }, baseUrl: "http://127.0.0.1:11434" },
        far: { lists },
      },
      overrides,
    );
    const [near, far] = await Promise.all(
      ["near", "far"].map((provider) => gateway.call("ModelsService/GetModel", { provider, id: "m" })),
    );
    expect(far?.body.model).toMatchObject({ contextWindow: 1 });
    expect(far?.body.model).not.toHaveProperty("local");
    expect(near?.body.model).toMatchObject({ local: true, contextWindow: 4096, pricing: { inputUsdPerMtok: 1 } });
  });
});

describe("GetModel", () => {
  test("finds a model by its id or an alias, and names what is near when there is none", async () => {
    await using gateway = await startModelsGateway(mixed);
    const get = (provider: string, id: string) => gateway.call("ModelsService/GetModel", { provider, id });
    expect(await get("acme", "large-latest")).toMatchObject({ status: 200, body: { model: { id: "large" } } });
    const wrong = await get("acme", "lrage");
    expect(wrong).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(wrong.body.message).toContain("near: large");
    expect(await get("nobody", "large")).toMatchObject({ status: 404 });
  });

  test("asks again for a model that came since, but not at once", async () => {
    let models: readonly ListedModel[] = [small];
    await using gateway = await startModelsGateway({ p: { lists: async () => models } });
    const get = async () => (await gateway.call("ModelsService/GetModel", { provider: "p", id: "large" })).status;
    expect(await get()).toBe(404);
    models = [small, large];
    expect(await get()).toBe(404);
    gateway.pass(31_000);
    expect(await get()).toBe(200);
  });
});

describe("FindBestModel answers", () => {
  const best = async (request: object, scripts = mixed) => {
    await using gateway = await startModelsGateway(scripts);
    return await gateway.call("ModelsService/FindBestModel", request);
  };

  test("the cheapest with tools", async () => {
    const { body } = await best({
      requirements: { features: ["FEATURE_TOOLS"] },
      preferences: ["PREFERENCE_LOW_COST"],
      maxResults: 10,
    });
    expect(ids(body)).toEqual(["budget/small", "acme/small", "acme/large", "budget/unpriced"]);
    expect((body as { targets: object[] }).targets[0]).toEqual({ provider: "budget", model: "small" });
  });

  test("the one that reads pictures and takes the most, the withdrawn left out", async () => {
    const { body } = await best({
      requirements: { inputModalities: ["MODALITY_TEXT", "MODALITY_IMAGE"] },
      preferences: ["PREFERENCE_LARGE_CONTEXT"],
    });
    expect(ids(body)).toEqual(["acme/large"]);
  });

  test("one on the caller's own machines first, then what takes much", async () => {
    const { body } = await best({ preferences: ["PREFERENCE_LOCAL", "PREFERENCE_LARGE_CONTEXT"], maxResults: 2 });
    expect(ids(body)).toEqual(["cellar/house", "acme/large"]);
  });

  test("one that writes down Swiss German, and any German", async () => {
    const asked = (languageCode: string) => ({ capabilities: ["CAPABILITY_TRANSCRIBE"], languageCode });
    expect(ids((await best({ requirements: asked("de-CH") })).body)).toEqual(["listener/ear"]);
    expect(ids((await best({ requirements: asked("de") })).body)).toEqual(["listener/ear"]);
    const french = await best({ requirements: asked("fr") });
    expect(french.body).toMatchObject({
      code: "not_found",
      details: [{ debug: { metadata: { requirement: "languageCode", wanted: "fr" } } }],
    });
  });

  test("one within a price, which an unknown price is not", async () => {
    const within = { maxInputUsdPerMtok: 0.4, maxOutputUsdPerMtok: 1 };
    expect(ids((await best({ requirements: within, maxResults: 5 })).body)).toEqual(["budget/small"]);
    const { status, body } = await best({ requirements: { ...within, minContextWindow: 500_000 } });
    expect(status).toBe(404);
    expect(body.message).toMatch(/maxInputUsdPerMtok 0.4 together with .*minContextWindow 500000/);
  });

  test("the one that answers, and answers fast", async () => {
    let broken = true;
    const scripts = {
      a: { lists: [small], answers: failing(() => (broken ? down() : undefined)) },
      b: { lists: [small] },
    };
    await using gateway = await startModelsGateway(scripts);
    for (const provider of ["a", "b"]) {
      await gateway.call("AgentService/Run", ask({ targets: [{ provider, model: "small" }] }));
    }
    const find = async (preference: string) =>
      ids((await gateway.call("ModelsService/FindBestModel", { preferences: [preference] })).body);
    expect(await find("PREFERENCE_HEALTHY")).toEqual(["b/small"]);
    expect(await find("PREFERENCE_LOW_LATENCY")).toEqual(["b/small"]);
    broken = false;
  });

  test("nothing, and names the requirement that nobody meets", async () => {
    const { status, body } = await best({ requirements: { features: ["FEATURE_TOOLS", "FEATURE_CODE_EXECUTION"] } });
    expect(status).toBe(404);
    expect(body.message).toContain("features code_execution");
    expect(body).toMatchObject({
      details: [{ debug: { metadata: { requirement: "features", wanted: "code_execution" } } }],
    });
  });
});

describe("a target without a provider", () => {
  const run = (model: string) => ask({ targets: [{ model }] });

  test.each([
    ["large", "acme/large"],
    ["large-latest", "acme/large-latest"],
    ["acme/large", "acme/large"],
    ["budget/small", "budget/small"],
    ["house", "cellar/house"],
  ])("%s is served by %s", async (model, called) => {
    await using gateway = await startModelsGateway(mixed);
    const { status, body } = await gateway.call("AgentService/Run", run(model));
    expect(status).toBe(200);
    expect(gateway.called).toEqual([called]);
    expect(body).toMatchObject({ routeResult: { provider: called.split("/")[0] } });
  });

  test("a name that has a slash of its own goes to the provider in front of it, if that has the rest", async () => {
    await using gateway = await startModelsGateway({
      market: {
        lists: [
          { ...small, id: "acme/large" },
          { ...small, id: "other/tiny" },
        ],
      },
      acme: { lists: [large] },
    });
    await gateway.call("AgentService/Run", run("acme/large"));
    await gateway.call("AgentService/Run", run("other/tiny"));
    expect(gateway.called).toEqual(["acme/large", "market/other/tiny"]);
  });

  test("two have it: the healthy one, then by id; the other is the fallback", async () => {
    let broken = true;
    await using gateway = await startModelsGateway({
      a: { lists: [small], answers: failing(() => (broken ? down() : undefined)) },
      b: { lists: [small] },
    });
    const first = await gateway.call("AgentService/Run", run("small"));
    expect(first.body).toMatchObject({
      routeResult: { provider: "b", attempts: [{ provider: "a", outcome: "OUTCOME_FAILED" }, { provider: "b" }] },
    });
    await gateway.call("AgentService/Run", run("small"));
    expect(gateway.called).toEqual(["a/small", "b/small", "b/small"]);
    broken = false;
    gateway.pass(301_000); // what was seen is too old to count
    await gateway.call("AgentService/Run", run("small"));
    expect(gateway.called.at(-1)).toBe("a/small");
  });

  test("nobody has it: not found, with the names that are near", async () => {
    await using gateway = await startModelsGateway(mixed);
    const { status, body } = await gateway.call("AgentService/Run", run("larg"));
    expect(status).toBe(404);
    expect(body.message).toMatch(/no configured provider has the model "larg"; near: large/);
    expect(gateway.called).toEqual([]);
  });
});

describe("the cost of a call", () => {
  test("follows from the model's price, and stands with the winner's attempt", async () => {
    await using gateway = await startModelsGateway(mixed);
    const { body } = await gateway.call("AgentService/Run", ask({ targets: [{ model: "large" }] }));
    expect(body).toMatchObject({
      usage: { costUsd: 14 },
      routeResult: { attempts: [{ outcome: "OUTCOME_ANSWERED", usage: { costUsd: 14, inputTokens: 1_000_000 } }] },
    });
  });

  test("is estimated, and marked so, for a stream that broke off", async () => {
    await using gateway = await startModelsGateway({
      a: { lists: [large], abilities: { chat: { stream: () => saysAndBreaks() } } },
    });
    const { status, body } = await gateway.call("AgentService/Run", ask({ targets: [{ model: "large" }] }));
    expect(status).toBe(503);
    const [detail] = body.details as { debug: { attempts: { usage: Record<string, number | boolean> }[] } }[];
    const usage = detail?.debug.attempts[0]?.usage;
    expect(usage).toMatchObject({ estimated: true, modelCalls: 1 });
    expect(usage?.outputTokens).toBeGreaterThan(2);
    expect(usage?.costUsd).toBeCloseTo((Number(usage?.inputTokens) * 4 + Number(usage?.outputTokens) * 20) / 1e6, 12);
  });

  test("of a race has both sides: what the winner told, and an estimate for the one that was stopped", async () => {
    await using gateway = await startModelsGateway({
      a: { lists: [large], abilities: { chat: { stream: (_, signal) => untilAborted(signal) } } },
      b: { lists: [small] },
    });
    await gateway.call("ModelsService/ListModels", {}); // here the prices are what the providers themselves say
    const targets = [
      { provider: "a", model: "large" },
      { provider: "b", model: "small" },
    ];
    const route = { targets, strategy: "STRATEGY_PARALLEL", stagger: "0.01s" };
    const { body } = await gateway.call("AgentService/Run", ask(route));
    expect(body).toMatchObject({
      usage: { costUsd: 1.5 },
      routeResult: {
        attempts: [
          { provider: "a", outcome: "OUTCOME_CANCELLED", usage: { estimated: true, costUsd: expect.any(Number) } },
          { provider: "b", outcome: "OUTCOME_ANSWERED", usage: { costUsd: 1.5 } },
        ],
      },
    });
  });

  test("is not made up where the price is unknown", async () => {
    await using gateway = await startModelsGateway(mixed);
    const { body } = await gateway.call("AgentService/Run", ask({ targets: [{ model: "unpriced" }] }));
    expect(body.usage).not.toHaveProperty("costUsd");
  });
});

async function* saysAndBreaks(): AsyncGenerator<ChatEvent> {
  yield { type: "part-started", key: "t", part: { type: "text" } };
  yield { type: "delta", key: "t", text: "four words or so" };
  throw new LivellmError("unavailable", "stream_broken", "the socket is gone");
}

async function* untilAborted(signal: AbortSignal): AsyncGenerator<never> {
  await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
