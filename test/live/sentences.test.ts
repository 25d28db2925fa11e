import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { SentenceSplitter } from "../../src/live/sentences.ts";

function split(pieces: readonly string[], languageCode = "en"): { readonly soon: string[]; readonly rest: string[] } {
  const splitter = new SentenceSplitter(languageCode);
  return { soon: pieces.flatMap((piece) => splitter.push(piece)), rest: [...splitter.flush()] };
}

describe("a text that is being written", () => {
  test("gives a sentence as soon as the next one begins", () => {
    const { soon, rest } = split(["The first sentence is here", ". And", " this is the second one!", " And the third"]);
    expect(soon).toEqual(["The first sentence is here.", "And this is the second one!"]);
    expect(rest).toEqual(["And the third"]);
  });

  test.each([
    ["a number", ["It costs 3.", "14 euros at the market. Yes."], ["It costs 3.14 euros at the market."]],
    ["an abbreviation at the start", ["Dr. Smith is not here today. He"], ["Dr. Smith is not here today."]],
    [
      "Japanese",
      ["これは最初のとても長い文章なのでここで終わります。次"],
      ["これは最初のとても長い文章なのでここで終わります。"],
    ],
  ])("keeps %s together", (_, pieces, expected) => {
    expect(split(pieces).soon).toEqual(expected);
  });

  test("short sentences are spoken with the next one", () => {
    expect(split(["Yes. No. I cannot say which of them. Next"]).soon).toEqual(["Yes. No. I cannot say which of them."]);
  });

  test("what has no end is cut at a clause, or else at a word", () => {
    const { soon } = split([`${"word ".repeat(80)}here, ${"and ".repeat(60)}`]);
    expect(soon).toHaveLength(1);
    expect(soon[0]?.endsWith("here,")).toBe(true);
    expect(split(["word ".repeat(150)]).soon[0]).toMatch(/word$/);
  });

  test("what cannot be spoken is left out", () => {
    expect(split([" … ", "\n\n", "—"])).toEqual({ soon: [], rest: [] });
    expect(split(["€5"]).rest).toEqual(["€5"]);
    expect(split(["I have booked your table for two people. 👍"])).toEqual({
      soon: ["I have booked your table for two people."],
      rest: [],
    });
    expect(split(["Done 👍 and dusted."]).rest).toEqual(["Done 👍 and dusted."]);
  });

  test("a language code that is none is no error", () =>
    expect(split(["One."], "not a language").rest).toEqual(["One."]));

  test("loses nothing but spaces, however it is cut", () => {
    const words = fc.array(fc.constantFrom("Hello", "Dr.", "3.14", "wait,", "what?", "Yes!", "😀x", "\n"), {
      maxLength: 400,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 40 }), (list, size) => {
        const text = list.join(" ");
        const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
          text.slice(i * size, i * size + size),
        );
        const { soon, rest } = split(pieces);
        const spoken = [...soon, ...rest].join("");
        expect(spoken.replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
      }),
    );
  });
});
