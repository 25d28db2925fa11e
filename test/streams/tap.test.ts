import { describe, expect, test } from "vitest";
import { batched, inBatches } from "../../src/streams/batches.ts";
import { mapped } from "../../src/streams/mapped.ts";
import { tapped } from "../../src/streams/tap.ts";

/** A source that says what happens to it. */
function source(fails = false) {
  const seen: string[] = [];
  async function* items() {
    try {
      yield 1;
      yield 2;
      if (fails) throw new Error("broken");
    } catch (error) {
      seen.push(String(error));
      throw error;
    } finally {
      seen.push("freed");
    }
  }
  return { items: items(), seen };
}

function told(from: AsyncIterable<number>) {
  const calls: string[] = [];
  const stream = tapped(from, {
    first: () => calls.push("first"),
    ended: () => calls.push("ended"),
    failed(error) {
      calls.push("failed");
      return new Error("explained", { cause: error });
    },
    left: () => calls.push("left"),
  });
  return { stream, calls };
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of stream) found.push(item);
  return found;
}

describe("a tapped stream", () => {
  test("is passed on as it is, and its beginning and end told once", async () => {
    const { stream, calls } = told(source().items);
    expect(await all(stream)).toEqual([1, 2]);
    const iterator = stream[Symbol.asyncIterator]();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await iterator.return?.();
    expect(calls).toEqual(["first", "ended"]);
  });

  test("fails with what the tap makes of the error", async () => {
    const { stream, calls } = told(source(true).items);
    await expect(all(stream)).rejects.toThrow("explained");
    expect(calls).toEqual(["first", "failed"]);
  });

  test("is left with its source", async () => {
    const { items, seen } = source();
    const { stream, calls } = told(items);
    for await (const _ of stream) break;
    expect(calls).toEqual(["first", "left"]);
    expect(seen).toEqual(["freed"]);
  });

  test("waits, when it is left, for what it was asked for", async () => {
    const gate = Promise.withResolvers<void>();
    async function* slow() {
      await gate.promise;
      yield 1;
    }
    const { stream, calls } = told(slow());
    const iterator = stream[Symbol.asyncIterator]();
    const first = iterator.next();
    const left = iterator.return?.();
    gate.resolve();
    expect(await first).toEqual({ done: false, value: 1 });
    await left;
    expect(calls).toEqual(["first", "left"]);
  });

  test("hands an error of its reader to its source", async () => {
    const { items, seen } = source();
    const { stream, calls } = told(items);
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    await expect(iterator.throw?.(new Error("gone"))).rejects.toThrow("explained");
    expect(calls).toEqual(["first", "failed"]);
    expect(seen).toEqual(["Error: gone", "freed"]);
  });

  test("ends with an error when the tap throws at its end", async () => {
    const stream = tapped(source().items, {
      ended() {
        throw new Error("cut");
      },
    });
    await expect(all(stream)).rejects.toThrow("cut");
  });
});

describe("a stream in batches", () => {
  const batchesOf = (fails = false) => {
    const { items, seen } = source(fails);
    async function* pairs() {
      for await (const item of items) yield [item, item * 10];
    }
    return { stream: batched(pairs()), seen };
  };

  test("stays in batches when it is tapped and mapped", async () => {
    const { stream, calls } = told(batchesOf().stream);
    expect(await all(inBatches(mapped(stream, String)))).toEqual([
      ["1", "10"],
      ["2", "20"],
    ]);
    expect(calls).toEqual(["first", "ended"]);
  });

  test("is read item by item all the same", async () => {
    const { stream, calls } = told(batchesOf().stream);
    expect(await all(mapped(stream, String))).toEqual(["1", "10", "2", "20"]);
    expect(calls).toEqual(["first", "ended"]);
  });

  test("hands an error of its reader to its source", async () => {
    const { stream, seen } = batchesOf();
    const { stream: watched, calls } = told(stream);
    const iterator = watched[Symbol.asyncIterator]();
    await iterator.next();
    await expect(iterator.throw?.(new Error("gone"))).rejects.toThrow("explained");
    expect(calls).toEqual(["first", "failed"]);
    expect(seen).toEqual(["freed"]);
  });
});

describe("a mapped stream", () => {
  test("has what is made of each item", async () => {
    expect(await all(mapped(source().items, (item) => item * 2))).toEqual([2, 4]);
  });

  test("frees its source when nothing can be made of an item", async () => {
    const { items, seen } = source();
    const stream = mapped(items, () => {
      throw new Error("no");
    });
    await expect(all(stream)).rejects.toThrow("no");
    expect(seen).toEqual(["freed"]);
  });

  test("is left with its source", async () => {
    const { items, seen } = source();
    for await (const _ of mapped(items, String)) break;
    expect(seen).toEqual(["freed"]);
  });
});
