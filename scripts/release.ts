// Makes a release: `npm run release -- 1.2.3`. Checks that the tree is clean and that CHANGELOG.md has something to say, writes
// the version everywhere, runs `.ci/run`, packs, commits and tags. Nothing leaves this machine: the last lines say what to
// push and publish. When anything fails, the tree is left as it was. `--dry-run` stops before the commit and undoes the rest.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

const root = path.join(import.meta.dirname, "..");
const { values, positionals } = parseArgs({ allowPositionals: true, options: { "dry-run": { type: "boolean" } } });
const [version = ""] = positionals;

/** The files that name the version. */
const versioned = ["package.json", "package-lock.json", "CHANGELOG.md", "deploy/helm/livellm/Chart.yaml"];

try {
  refuseUnready();
  writeVersion();
  run("bash", ".ci/run");
  run("npm", "pack", "--silent");
  if (values["dry-run"]) undo();
  else commit();
} catch (error) {
  console.error(`release: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

function refuseUnready(): void {
  if (!/^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/.test(version)) throw new Error("name the version, such as 1.2.3");
  if (read("git", "status", "--porcelain") !== "") throw new Error("commit or put away what has changed first");
  if (read("git", "branch", "--show-current") !== "main") throw new Error("releases are made on main");
  if (read("git", "tag", "--list", `v${version}`) !== "") throw new Error(`v${version} is there already`);
  if (unreleased(textOf("CHANGELOG.md")).trim() === "") throw new Error("CHANGELOG.md says nothing under [Unreleased]");
}

/** What CHANGELOG.md has between "Unreleased" and the release before. */
function unreleased(changelog: string): string {
  const [, rest = ""] = changelog.split("## [Unreleased]\n");
  return rest.split("\n## [")[0] ?? "";
}

function writeVersion(): void {
  process.once("exit", (code) => code !== 0 && undo());
  run("npm", "version", version, "--no-git-tag-version", "--allow-same-version", "--silent");
  const today = new Date().toISOString().slice(0, 10);
  edit("CHANGELOG.md", (text) => text.replace("## [Unreleased]\n", `## [Unreleased]\n\n## [${version}] - ${today}\n`));
  edit("deploy/helm/livellm/Chart.yaml", (text) =>
    text.replace(/^version: .*$/m, `version: ${version}`).replace(/^appVersion: .*$/m, `appVersion: "${version}"`),
  );
}

function commit(): void {
  run("git", "add", ...versioned);
  run("git", "commit", "--quiet", "--message", `Release ${version}`);
  run("git", "tag", "--annotate", `v${version}`, "--message", `livellm ${version}`);
  console.log(`\nv${version} is committed and tagged, and packed as livellm-${version}.tgz. To publish it:
  git push --follow-tags
  npm publish livellm-${version}.tgz
  docker build -t livellm:${version} .`);
}

function undo(): void {
  run("git", "checkout", "--quiet", "--", ...versioned);
}

function edit(file: string, change: (text: string) => string): void {
  const before = textOf(file);
  const after = change(before);
  if (after === before) throw new Error(`${file} has no place for the version`);
  writeFileSync(path.join(root, file), after);
}

function textOf(file: string): string {
  return readFileSync(path.join(root, file), "utf8");
}

function read(program: string, ...args: readonly string[]): string {
  return execFileSync(program, [...args], { cwd: root, encoding: "utf8" }).trim();
}

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, [...args], { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
}
