import { describe, expect, test } from "vitest";
import { Channel } from "../../src/streams/channel.ts";

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe("a channel", () => {
  test("gives what a source brings that has not stopped yet, in order, and asks for more when there is room", async () => {
    let asked = 0;
    const channel = new Channel<number>(4, () => asked++, 1_000);
    const room = numbers(0, 1_000).map((n) => channel.push(n));
    expect(room.filter(Boolean)).toHaveLength(3);
    const reader = channel[Symbol.asyncIterator]();
    for (const n of numbers(0, 997)) expect(await reader.next()).toEqual({ done: false, value: n });
    expect(asked).toBe(0);
    expect(await reader.next()).toEqual({ done: false, value: 997 });
    expect(asked).toBe(1);
    for (const n of numbers(1_000, 1_300)) channel.push(n);
    channel.end();
    expect(await Array.fromAsync(channel)).toEqual(numbers(998, 1_300));
  });

  test("overflows beyond that, after what it holds has been read", async () => {
    const channel = new Channel<number>(2, undefined, 5);
    for (const n of numbers(0, 6)) channel.push(n);
    channel.push(7);
    const reader = channel[Symbol.asyncIterator]();
    for (const n of numbers(0, 6)) expect(await reader.next()).toEqual({ done: false, value: n });
    await expect(reader.next()).rejects.toThrow("did not stop");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  test("gives the empty values too", async () => {
    const channel = new Channel<string | undefined>(2);
    for (const value of ["", undefined]) channel.push(value);
    channel.end();
    expect(await Array.fromAsync(channel)).toEqual(["", undefined]);
  });
});
