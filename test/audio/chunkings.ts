import fc from "fast-check";

/** A way to cut something of a given length into pieces of any size, empty ones and single bytes included. */
export const chunking = fc.array(fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 0, max: 3000 })), {
  minLength: 1,
  maxLength: 30,
});

/** Cuts as the sizes say, again and again, to the end. */
export function cut<T extends Uint8Array | Float32Array>(whole: T, sizes: readonly number[]): T[] {
  const pieces: T[] = [];
  let at = 0;
  for (let i = 0; at < whole.length; i++) {
    const size = sizes[i % sizes.length] || (i % sizes.length === 0 ? 1 : 0); // it has to get on
    pieces.push(whole.subarray(at, at + size) as T);
    at += size;
  }
  return pieces;
}
