/** Finds sentences by the rules of Unicode (UAX #29) for a language of BCP-47; one that is not known has those of most. */
export function sentenceSegmenter(languageCode: string): Intl.Segmenter {
  return new Intl.Segmenter(knownLocale(languageCode), { granularity: "sentence" });
}

function knownLocale(languageCode: string): string | undefined {
  try {
    return Intl.Segmenter.supportedLocalesOf(languageCode || [])[0];
  } catch {
    return undefined; // not a BCP-47 code; the provider will say so if it minds
  }
}

/**
 * Where to cut a text that is longer than it may be: behind the last clause that fits, else the last word, else in the middle of
 * one; never inside a character. In UTF-16 units, as `longest` is.
 */
export function cutPlace(text: string, longest: number): number {
  const head = text.slice(0, longest);
  for (const end of [/[,;:–—、，；：][^,;:–—、，；：]*$/u, /\s\S*$/u]) {
    const place = head.search(end) + 1;
    if (place > longest / 4) return place;
  }
  return /[\ud800-\udbff]$/.test(head) ? longest - 1 : longest;
}

/** A text in parts of at most so many UTF-16 units. */
export function cutToFit(text: string, longest: number): readonly string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > longest) {
    const place = cutPlace(rest, longest);
    parts.push(rest.slice(0, place));
    rest = rest.slice(place);
  }
  return [...parts, rest];
}

/**
 * A text as one, or in as few pieces as it takes when it has more characters than `longest`: whole sentences as far as they fit.
 * Pieces are trimmed.
 */
export function piecesOf(text: string, longest: number | undefined, languageCode: string): readonly string[] {
  if (longest === undefined || [...text].length <= longest) return [text];
  const pieces: string[] = [];
  let piece = "";
  for (const part of sentencesIn(text, longest, languageCode)) {
    if (piece.length + part.length > longest) pieces.push(piece);
    piece = piece.length + part.length > longest ? part : piece + part;
  }
  return [...pieces, piece].map((one) => one.trim()).filter((one) => one !== "");
}

function sentencesIn(text: string, longest: number, languageCode: string): readonly string[] {
  const sentences = Array.from(sentenceSegmenter(languageCode).segment(text), ({ segment }) => segment);
  return sentences.flatMap((sentence) => cutToFit(sentence, longest));
}
