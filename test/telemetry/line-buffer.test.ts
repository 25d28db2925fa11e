import { expect, test } from "vitest";
import { LineBuffer } from "../../src/telemetry/line-buffer.ts";

function output() {
  const written: string[] = [];
  return { written, writableLength: 0, write: (text: string) => written.push(text) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("the lines of one turn are written at once, in their order", async () => {
  const out = output();
  const lines = new LineBuffer(out);
  lines.write("one\n");
  lines.write("two\n");
  expect(out.written).toEqual([]);
  await turn();
  lines.write("three\n");
  await turn();
  await turn();
  expect(out.written).toEqual(["one\ntwo\n", "three\n"]);
});

test("a flush leaves nothing behind, and nothing to be written twice", async () => {
  const out = output();
  const lines = new LineBuffer(out);
  lines.write("last\n");
  lines.flush();
  expect(out.written).toEqual(["last\n"]);
  await turn();
  expect(out.written).toEqual(["last\n"]);
});

test("much text does not wait for the end of the turn", () => {
  const out = output();
  const lines = new LineBuffer(out);
  for (let i = 0; i < 100; i++) lines.write(`${"x".repeat(1_000)}\n`);
  expect(out.written.length).toBeGreaterThan(0);
});

test("what a reader that has stopped cannot be kept is dropped, and said when it reads again", async () => {
  const out = output();
  const lines = new LineBuffer(out);
  out.writableLength = 17 * 1024 * 1024;
  for (let i = 0; i < 3; i++) lines.write("lost\n");
  await turn();
  expect(out.written).toEqual([]);
  out.writableLength = 0;
  lines.write("kept\n");
  await turn();
  const [kept, dropped] = out.written.join("").split("\n");
  expect(kept).toBe("kept");
  expect(JSON.parse(dropped ?? "")).toMatchObject({ level: 40, lines: 3 });
});
