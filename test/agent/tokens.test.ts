import { countTokens as countO200k } from "gpt-tokenizer/encoding/o200k_base";
import { describe, expect, test } from "vitest";
import { type CountedRequest, countTokens, loadTokenizer, mostTokens } from "../../src/agent/tokens.ts";

const request = (changes: Partial<CountedRequest> = {}): CountedRequest => ({
  instructions: "",
  messages: [{ role: "user", parts: [{ type: "text", text: "Hello!" }] }],
  tools: [],
  ...changes,
});

describe("everything that is sent counts", () => {
  const long = "a sentence of some length, ".repeat(50);
  const parts: readonly (readonly [what: string, changes: Partial<CountedRequest>])[] = [
    ["instructions", { instructions: long }],
    [
      "a function with its schema",
      { tools: [{ type: "function", name: "f", inputSchemaJson: JSON.stringify({ d: long }) }] },
    ],
    ["a tool of the provider", { tools: [{ type: "provider-tool", providerType: "x", config: { d: long } }] }],
    ["an output schema", { outputFormat: { type: "json-schema", name: "o", schemaJson: JSON.stringify({ d: long }) } }],
    [
      "an image",
      {
        messages: [
          { role: "user", parts: [{ type: "media", media: { data: new Uint8Array(9), mimeType: "image/png" } }] },
        ],
      },
    ],
    [
      "a document",
      {
        messages: [
          {
            role: "user",
            parts: [{ type: "media", media: { data: new Uint8Array(90_000), mimeType: "application/pdf" } }],
          },
        ],
      },
    ],
    [
      "a text file",
      {
        messages: [
          { role: "user", parts: [{ type: "media", media: { data: Buffer.from(long), mimeType: "text/plain" } }] },
        ],
      },
    ],
    [
      "reasoning that goes back",
      {
        messages: [
          {
            role: "assistant",
            parts: [{ type: "reasoning", text: "", providerState: { providerKind: "k", data: new Uint8Array(4_000) } }],
          },
        ],
      },
    ],
    [
      "arguments of a call",
      {
        messages: [
          {
            role: "assistant",
            parts: [
              { type: "tool-call", id: "1", name: "f", argumentsJson: JSON.stringify({ d: long }), executor: "client" },
            ],
          },
        ],
      },
    ],
    [
      "a structured result",
      {
        messages: [
          {
            role: "tool",
            parts: [
              {
                type: "tool-result",
                toolCallId: "1",
                name: "f",
                text: "",
                structured: { d: long },
                media: [],
                failed: false,
              },
            ],
          },
        ],
      },
    ],
  ];
  test.each(parts)("%s", async (_, changes) => {
    for (const tokenizer of ["o200k", "estimate"] as const) {
      expect(
        (await countTokens(request(changes), tokenizer)) - (await countTokens(request(), tokenizer)),
      ).toBeGreaterThan(200);
    }
    expect(mostTokens(request(changes))).toBeGreaterThanOrEqual(await countTokens(request(changes), "o200k"));
  });
});

describe("OpenAI's tokenizer", () => {
  test.each(["The quick brown fox.", "Grüezi, wie goht's?", "你好，世界。", '{"a":[1,2,3]}', "<|endoftext|>"])(
    "counts %s as it is",
    async (text) => {
      const special = { allowedSpecial: new Set<string>(), disallowedSpecial: new Set<string>() };
      expect((await loadTokenizer("o200k"))(text)).toBe(countO200k(text, special));
    },
  );

  test("does not choke on what would take it minutes", { timeout: 60_000 }, async () => {
    const count = await loadTokenizer("o200k");
    for (const nasty of ["a".repeat(1_000_000), " ".repeat(1_000_000), "=".repeat(1_000_000), "语".repeat(1_000_000)]) {
      expect(count(nasty)).toBeGreaterThan(1_000);
    }
    expect(count("word ".repeat(1_000_000))).toBeGreaterThan(500_000);
  });
});

test("the estimate is not under the tokenizer for usual texts", async () => {
  const [exact, estimate] = [await loadTokenizer("o200k"), await loadTokenizer("estimate")];
  const texts = [
    "It was the best of times, it was the worst of times, it was the age of wisdom.",
    "Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen ist Verpflichtung.",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему.",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "كل السعادة متشابهة، أما كل تعاسة فلها طابعها الخاص.",
    "👩‍🚀🚀🌍🎉",
  ];
  for (const text of texts) {
    expect(estimate(text)).toBeGreaterThanOrEqual(exact(text));
    expect(estimate(text)).toBeLessThan(exact(text) * 3);
  }
});
