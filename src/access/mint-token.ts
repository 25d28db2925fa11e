import { hash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { obfuscate, Secret } from "../core/secret.ts";

/** A new token. `secret` is for its bearer alone; the others are kept. */
export interface MintedToken {
  readonly secret: Secret;
  readonly id: string;
  readonly digest: string;
  readonly obfuscated: string;
}

/** What every token begins with, for people and for scanners that look for secrets in the wrong places. */
const prefix = "llm_";
const randomLength = 43;
const checksumLength = 6;

/**
 * `llm_`, 256 random bits in base 62, and their CRC-32, by which a scanner tells a token from other text without asking
 * anybody. Letters and digits alone, so that it fits into headers, URLs and WebSocket subprotocols as it is.
 */
export function mintToken(random: Uint8Array = randomBytes(32)): MintedToken {
  const body = prefix + base62(BigInt(`0x${Buffer.from(random).toString("hex")}`), randomLength);
  const token = body + base62(BigInt(crc32(body)), checksumLength);
  const digest = digestOf(token);
  return { secret: new Secret(token), id: tokenIdOf(digest), digest, obfuscated: obfuscate(new Secret(token)) };
}

/**
 * SHA-256, in hexadecimal digits. A slow hash is for what people think up: nobody finds 256 random bits by trying, and this
 * runs in every call.
 */
export function digestOf(token: string): string {
  return hash("sha256", token);
}

/** A token is found by its digest without a second index: its id is how that begins. */
export function tokenIdOf(digest: string): string {
  return `tok_${digest.slice(0, 16)}`;
}

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function base62(value: bigint, length: number): string {
  let digits = "";
  for (let rest = value; digits.length < length; rest /= 62n) digits = alphabet[Number(rest % 62n)] + digits;
  return digits;
}
