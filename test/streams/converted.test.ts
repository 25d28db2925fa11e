import { expect, test } from "vitest";
import { batched, inBatches } from "../../src/streams/batches.ts";
import { type Conversion, converted } from "../../src/streams/converted.ts";

/** Doubles numbers; 0 is the end, and a negative one is refused. */
function doubling(): Conversion<number, number> {
  let told: number[] = [];
  return {
    read(numbers) {
      for (const number of numbers) {
        if (number === 0) return true;
        if (number < 0) throw new Error("negative");
        if (number % 2 === 1) told.push(number * 2);
      }
      return false;
    },
    end(failure) {
      if (failure) throw failure.error;
      told.push(1_000);
    },
    take() {
      const taken = told;
      told = [];
      return taken;
    },
  };
}

/** Gives the batches, then fails or ends; knows whether it was left. */
function source(batches: readonly (readonly number[])[], error?: Error) {
  const state = { left: false, asked: 0 };
  const left = batches.values();
  const iterator: AsyncIterator<readonly number[]> = {
    async next() {
      state.asked++;
      const { done, value } = left.next();
      if (!done) return { done: false, value };
      if (error) throw error;
      return { done: true, value: undefined };
    },
    async return() {
      state.left = true;
      return { done: true, value: undefined };
    },
  };
  return { state, stream: batched({ [Symbol.asyncIterator]: () => iterator }) };
}

async function readAll(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const read: unknown[] = [];
  try {
    for await (const item of stream) read.push(item);
  } catch (error) {
    read.push(error);
  }
  return read;
}

test("keeps batches, and those that have nothing to tell are empty", async () => {
  const { stream } = source([[1, 3], [2], [4, 5]]);
  expect(await readAll(inBatches(converted(stream, doubling())))).toEqual([[2, 6], [], [10], [1_000]]);
});

test("can be read item by item", async () => {
  const { stream } = source([[1, 3], [2], [5]]);
  expect(await readAll(converted(stream, doubling()))).toEqual([2, 6, 10, 1_000]);
});

test("what the conversion ends is left, and nothing after its end is told", async () => {
  const { stream, state } = source([[1], [3, 0, 5], [7]]);
  expect(await readAll(converted(stream, doubling()))).toEqual([2, 6]);
  expect(state).toEqual({ left: true, asked: 2 });
});

test("what came before something unreadable is told before the error, and the source is left", async () => {
  const { stream, state } = source([[1], [3, -1, 5], [7]]);
  expect(await readAll(converted(stream, doubling()))).toEqual([2, 6, new Error("negative")]);
  expect(state).toEqual({ left: true, asked: 2 });
});

test("an error of the source is told after what came before it, once", async () => {
  const { stream, state } = source([[1]], new Error("broken"));
  const reader = inBatches(converted(stream, doubling()))[Symbol.asyncIterator]();
  expect(await reader.next()).toEqual({ done: false, value: [2] });
  await expect(reader.next()).rejects.toThrow("broken");
  expect(await reader.next()).toEqual({ done: true, value: undefined });
  expect(state.left).toBe(false);
});

test("a reader that leaves takes the source with it", async () => {
  const { stream, state } = source([[1], [3]]);
  for await (const number of converted(stream, doubling())) {
    expect(number).toBe(2);
    break;
  }
  expect(state).toEqual({ left: true, asked: 1 });
});
