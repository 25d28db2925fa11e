import { expect, test } from "vitest";
import { readLines } from "../../src/upstream/lines.ts";

async function linesOf(pieces: readonly Uint8Array[]): Promise<readonly string[]> {
  return Array.fromAsync(
    readLines(
      (async function* () {
        yield* pieces;
      })(),
    ),
  );
}

const byteOrderMark = [0xef, 0xbb, 0xbf];

test("a BOM at the beginning is no part of the first line, wherever the bytes are cut", async () => {
  const bytes = Buffer.from([...byteOrderMark, ...Buffer.from('{"a":1}\r\n{"b":2}')]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(await linesOf([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(['{"a":1}', '{"b":2}']);
  }
});

test("a BOM behind a broken code point is read the same wherever the bytes are cut", async () => {
  const bytes = Buffer.from([0xe2, ...byteOrderMark, 0x80, 0xa8]);
  const whole = await linesOf([bytes]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    expect(await linesOf([bytes.subarray(0, cut), bytes.subarray(cut)]), `cut at ${cut}`).toEqual(whole);
  }
});
