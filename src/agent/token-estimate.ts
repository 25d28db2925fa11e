/** Says how many tokens a text takes. */
export type CountText = (text: string) => number;

/** Where in Unicode a character stands, and how many tokens it takes, rounded up from what the vendors' tokenizers do. */
const weights: readonly { readonly below: number; readonly tokens: number }[] = [
  { below: 0x80, tokens: 0.3 }, // ASCII: a token is 3 to 4 characters of English, less of code
  { below: 0x0900, tokens: 0.5 }, // Latin with accents, Greek, Cyrillic, Hebrew, Arabic
  { below: 0x10000, tokens: 1 }, // the scripts of India and East Asia, and everything else of the basic plane
];
/** Emoji and what is rarer. */
const astral = 2;

/** How many tokens a text takes where there is no tokenizer to ask; rather too many than too few. */
export function estimateTokens(text: string): number {
  let tokens = 0;
  for (const character of text) tokens += weightOf(character.codePointAt(0) ?? 0);
  return Math.ceil(tokens);
}

function weightOf(codePoint: number): number {
  for (const { below, tokens } of weights) if (codePoint < below) return tokens;
  return astral;
}
