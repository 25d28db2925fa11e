import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DatedFiles } from "../../src/telemetry/dated-files.ts";
import { RecordQueue } from "../../src/telemetry/record-queue.ts";
import { withoutSecrets } from "../../src/telemetry/span-content.ts";
import { temporaryFolder } from "../support/gateway.ts";
import { run } from "../support/process.ts";

const line = (text: string) => () => text;

test("what a slow disk cannot take is dropped, whole records and counted, and nobody waits", async () => {
  const dropped: (readonly [number, string])[] = [];
  const written: string[] = [];
  const { promise: disk, resolve } = Promise.withResolvers<void>();
  const queue = new RecordQueue({
    append: async (lines) => {
      await disk;
      written.push(lines);
    },
    dropped: (records, reason) => dropped.push([records, reason]),
    maxWaitingLength: 30,
  });
  for (const text of ["a", "b", "c", "d", "e"]) queue.add(line(text), 10);
  expect(written).toEqual([]);
  resolve();
  await queue.close();
  expect(written.join("")).toBe("a\nb\nc\n");
  expect(dropped).toEqual([[2, "the disk is too slow"]]);
});

test("a disk that hangs is not waited for at the end, and what it has not taken is counted", async () => {
  const dropped: (readonly [number, string])[] = [];
  const queue = new RecordQueue({
    append: () => Promise.withResolvers<void>().promise,
    dropped: (records, reason) => dropped.push([records, reason]),
  });
  for (const text of ["a", "b", "c"]) queue.add(line(text), 10);
  await queue.close(0);
  expect(dropped).toEqual([[3, "the disk is too slow"]]);
});

test("what cannot be written is counted, and what comes later is written", async () => {
  const dropped: (readonly [number, string])[] = [];
  let written = "";
  let full = true;
  const queue = new RecordQueue({
    append: async (lines) => {
      if (full) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      written += lines;
    },
    dropped: (records, reason) => dropped.push([records, reason]),
  });
  queue.add(line("a"), 1);
  await queue.close();
  full = false;
  queue.add(line("b"), 1);
  await queue.close();
  expect(written).toBe("b\n");
  expect(dropped).toEqual([[1, "ENOSPC"]]);
});

test("files are so large, and all of them together so large, the oldest going first", async () => {
  const folder = temporaryFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = await DatedFiles.open({ folder, name: "lines", keptDays: 1, maxBytes: 16_000 });
  onTestFinished(() => files.close());
  for (let n = 0; n < 100; n++) await files.append(`${String(n).padStart(399, "0")}\n`);
  const all = readdirSync(folder).map((name) => path.join(folder, name));
  const sizes = all.map((file) => statSync(file).size);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_000);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(16_000);
  expect(all.length).toBeGreaterThan(10);
  expect(all.map((file) => readFileSync(file, "utf8")).join("")).toContain(`${"99".padStart(399, "0")}\n`);
});

test("a full disk leaves no half lines, and no file for each try", async () => {
  const folder = temporaryFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Files of 8 KiB at most are to a process what a disk is that has so much room left.
  const limited = [
    "-c",
    'ulimit -f 8 && exec "$0" "$@"',
    process.execPath,
    "--input-type=module",
    "-e",
    appending,
    folder,
  ];
  const { code, stdout, stderr } = await run("bash", limited, { cwd: import.meta.dirname });
  expect([code, stdout], stderr).toEqual([0, "2 of 10"]);
  const [file, ...others] = readdirSync(folder);
  expect(others).toEqual([]);
  expect(readFileSync(path.join(folder, file ?? ""), "utf8")).toMatch(/^(x{2999}\n){2}$/);
});

const appending = `
  const { DatedFiles } = await import("../../src/telemetry/dated-files.ts");
  const files = await DatedFiles.open({ folder: process.argv[1], name: "lines", keptDays: 1, maxBytes: 1e9 });
  let written = 0;
  for (let n = 0; n < 10; n++) await files.append("x".repeat(2999) + "\\n").then(() => written++, () => undefined);
  files.close();
  process.stdout.write(written + " of 10");
`;

test("looking for secrets takes no time by the square of the spaces", () => {
  // 100,000 took half a minute; the test's own time limit is the judge.
  expect(withoutSecrets(`Bearer${" ".repeat(500_000)}x password${" ".repeat(500_000)}`)).toHaveLength(1_000_016);
});
