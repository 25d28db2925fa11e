import { describe, expect, test } from "vitest";
import { batched, inBatches, opened } from "../../src/streams/batches.ts";

async function* source(log: string[] = []): AsyncGenerator<readonly string[], void> {
  try {
    yield ["a", "b"];
    yield [];
    yield ["c"];
  } finally {
    log.push("closed");
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

describe("a stream of batches", () => {
  test("is read item by item", async () => expect(await all(batched(source()))).toEqual(["a", "b", "c"]));

  test("is read as it comes", async () => {
    expect(await all(inBatches(batched(source())))).toEqual([["a", "b"], [], ["c"]]);
  });

  test("gives what came before an error, then the error", async () => {
    async function* breaking() {
      yield ["a", "b"];
      throw new Error("broken");
    }
    const read: string[] = [];
    const reading = (async () => {
      for await (const item of batched(breaking())) read.push(item);
    })();
    await expect(reading).rejects.toThrow("broken");
    expect(read).toEqual(["a", "b"]);
  });

  test.each(["items", "batches"])("closes its source when the reader of %s leaves", async (way) => {
    const log: string[] = [];
    const stream = batched(source(log));
    for await (const _ of way === "items" ? stream : inBatches(stream)) break;
    expect(log).toEqual(["closed"]);
  });
});

test("any other stream, or list, comes one by one", async () => {
  async function* plain() {
    yield 1;
    yield 2;
  }
  expect(await all(inBatches(plain()))).toEqual([[1], [2]]);
  expect(await all(inBatches([1, 2]))).toEqual([[1], [2]]);
});

describe("a stream that is opened later", () => {
  test("is opened when it is first read, once", async () => {
    let times = 0;
    const stream = opened(async () => {
      times++;
      return batched(source());
    });
    expect(times).toBe(0);
    expect(await all(stream)).toEqual(["a", "b", "c"]);
    expect(times).toBe(1);
  });

  test("gives the error of opening it", async () => {
    const stream = opened<string>(() => Promise.reject(new Error("no")));
    await expect(all(stream)).rejects.toThrow("no");
  });

  test("closes what is still being opened when the reader leaves", async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const iterator = inBatches(
      opened(async () => {
        await gate.promise;
        return batched(source(log));
      }),
    )[Symbol.asyncIterator]();
    const first = iterator.next();
    const left = iterator.return?.();
    gate.resolve();
    expect(await first).toEqual({ done: false, value: ["a", "b"] });
    await left;
    expect(log).toEqual(["closed"]);
  });
});
