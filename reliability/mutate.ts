import type { Random } from "./random.ts";

type Mutation = (bytes: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

/** The largest input that comes of it. */
const longest = 256 * 1024;

const telling = [
  Buffer.from([0]),
  Buffer.from([0xff, 0xff, 0xff, 0xff]),
  Buffer.from([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  ...[
    "\r",
    "\n\n",
    "\r\n",
    "\ufeff",
    "\u2028",
    "\ud83d\ude00",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\u0000",
    "\\ud800",
    ":",
    "data:",
  ],
  ...["-1", "1e999", "99999999999999999999", "NaN", "null", "true", "__proto__", "constructor"],
].map((piece) => Buffer.from(piece as string));

/** Writes over, takes out, repeats and puts in, a few times over. */
export function mutate(seed: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  let bytes = seed;
  for (let left = 1 + random.whole(6); left > 0; left--) bytes = random.pick(mutations)(bytes, random, others);
  return bytes.subarray(0, longest);
}

const mutations: readonly Mutation[] = [flipBit, overwrite, insert, remove, repeat, splice, cut, grow];

function flipBit(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  const at = random.whole(changed.length);
  if (changed.length > 0) changed[at] = (changed[at] ?? 0) ^ (1 << random.whole(8));
  return changed;
}

function overwrite(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  random.pick(telling).copy(changed, random.whole(changed.length));
  return changed;
}

function insert(bytes: Buffer, random: Random): Buffer {
  const at = random.whole(bytes.length + 1);
  const piece = random.whole(2) === 0 ? random.pick(telling) : random.bytes(1 + random.whole(16));
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
}

function remove(bytes: Buffer, random: Random): Buffer {
  const at = random.whole(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.whole(16))]);
}

function repeat(bytes: Buffer, random: Random): Buffer {
  const at = random.whole(bytes.length);
  const piece = bytes.subarray(at, at + 1 + random.whole(64));
  const times = Array.from({ length: 1 + random.whole(20) }, () => piece);
  return Buffer.concat([bytes.subarray(0, at), ...times, bytes.subarray(at)]);
}

function splice(bytes: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  const other = random.pick(others);
  return Buffer.concat([bytes.subarray(0, random.whole(bytes.length)), other.subarray(random.whole(other.length))]);
}

function cut(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.whole(bytes.length + 1));
}

/** Nesting and long runs. */
function grow(bytes: Buffer, random: Random): Buffer {
  const at = random.whole(bytes.length + 1);
  const run = Buffer.from(random.pick(["[", '{"a":', "x", "\n", " ", "\0"]).repeat(1 + random.whole(3_000)));
  return Buffer.concat([bytes.subarray(0, at), run, bytes.subarray(at)]);
}
