import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { openRotatedFile } from "../../src/telemetry/rotated-file.ts";

const folders: string[] = [];
afterEach(() => Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true, force: true }))));

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "livellm-log-"));
  folders.push(folder);
  return folder;
}

const longLine = `${"x".repeat(64 * 1024)}\n`;

test("a file that is full is followed by another, and only so many are kept", async () => {
  const folder = newFolder();
  const file = await openRotatedFile({ folder, name: "app", maxMebibytes: 1, kept: 2, failed: expect.fail });
  for (let number = 2; number < 6; number++) {
    for (let i = 0; i < 17; i++) file.write(longLine);
    await expect.poll(() => readdirSync(folder)).toContain(`app.${number}.log`);
  }
  await expect.poll(() => readdirSync(folder).toSorted()).toEqual(["app.4.log", "app.5.log"]);
});

test("a day's file has its date", async () => {
  const folder = newFolder();
  const file = await openRotatedFile({ folder, name: "talk", kept: 2, dated: true, failed: expect.fail });
  file.write("one\n");
  file.flush();
  const [name = ""] = readdirSync(folder);
  expect(name).toMatch(/^talk\.\d{4}-\d\d-\d\d\.\d+\.log$/);
  expect(readFileSync(path.join(folder, name), "utf8")).toBe("one\n");
});
