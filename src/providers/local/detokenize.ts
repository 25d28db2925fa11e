/**
 * Makes text of the numbers of tokens. The vocabulary is Llama's (32,000 SentencePiece tokens): `▁` is a space,
 * `<0xE2>` one byte of a UTF-8 character, and what is beyond it a mark of the model without text.
 */
export function createDetokenizer(vocabulary: readonly string[]): (tokens: readonly number[]) => string {
  return (tokens) =>
    Buffer.concat(tokens.map((token) => bytesOf(vocabulary[token] ?? "")))
      .toString("utf8")
      .trim();
}

function bytesOf(piece: string): Buffer {
  const [, hex] = /^<0x([0-9A-F]{2})>$/.exec(piece) ?? [];
  if (hex !== undefined) return Buffer.from(hex, "hex");
  if (/^<.+>$/.test(piece)) return Buffer.alloc(0); // <s>, </s>, <unk>
  return Buffer.from(piece.replaceAll("▁", " "));
}
