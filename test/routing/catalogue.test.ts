import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createCatalogue, loadCatalogue } from "../../src/routing/catalogue.ts";
import { parseCatalogue } from "../../src/routing/catalogue-data.ts";
import { nearNames } from "../../src/routing/near-names.ts";

const shipped: { date: string; models: { kind: string; id: string }[] } = JSON.parse(
  readFileSync(path.join(import.meta.dirname, "../../catalogue/models.json"), "utf8"),
);

describe("the catalogue of this repository", () => {
  test("is dated, can be read, and has no model twice", () => {
    expect(shipped.date).toMatch(/^20\d\d-\d\d-\d\d$/);
    expect(parseCatalogue(shipped).models.length).toBeGreaterThan(100);
    const names = shipped.models.map(({ kind, id }) => `${kind}/${id}`);
    expect(new Set(names).size).toBe(names.length);
  });

  test.each([
    ["openai", "gpt-4o", { capabilities: ["agent"], retireTime: new Date("2027-01-14") }],
    ["openai", "whisper-1", { capabilities: ["transcribe"], retireTime: new Date("2027-02-26") }],
    ["openai", "gpt-5.1", { retireTime: new Date("2027-04-01") }],
    ["openai", "gpt-4o-transcribe", { capabilities: ["transcribe", "transcribe_stream"] }],
    ["anthropic", "claude-sonnet-4-5", { capabilities: ["agent"], retireTime: new Date("2026-11-30") }],
    ["elevenlabs", "scribe_v2_realtime", { capabilities: ["transcribe_stream"] }],
    ["local", "flite", { capabilities: ["speak"], local: true, pricing: { usdPerMchar: 0 } }],
  ])("knows %s/%s", (kind, id, facts) => {
    expect(createCatalogue().describe({ provider: "", kind, id }).shipped).toMatchObject(facts);
  });

  test("guesses nothing from a name", () => {
    expect(createCatalogue().describe({ provider: "", kind: "openai", id: "gpt-4o-unheard-of" })).toEqual({
      shipped: {},
      overriding: {},
    });
  });

  test("says which models a provider has beside its list, and whose run here", () => {
    const catalogue = createCatalogue();
    expect(catalogue.unlisted({ provider: "eleven-1", kind: "elevenlabs" })).toContain("scribe_v2");
    expect(catalogue.unlisted({ provider: "p", kind: "openai" })).toEqual([]);
    expect(["local", "ollama", "openai"].map(catalogue.localWhen)).toEqual(["always", "loopback", "never"]);
  });
});

describe("the operator's own catalogue", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "livellm-catalogue-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, content: string) => {
    writeFileSync(path.join(folder, name), content);
    return path.join(folder, name);
  };

  test("is laid over what is known, for a provider more than for a kind", async () => {
    const models = [
      { kind: "openai", id: "gpt-4o", contextWindow: 5 },
      { provider: "mine", id: "gpt-4o", maxOutputTokens: 7 },
    ];
    const catalogue = await loadCatalogue(file("good.json", JSON.stringify({ models })));
    const mine = catalogue.describe({ provider: "mine", kind: "openai", id: "gpt-4o" });
    expect(mine.overriding).toEqual({ contextWindow: 5, maxOutputTokens: 7 });
    expect(mine.shipped).toMatchObject({ contextWindow: 128_000 });
    expect(catalogue.describe({ provider: "other", kind: "openai", id: "gpt-4o" }).overriding).toEqual({
      contextWindow: 5,
    });
  });

  test.each([
    ["no file", undefined, /ENOENT/],
    ["no JSON", "{", /JSON/],
    ["a model of nobody", '{"models":[{"id":"x"}]}', /models\[0\] must name a kind or a provider/],
    [
      "a wrong price",
      '{"models":[{"kind":"a","id":"x","pricing":{"inputUsdPerMtok":"1"}}]}',
      /inputUsdPerMtok must be/,
    ],
    ["a word nobody knows", '{"models":[{"kind":"a","id":"x","context":1}]}', /models\[0\]\.context is not known/],
    ["a wrong date", '{"models":[{"kind":"a","id":"x","retireTime":"soon"}]}', /retireTime must be a date/],
  ])("with %s is refused with a word on what is wrong", async (name, content, why) => {
    const place = content === undefined ? path.join(folder, "none.json") : file(`${name}.json`, content);
    await expect(loadCatalogue(place)).rejects.toMatchObject({
      code: "failed_precondition",
      message: expect.stringMatching(why),
    });
  });
});

describe("near names", () => {
  const names = ["gpt-5.4", "gpt-5.4-mini", "claude-opus-5", "echo"];
  test.each([
    ["gpt5.4", ["gpt-5.4"]],
    ["gpt-5.4-min", ["gpt-5.4", "gpt-5.4-mini"]],
    ["claude-opus", ["claude-opus-5"]],
    ["Ecko", ["echo"]],
    ["mistral-large", []],
  ])("of %s are %j", (name, near) => expect(nearNames(name, names, 2)).toEqual(near));
});
