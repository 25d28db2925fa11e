import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { echoRequest } from "../support/echo-request.ts";
import { runGateway, startArguments, temporaryFolder } from "../support/gateway.ts";
import { callJson } from "../support/json-call.ts";
import { collected, start } from "../support/process.ts";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly rpc?: string;
  readonly url?: string;
}

/** The lines of the files whose names begin so. */
function linesOf(folder: string, name: string): readonly Line[] {
  const files = readdirSync(folder).filter((file) => file.startsWith(`${name}.`));
  return files.flatMap((file) =>
    readFileSync(path.join(folder, file), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line),
  );
}

/** Where the gateway listens, as its log says. */
function addressIn(folder: string): string | undefined {
  return existsSync(folder) ? linesOf(folder, "app").find(({ msg }) => msg === "listening")?.url : undefined;
}

test("the log goes to files of a folder: what happens, the errors once more, everything with LOG_LEVEL=debug", async () => {
  const folder = path.join(temporaryFolder(), "log");
  const env = { LIVELLM_LOG_FOLDER: folder, LOG_LEVEL: "debug", PORT: "0", PATH: process.env.PATH };
  const gateway = start(process.execPath, startArguments, { cwd: path.dirname(folder), env, timeoutMs: 60_000 });
  const stdout = collected(gateway.stdout);
  const ended = once(gateway, "close");
  await expect.poll(() => addressIn(folder), { timeout: 20_000 }).toBeDefined();
  await callJson(addressIn(folder) ?? "", "AgentService/Run", echoRequest("prompt-canary"));
  gateway.kill("SIGTERM");
  expect(await ended).toEqual([0, null]);
  expect(stdout()).toBe("");
  const app = linesOf(folder, "app");
  expect(app.map(({ msg }) => msg)).toContain("listening");
  expect(app.map(({ msg }) => msg).at(-1), "the last line is there").toBe("stopped");
  expect(app.filter(({ rpc }) => rpc?.endsWith("AgentService/Run"))).toHaveLength(1);
  expect(app.every(({ level }) => level >= 30)).toBe(true);
  expect(linesOf(folder, "debug").length).toBeGreaterThanOrEqual(app.length);
  expect(linesOf(folder, "error")).toEqual([]);
  for (const name of readdirSync(folder)) {
    expect(statSync(path.join(folder, name)).mode & 0o077, `${name} is its user's own`).toBe(0);
    expect(readFileSync(path.join(folder, name), "utf8")).not.toContain("prompt-canary");
  }
});

test("a folder that cannot be one ends it with one line", async () => {
  const file = path.join(temporaryFolder(), "file");
  writeFileSync(file, "");
  const { code, stdout, stderr } = await runGateway({ LIVELLM_LOG_FOLDER: file });
  expect(code).toBe(1);
  expect(stdout).toBe("");
  expect(stderr).toMatch(/^livellm: LIVELLM_LOG_FOLDER: [^\n]+\n$/);
});
