/** So much is spoken at a time: about 20 s, and a second of waiting at most. */
const longest = 300;

/**
 * Cuts a text into what flite speaks at a time: sentences, and where one is too long, pieces of it. Empty when there is
 * nothing that an English voice could speak.
 */
export function speakablePieces(text: string): readonly string[] {
  const sentences = new Intl.Segmenter("en", { granularity: "sentence" }).segment(toAscii(text));
  return [...sentences].flatMap(({ segment }) => cutLong(segment.trim())).filter((piece) => /[A-Za-z0-9]/.test(piece));
}

/** Flite reads ASCII. Letters lose their accents, marks become the nearest there is, and the rest is a space. */
function toAscii(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[‘’]/g, "'")
    .replace(/[“”«»]/g, '"')
    .replace(/[–—]/g, ", ")
    .replace(/…/g, "...")
    .replace(/ß/g, "ss")
    .replace(/[^\x20-\x7e]+/g, " ")
    .replace(/ +/g, " ");
}

/** At the last comma, else the last space, else anywhere. */
function cutLong(sentence: string): readonly string[] {
  if (sentence.length <= longest) return [sentence];
  const head = sentence.slice(0, longest);
  const comma = Math.max(head.lastIndexOf(", "), head.lastIndexOf("; "));
  const cut = comma > longest / 3 ? comma + 1 : head.lastIndexOf(" ");
  const at = cut > 0 ? cut : longest;
  return [sentence.slice(0, at).trim(), ...cutLong(sentence.slice(at).trim())];
}
