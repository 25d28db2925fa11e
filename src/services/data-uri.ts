const shape = /^data:([^;,]*)((?:;[^;,]*)*),(.*)$/s;
const base64Alphabet = /^[A-Za-z0-9+/_-]*={0,2}$/;

/**
 * The bytes of a `data:` URI (RFC 2397), base64 or percent-encoded. Undefined when the URI is of another scheme.
 * Throws a RangeError when it is a `data:` URI that cannot be read.
 */
export function readDataUri(uri: string): { readonly data: Uint8Array; readonly mimeType: string } | undefined {
  if (!/^data:/i.test(uri)) return undefined;
  const [, mimeType, parameters, body] = shape.exec(uri) ?? [];
  if (body === undefined) throw new RangeError("a data: URI is `data:image/png;base64,…`");
  const data = /;base64$/i.test(parameters ?? "") ? decodeBase64(body) : Buffer.from(decodeURIComponent(body), "utf8");
  return { data, mimeType: mimeType || "text/plain" };
}

/** Node's own decoder never fails: it leaves out what is not base64. */
function decodeBase64(text: string): Uint8Array {
  const compact = text.replace(/[\r\n\s]/g, "");
  if (!base64Alphabet.test(compact) || compact.replace(/=+$/, "").length % 4 === 1) {
    throw new RangeError("the body of the data: URI is not base64");
  }
  return Buffer.from(compact, "base64");
}
