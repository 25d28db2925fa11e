import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { piecesOf } from "../../src/live/cut-text.ts";

describe("a text that is longer than a model takes", () => {
  test("is whole where it fits, in characters and not in the units of UTF-16", () => {
    expect(piecesOf("  One. Two.  ", undefined, "")).toEqual(["  One. Two.  "]);
    expect(piecesOf("👋".repeat(10), 10, "")).toEqual(["👋".repeat(10)]);
  });

  test("is cut between sentences, as rarely as it can be", () => {
    expect(piecesOf("A first one. A second. And a third one. A fourth.", 24, "en")).toEqual([
      "A first one. A second.",
      "And a third one.",
      "A fourth.",
    ]);
  });

  test("a sentence that is too long is cut at a clause, a word, or a character", () => {
    expect(piecesOf("First this comes, then that and more.", 30, "en")).toEqual([
      "First this comes,",
      "then that and more.",
    ]);
    expect(piecesOf("abcdefghij", 4, "")).toEqual(["abcd", "efgh", "ij"]);
    expect(piecesOf("👋👋👋👋", 3, "")).toEqual(["👋", "👋", "👋", "👋"]);
  });

  test("loses nothing but spaces, and no piece is longer than it may be", () => {
    const words = fc.array(fc.constantFrom("Hello", "Dr.", "3.14", "wait,", "what?", "Yes!", "😀x", "\n", "長い。"), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(words, fc.integer({ min: 2, max: 60 }), (list, longest) => {
        const text = list.join(" ");
        const pieces = piecesOf(text, longest, "");
        expect(pieces.join("").replace(/\s/g, "")).toBe(text.replace(/\s/g, ""));
        for (const piece of pieces) expect([...piece].length).toBeLessThanOrEqual(longest);
      }),
    );
  });
});
