import type { CountText } from "./token-estimate.ts";

/** A text that lost its middle, and how many UTF-16 code units it lost. */
export interface CutText {
  readonly text: string;
  readonly leftOut: number;
}

/** How far back a character that people see as one may begin, such as a family of emoji. */
const window = 64;

/**
 * Leaves out the middle of a text, so that what stays takes at most `maxTokens`: the question is at the beginning or at the
 * end. A note stands in its place; where there is no room for more, the note is all that stays. Never cuts inside a
 * character (a grapheme cluster).
 */
export function cutMiddle(text: string, maxTokens: number, count: CountText): CutText {
  const tokens = count(text);
  if (tokens <= maxTokens) return { text, leftOut: 0 };
  let keep = Math.floor((text.length * maxTokens) / tokens);
  for (;;) {
    const cut = keepEnds(text, keep);
    if (keep <= 0 || count(cut.text) <= maxTokens) return cut;
    keep = Math.floor(keep * 0.9) - 1;
  }
}

function keepEnds(text: string, keep: number): CutText {
  const end = boundaryBefore(text, Math.max(0, Math.ceil(keep / 2)));
  const start = boundaryBefore(text, text.length - Math.max(0, Math.floor(keep / 2)));
  const from = Math.max(start, end);
  const note = `[… ${from - end} characters left out …]`;
  return { text: `${text.slice(0, end)}${note}${text.slice(from)}`, leftOut: from - end };
}

/** The last place at or before `index` where a character ends. */
export function boundaryBefore(text: string, index: number): number {
  if (index <= 0) return 0;
  if (index >= text.length) return text.length;
  const from = Math.max(0, index - window);
  const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });
  const start = isInsidePair(text, from) ? from + 1 : from;
  const around = graphemes.segment(text.slice(start, index + window)).containing(index - start);
  return start + (around?.index ?? 0);
}

function isInsidePair(text: string, index: number): boolean {
  return /^[\uDC00-\uDFFF]$/.test(text.charAt(index)) && /^[\uD800-\uDBFF]$/.test(text.charAt(index - 1));
}

/** Takes a text apart into pieces of at most `maxTokens`, at the end of a paragraph, line or word where there is one. */
export function splitText(text: string, maxTokens: number, count: CountText): readonly string[] {
  const pieces: string[] = [];
  for (let rest = text; rest !== ""; rest = rest.slice(pieces.at(-1)?.length))
    pieces.push(firstPiece(rest, maxTokens, count));
  return pieces;
}

function firstPiece(text: string, maxTokens: number, count: CountText): string {
  // No token is longer than a few hundred characters, and most are longer than one.
  let length = Math.min(text.length, maxTokens * 6);
  while (length > 1 && count(text.slice(0, length)) > maxTokens) length = Math.floor(length * 0.85);
  if (length >= text.length) return text;
  return text.slice(0, breakBefore(text, length));
}

/** The end of a paragraph, line or word in the last fifth; else the end of a character, and never 0. */
function breakBefore(text: string, length: number): number {
  const least = Math.floor(length * 0.8);
  for (const mark of ["\n\n", "\n", " "]) {
    const at = text.lastIndexOf(mark, length - mark.length);
    if (at >= least && at + mark.length > 0) return at + mark.length;
  }
  return boundaryBefore(text, length) || length;
}
