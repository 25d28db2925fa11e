import { expect, test } from "vitest";
import { inPieces } from "../../src/transport/pieces.ts";

const limit = 64 * 1024;

test("messages that are there together leave together", () => {
  expect([...inPieces([1, 2, 3], String)]).toEqual([["1", "2", "3"]]);
  expect([...inPieces([], String)]).toEqual([]);
});

test("a piece ends with the message that fills it, and nothing is lost or out of order", () => {
  const lengths = [limit - 1, 1, 5, limit * 3, 2, 2];
  const pieces = [...inPieces(lengths, (length) => "x".repeat(length))];
  expect(pieces.map((piece) => piece.map(({ length }) => length))).toEqual([
    [limit - 1, 1],
    [5, limit * 3],
    [2, 2],
  ]);
});

test("what can be encoded before a message that cannot is not held back longer than its piece", () => {
  const encode = (length: number) => {
    if (length < 0) throw new Error("cannot be encoded");
    return "x".repeat(length);
  };
  const pieces = inPieces([limit, 1, -1], encode);
  expect(pieces.next().value).toHaveLength(1);
  expect(() => pieces.next()).toThrow("cannot be encoded");
});
