import { Transform } from "node:stream";

/**
 * Decodes base64 cut anywhere, of which every piece that its writer flushed may end with padding (gRPC-Web's protocol,
 * "Text-encoded streams").
 */
export function base64Decoder(): Transform {
  let rest = "";
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const text = rest + chunk.toString("latin1").replace(/\s+/g, "");
      const whole = text.length - (text.length % 4);
      rest = text.slice(whole);
      done(null, decoded(text.slice(0, whole)));
    },
    flush(done) {
      done(null, decoded(rest));
    },
  });
}

/** Node's own decoder takes the first padding for the end. */
function decoded(text: string): Buffer {
  const pieces = text.split(/(?<==)(?=[^=])/).map((piece) => Buffer.from(piece, "base64"));
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces);
}
