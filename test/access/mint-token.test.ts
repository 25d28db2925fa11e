import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { mintToken } from "../../src/access/mint-token.ts";
import { presentedToken } from "../../src/access/presented-token.ts";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const numberOf = (digits: string) =>
  [...digits].reduce((sum, digit) => sum * 62n + BigInt(alphabet.indexOf(digit)), 0n);

test("a token holds all of its random bits, and their checksum", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, (random) => {
      const token = mintToken(random).secret.reveal();
      const [, body = "", checksum = ""] = /^(llm_[0-9A-Za-z]{43})([0-9A-Za-z]{6})$/.exec(token) ?? [];
      expect(numberOf(body.slice(4))).toBe(BigInt(`0x${Buffer.from(random).toString("hex")}`));
      expect(numberOf(checksum)).toBe(BigInt(crc32(body)));
    }),
  );
});

test("it is kept as its SHA-256, whose beginning is the id, and shows its last letters alone", () => {
  const { secret, id, digest, obfuscated } = mintToken();
  const token = secret.reveal();
  expect(digest).toBe(createHash("sha256").update(token).digest("hex"));
  expect(id).toBe(`tok_${digest.slice(0, 16)}`);
  expect(obfuscated).toBe(`llm…${token.slice(-4)}`);
  expect(inspect(mintToken())).toContain("[secret]");
});

test("no two are the same", () => expect(new Set(Array.from({ length: 100 }, () => mintToken().id)).size).toBe(100));

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

test.each([
  ["Bearer abc", "abc"],
  ["bearer  abc ", "abc"],
  [basic("user:abc"), "abc"],
  [basic(":abc"), "abc"],
  [basic("user:a:b"), "a:b"],
  [basic("user:"), undefined],
  [basic("abc"), undefined],
  ["Basic !", undefined],
  ["Bearer", undefined],
  ["abc", undefined],
  ["Digest abc", undefined],
  ["", undefined],
  [undefined, undefined],
])("%s presents %s", (authorization, token) => expect(presentedToken(authorization)).toBe(token));
