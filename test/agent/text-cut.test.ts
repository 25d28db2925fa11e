import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { boundaryBefore, cutMiddle, splitText } from "../../src/agent/text-cut.ts";
import { estimateTokens } from "../../src/agent/token-estimate.ts";

const anyText = fc.oneof(fc.string({ maxLength: 3_000, unit: "grapheme" }), fc.lorem({ maxCount: 500 }));
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
const family = "👨‍👩‍👧‍👦";

describe("the middle of a text", () => {
  test("is left out so that the rest fits, and never inside a character", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 24, max: 400 }), (text, most) => {
        const cut = cutMiddle(text, most, estimateTokens);
        expect(estimateTokens(cut.text)).toBeLessThanOrEqual(most);
        if (cut.leftOut === 0) {
          expect(cut.text).toBe(text);
          return;
        }
        const [before = "", after = ""] = cut.text.split(/\[… \d+ characters left out …\]/);
        expect(text.startsWith(before) && text.endsWith(after)).toBe(true);
        expect(before.length + after.length + cut.leftOut).toBe(text.length);
        const edges = new Set([...graphemes.segment(text)].map(({ index }) => index)).add(text.length);
        expect([edges.has(before.length), edges.has(text.length - after.length)]).toEqual([true, true]);
      }),
      { numRuns: 200 },
    );
  });

  test("keeps what people see as one character in one piece", () => {
    for (let length = 0; length <= 100; length++) {
      expect(boundaryBefore(family.repeat(10), length) % family.length).toBe(0);
    }
  });
});

describe("a text taken apart", () => {
  test("is the same when it is put together, and every piece fits", () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 10, max: 400 }), (text, most) => {
        const pieces = splitText(text, most, estimateTokens);
        expect(pieces.join("")).toBe(text);
        for (const piece of pieces) expect(estimateTokens(piece)).toBeLessThanOrEqual(most);
      }),
      { numRuns: 200 },
    );
  });

  test("ends its pieces where a paragraph ends", () => {
    const paragraph = `${"word ".repeat(40)}\n\n`;
    const pieces = splitText(paragraph.repeat(10), 150, estimateTokens);
    expect(pieces.length).toBeGreaterThan(3);
    for (const piece of pieces) expect(piece.endsWith("\n\n")).toBe(true);
  });
});
