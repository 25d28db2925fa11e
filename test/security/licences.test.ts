import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { isAllowed, refusedLicences } from "../../scripts/licences.ts";
import { projectRoot } from "../support/gateway.ts";

test.each([
  ["MIT", true],
  ["(MIT OR GPL-3.0-only)", true],
  ["GPL-2.0-only OR Apache-2.0", true],
  ["MIT AND BSD-3-Clause", true],
  ["(MIT AND (ISC OR LGPL-3.0-only))", true],
  ["GPL-3.0-only", false],
  ["GPL-3.0-or-later", false],
  ["AGPL-3.0-only", false],
  ["LGPL-3.0-only", false],
  ["MIT AND GPL-3.0-only", false],
  ["(MIT AND (GPL-2.0-only OR LGPL-3.0-only))", false],
  ["SEE LICENSE IN LICENSE", false],
  ["UNLICENSED", false],
  ["", false],
])("%s is allowed: %s", (expression, expected) => expect(isAllowed(expression)).toBe(expected));

test("a package that is refused is named, with its licence", () => {
  const packages = [
    { name: "good", version: "1.0.0", licence: "MIT" },
    { name: "bad", version: "2.0.0", licence: "GPL-3.0-only" },
    { name: "silent", version: "3.0.0", licence: "" },
  ];
  expect(refusedLicences(packages)).toEqual(["bad 2.0.0: licence GPL-3.0-only", "silent 3.0.0: licence unknown"]);
});

test("nothing in production has a licence that is refused", () => {
  // A registry that answers nobody: the licences are looked at, and vulnerabilities said not to have been.
  const env = { ...process.env, npm_config_registry: "http://127.0.0.1:1/", npm_config_fetch_retries: "0" };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/audit.ts"], {
    cwd: projectRoot,
    env,
    encoding: "utf8",
  });
  expect(stderr).not.toContain("not allowed");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^known vulnerabilities: not looked at/m);
  expect(Number(/^(\d+) packages in production/m.exec(stdout)?.[1])).toBeGreaterThan(10);
});
