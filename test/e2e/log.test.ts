import { spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { echoRequest } from "../support/echo-request.ts";
import { startArguments, startGateway, temporaryFolder } from "../support/gateway.ts";
import { callJson } from "../support/json-call.ts";

/** A line of the log is about 600 bytes with these; a pipe holds 64 KiB. */
const headers = { "x-app": "a".repeat(128), "x-client-id": "c".repeat(128), "x-session-id": "s".repeat(128) };
const calls = 500;

test.each(["stopped reading", "gone away"])("a reader of the log that has %s stops nothing", async (what) => {
  const env = { PATH: process.env.PATH, PORT: "0", DATABASE_URL: "sqlite::memory:" };
  const stdio = ["ignore", "pipe", "inherit"] as const;
  const cwd = temporaryFolder();
  onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
  const child = spawn(process.execPath, startArguments, { cwd, env, stdio: [...stdio] });
  const exited = once(child, "exit");
  const url = await listening(child.stdout as Readable);
  if (what === "gone away") child.stdout?.destroy();
  else child.stdout?.pause();
  for (let made = 0; made < calls; made += 50) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => callJson(url, "AgentService/Run", echoRequest("hi"), headers)),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  }
  child.kill("SIGTERM");
  expect((await exited)[0]).toBe(0);
});

test("what livellm's clients call their project is the app of their calls", async () => {
  await using gateway = await startGateway();
  const body = { provider_uid: "local", model: "echo", messages: [{ role: "user", content: "Hi" }] };
  const response = await fetch(`${gateway.url}/livellm/agent/run`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-project": "help desk" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  expect(await gateway.logged("rpc")).toMatchObject({ rpc: "livellm.v1.AgentService/Run", app: "help desk" });
});

test("a line has all that the caller says of itself", async () => {
  const gateway = await startGateway();
  const caller = { userId: "user 1", device: "ios", labels: { team: "voice" } };
  await callJson(gateway.url, "AgentService/Run", { ...echoRequest("hi"), caller }, { "x-app": "an app" });
  expect(await gateway.logged("rpc")).toMatchObject({ app: "an app", ...caller });
  await gateway.stop();
});

test("a line says who answered and what was tried, and of a failure why, without a word of what was said", async () => {
  const gateway = await startGateway();
  const failing = { provider: "local", model: "echo", options: { fail_before: "rate_limited" } };
  const said = "something that nobody may read";
  const run = (targets: readonly object[]) =>
    callJson(gateway.url, "AgentService/Run", { route: { targets }, messages: [{ text: said }] });
  await run([{ provider: "local" }]);
  await run([failing, { provider: "local" }]);
  await run([failing, { model: "m", inlineProvider: { kind: "local" } }]);
  await run([]);
  await gateway.stop();
  const lines = gateway
    .output()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [plain, second, failed, refused] = lines.filter(({ msg }) => msg === "rpc");
  const limited = {
    provider: "local",
    model: "echo",
    outcome: "failed",
    reason: "rate_limited",
    ms: expect.any(Number),
  };
  expect(plain).toMatchObject({ code: "ok", provider: "local", model: "echo" });
  expect(plain).not.toHaveProperty("tried");
  expect(second).toMatchObject({ code: "ok", provider: "local", tried: [limited, { outcome: "answered" }] });
  expect(failed).toMatchObject({
    code: "unavailable",
    reason: "provider_unavailable",
    tried: [limited, { provider: "inline", model: "m", outcome: "failed", reason: "model_not_found" }],
  });
  expect(refused).toMatchObject({ code: "invalid_argument", reason: "invalid_request" });
  expect(gateway.output()).not.toContain(said);
});

async function listening(output: Readable): Promise<string> {
  let text = "";
  for (;;) {
    const [piece] = (await once(output, "data")) as [Buffer];
    text += piece.toString();
    const [, url] = /"url":"([^"]+)"/.exec(text) ?? [];
    if (url !== undefined) return url;
  }
}
