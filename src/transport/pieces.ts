/** What goes into one write, unless a single message is larger; in bytes, or UTF-16 code units of text. */
const pieceLength = 64 * 1024;

/**
 * Encodes messages that are there together, and puts them together for the socket: a write to it costs several times what
 * the encoding of a short message does.
 */
export function* inPieces<M, E extends { readonly length: number }>(
  messages: readonly M[],
  encode: (message: M) => E,
): Generator<readonly E[], void, undefined> {
  let piece: E[] = [];
  let length = 0;
  for (const message of messages) {
    const encoded = encode(message);
    piece.push(encoded);
    length += encoded.length;
    if (length < pieceLength) continue;
    yield piece;
    piece = [];
    length = 0;
  }
  if (piece.length > 0) yield piece;
}
