const beginnings: readonly (readonly [mimeType: string, pattern: RegExp])[] = [
  ["image/png", /^\x89PNG/],
  ["image/jpeg", /^\xff\xd8\xff/],
  ["image/webp", /^RIFF.{4}WEBP/s],
  ["image/gif", /^GIF8[79]a/],
  ["image/avif", /^.{4}ftypavi[fs]/s],
  ["image/svg+xml", /^(?:\xef\xbb\xbf)?\s*(?:<\?xml.*?\?>\s*)?<svg[\s>]/is],
];

/** The type of an image by its first bytes; undefined when they say nothing. */
export function imageTypeOf(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 256)).toString("latin1");
  return beginnings.find(([, pattern]) => pattern.test(head))?.[0];
}
