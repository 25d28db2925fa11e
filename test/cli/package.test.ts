import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { publint } from "publint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CodeBlock, codeBlocks, documentedPort, outputPattern } from "../support/code-blocks.ts";
import { type Gateway, projectRoot, startGateway } from "../support/gateway.ts";
import { type InstalledPackage, installPackage } from "../support/installed-package.ts";
import { type Finished, run, start } from "../support/process.ts";

let installed: InstalledPackage;
beforeAll(async () => {
  installed = await installPackage();
});
afterAll(() => installed[Symbol.dispose]());

const env = { PATH: process.env.PATH, HOME: process.env.HOME };
const program = () => path.join(installed.project, "node_modules/.bin/livellm");

describe("the tarball", () => {
  test("holds the program, what it serves, and the contract; no sources, no tests, no secrets", () => {
    const tops = new Set(installed.files.map((file) => file.split("/").slice(0, 2).join("/")));
    expect([...tops].sort()).toEqual([
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "bin/livellm.js",
      "dist/catalogue",
      "dist/gen",
      "dist/scripts",
      "dist/src",
      "dist/web",
      "package.json",
      "proto/livellm",
    ]);
    const isOdd = (file: string) => /(^|\/)(test|fixtures|\.env)|\.(map|key|db|tsbuildinfo)$|(?<!\.d)\.ts$/.test(file);
    expect(installed.files.filter(isOdd)).toEqual([]);
  });

  test("has nothing that publint finds", async () => {
    const { messages } = await publint({ pkgDir: installed.folder, pack: false, strict: true });
    expect(messages).toEqual([]);
  });

  test("exports every file of the contract from livellm/client", () => {
    const client = readFileSync(path.join(projectRoot, "src/client.ts"), "utf8");
    const missing = readdirSync(path.join(projectRoot, "gen/livellm/v1")).filter(
      (file) => !client.includes(`/${file}"`),
    );
    expect(missing).toEqual([]);
  });
});

describe("the installed program", () => {
  test("says its version, also to npx", async () => {
    const { version } = JSON.parse(readFileSync(path.join(projectRoot, "package.json"), "utf8")) as { version: string };
    const direct = await run(process.execPath, [program(), "--version"], { cwd: installed.project, env });
    expect(direct).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    const npx = await run("npx", ["--offline", "--no-install", "livellm", "--version"], {
      cwd: installed.project,
      env,
    });
    expect([npx.code, npx.stdout]).toEqual([0, `${version}\n`]);
  });

  test("serves, with the playground and the catalogue, and is its own client", async () => {
    const more = { DATABASE_URL: "sqlite::memory:" };
    const child = start(process.execPath, [program(), "serve", "--port", "0"], {
      cwd: installed.project,
      env: { ...env, ...more },
    });
    const url = await listening(child.stdout);
    expect((await fetch(`${url}/playground`)).status).toBe(200);
    const args = [program(), "chat", "-p", "local", "Hello!", "--url", url];
    expect(await run(process.execPath, args, { cwd: installed.project, env })).toMatchObject({ stdout: "Hello!\n" });
    child.kill("SIGTERM");
    expect(await once(child, "close")).toEqual([0, null]);
  });

  test("installs the local engine where LIVELLM_LOCAL_ENGINE says, with the npm that is there", async () => {
    const folder = path.join(installed.project, "no-npm");
    const args = [program(), "setup-local"];
    const more = { PATH: folder, LIVELLM_LOCAL_ENGINE: path.join(folder, "engine") };
    const { code, stderr } = await run(process.execPath, args, { cwd: installed.project, env: { ...env, ...more } });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^1\/\d+ .*\nlivellm: spawn npm ENOENT$/m)]);
    expect(readdirSync(path.join(folder, "engine"))).toEqual([".gitignore"]);
  });

  test("on a Node that is too old says which one it needs, and ends with 1", async () => {
    const older =
      "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.19.0'}})";
    const { code, stderr } = await run(process.execPath, ["--import", older, program(), "--version"], {
      cwd: installed.project,
      env,
    });
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^livellm needs Node 22\.18 or newer; this is v/)]);
  });
});

async function listening(stdout: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface({ input: stdout })) {
    const { msg, url } = JSON.parse(line) as { readonly msg: string; readonly url: string };
    if (msg === "listening") return url;
  }
  throw new Error("it ended before it listened");
}

describe("docs/library.md, from the installed package,", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway();
  });
  afterAll(() => gateway.stop());

  const blocks = codeBlocks("docs/library.md").filter(({ language }) => language === "ts");

  async function runInProject({ text }: CodeBlock): Promise<Finished> {
    const file = path.join(installed.project, "block.ts");
    writeFileSync(path.join(installed.project, "package.json"), '{"type": "module"}');
    writeFileSync(file, text.replaceAll(documentedPort, `localhost:${new URL(gateway.url).port}`));
    return run(process.execPath, [file], { cwd: installed.project, env });
  }

  test.each(blocks.map((block) => [block.place, block] as const))("%s prints what is printed", async (_, block) => {
    const { code, stdout, stderr } = await runInProject(block);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.trim()).toMatch(outputPattern(block.output ?? "no output is printed"));
  });

  test("and its programs have the types they need", async () => {
    writeFileSync(path.join(installed.project, "package.json"), '{"type": "module"}');
    const files = blocks.map(({ text }, i) => {
      const file = path.join(installed.project, `block-${i}.ts`);
      writeFileSync(file, text);
      return file;
    });
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2024", "--types", "node"];
    const roots = ["--lib", "es2024,esnext.disposable", "--typeRoots", path.join(projectRoot, "node_modules/@types")];
    const compiler = path.join(projectRoot, "node_modules/.bin/tsc");
    const { code, stdout } = await run(compiler, [...options, ...roots, "--skipLibCheck", ...files], {
      cwd: installed.project,
      timeoutMs: 60_000,
    });
    expect([code, stdout]).toEqual([0, ""]);
    expect(existsSync(path.join(installed.folder, "dist/src/library.d.ts"))).toBe(true);
  });
});
