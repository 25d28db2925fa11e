import { rmSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openssl } from "../security/certificates.ts";
import { codeBlocks, outputPattern } from "../support/code-blocks.ts";
import { curl, describeWith } from "../support/foreign-tools.ts";
import { freePort } from "../support/free-port.ts";
import { temporaryFolder } from "../support/gateway.ts";
import { livellmProgram } from "../support/livellm.ts";
import { type PostgresServer, postgres, startPostgres } from "../support/postgres.ts";
import { run } from "../support/process.ts";
import { type RedisServer, redisServer, startRedis } from "../support/redis-server.ts";
import { moved, type Places } from "../support/run-blocks.ts";

const [install, configure, start, call] = codeBlocks("docs/operating.md");
const missing = [postgres, redisServer, openssl, curl].find((tool) => tool.missing !== undefined);

test("the page begins with what to install, what to configure, how to start, and a call with what it prints", () => {
  expect(install?.text).toContain("apt-get install --yes postgresql redis-server");
  expect(configure?.text.split("\n").at(-2)).toBe("npm ci && npm run build");
  expect(start?.text).toContain("npx livellm serve --port 8001 &");
  expect(call?.output).toContain("Hello, replica!");
});

describeWith(missing ?? postgres, "two replicas on one machine, as printed,", () => {
  const folder = temporaryFolder();
  let database: PostgresServer;
  let redis: RedisServer;
  let places: Places;

  beforeAll(async () => {
    [database, redis] = await Promise.all([startPostgres(), startRedis()]);
    places = {
      "livellm:choose-one@localhost:5432/livellm": `printed:choose-one@localhost:${database.port}/printed`,
      "redis://localhost:6379": redis.url,
      "npm ci && npm run build": "",
      "npx livellm": `${process.execPath} ${livellmProgram}`,
      "8001": String(await freePort()),
      "8002": String(await freePort()),
    };
  });
  afterAll(async () => {
    await Promise.all([database[Symbol.asyncDispose](), redis[Symbol.asyncDispose]()]);
    rmSync(folder, { recursive: true, force: true });
  });

  test("know of a provider that one of them was given", async () => {
    // The test's own server has a role of that name already.
    for (const [, statement = ""] of install?.text.matchAll(/ -c "([^"]+)"/g) ?? [])
      await database.execute(statement.replaceAll("livellm", "printed"));
    const replicas = [configure, start].map((block) => moved(block?.text ?? "", places)).join("");
    // What the replicas log is not what the call prints.
    // A replica that does not start must not be left behind: `timeout` ends them all.
    const script = `{ ${replicas} } >&2\ntrap 'kill $(jobs -p); wait' EXIT\n${moved(call?.text ?? "", places)}`;
    const env = { PATH: process.env.PATH, HOME: process.env.HOME };
    const { code, stdout, stderr } = await run("timeout", ["25", "bash", "-ec", script], {
      cwd: folder,
      env,
      timeoutMs: 28_000,
    });
    expect(stdout.trim(), stderr).toMatch(outputPattern(call?.output ?? ""));
    expect(code).toBe(0);
  });
});
