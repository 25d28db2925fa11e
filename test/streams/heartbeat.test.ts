import { expect, test } from "vitest";
import { withHeartbeat } from "../../src/streams/heartbeat.ts";

test("beats while the source is silent, and loses nothing", async () => {
  let beats = 0;
  const third = Promise.withResolvers<void>();
  async function* source() {
    yield "a";
    await third.promise; // three beats have been seen
    yield "b";
  }
  const seen: string[] = [];
  const events = withHeartbeat(source(), 5, () => {
    if (++beats === 3) third.resolve();
    return "♥";
  });
  for await (const item of events) seen.push(item);
  expect(seen.filter((item) => item !== "♥")).toEqual(["a", "b"]);
  expect(seen.filter((item) => item === "♥").length).toBeGreaterThanOrEqual(3);
  expect(seen[0]).toBe("a");
});

test("a failing source fails it, and leaving early ends the source", async () => {
  async function* failing() {
    yield "a";
    throw new Error("broken");
  }
  const seen: string[] = [];
  const all = async () => {
    for await (const item of withHeartbeat(failing(), 1_000, () => "♥")) seen.push(item);
  };
  await expect(all()).rejects.toThrow("broken");
  expect(seen).toEqual(["a"]);

  let ended = false;
  async function* endless() {
    try {
      for (;;) yield "x";
    } finally {
      ended = true;
    }
  }
  for await (const _ of withHeartbeat(endless(), 1_000, () => "♥")) break;
  expect(ended).toBe(true);
});
