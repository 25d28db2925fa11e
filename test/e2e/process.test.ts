import { once } from "node:events";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { echoRequest } from "../support/echo-request.ts";
import { faces, namesOfEvents, textOfEvents } from "../support/faces.ts";
import { runGateway, startGateway, startProcess, temporaryFolder } from "../support/gateway.ts";
import { createGrpcClient, failureOf, struct } from "../support/grpc-client.ts";
import { callJson } from "../support/json-call.ts";

describe("SIGTERM", () => {
  test("lets the streams under way finish, refuses new calls, and ends with 0", async () => {
    const gateway = await startGateway();
    const words = Array.from({ length: 30 }, (_, i) => `word-${i}`).join(" ");
    const started = faces.map(() => Promise.withResolvers<void>());
    const outcomes = faces.map((face, i) =>
      face.runStream(gateway.url, echoRequest(words, { pace_ms: 50 }), AbortSignal.timeout(20_000), (event) => {
        if (event.textDelta) started[i]?.resolve();
      }),
    );
    await Promise.all(started.map(({ promise }) => promise));
    gateway.kill("SIGTERM");
    await gateway.logged("draining");
    await expect(callJson(gateway.url, "AgentService/Run", echoRequest("too late"))).rejects.toThrow();
    for (const { events, status } of await Promise.all(outcomes)) {
      expect(status.code).toBe("ok");
      expect(textOfEvents(events)).toBe(words);
      expect(namesOfEvents(events).at(-1)).toBe("finished");
    }
    expect(await gateway.ended).toBe(0);
    expect(gateway.output()).toContain('"msg":"stopped"');
  });

  const asked: readonly (readonly [signals: NodeJS.Signals[], code: number, isWhole: boolean])[] = [
    [["SIGHUP"], 0, true],
    [["SIGINT", "SIGTERM"], 143, false],
  ];
  test.each(asked)(
    "after %j it ends with %i, and that a stream under way is whole is %s",
    async (signals, code, isWhole) => {
      const gateway = await startGateway();
      const [face] = faces;
      const request = echoRequest("a b c d e f g h", { pace_ms: 50 });
      const stream = face?.runStream(gateway.url, request, AbortSignal.timeout(20_000), ({ textDelta }) => {
        if (textDelta) for (const signal of signals.splice(0)) gateway.kill(signal);
      });
      const status = await stream?.then(({ status }) => status.code).catch(() => "broken");
      expect([await gateway.ended, status === "ok"]).toEqual([code, isWhole]);
    },
  );

  test.each(["1", "2"])(
    "ends at once what waits for its database, with LIVELLM_WORKERS=%s",
    async (LIVELLM_WORKERS) => {
      const database = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
      await once(database, "listening");
      const { port } = database.address() as AddressInfo;
      const waiting = startProcess({
        DATABASE_URL: `postgres://livellm@127.0.0.1:${port}/livellm`,
        LIVELLM_MASTER_KEY: "0".repeat(64),
        LIVELLM_WORKERS,
      });
      await once(database, "connection");
      waiting.kill("SIGTERM");
      expect(await waiting.ended, waiting.output()).toBe(0);
      database.close();
    },
  );

  test("refuses new calls on a connection that is already open", async () => {
    const gateway = await startGateway();
    using client = createGrpcClient(gateway.url);
    const request = { ...echoRequest("a b c d e f g h"), route: { targets: [pacedEcho] } };
    const stream = client.stream("AgentService/RunStream", request);
    const finished = Promise.withResolvers<void>();
    let late: Promise<unknown> | undefined;
    stream.on("data", ({ event }) => {
      if (event !== "textDelta" || late) return;
      gateway.kill("SIGTERM");
      late = gateway
        .logged("draining")
        .then(() => failureOf(client.unary("AgentService/Run", echoRequest("too late"))));
    });
    stream.on("error", finished.reject).on("end", finished.resolve);
    await finished.promise;
    expect(await late).toMatchObject({ code: 14 });
    expect(await gateway.ended).toBe(0);
  });

  test("turns unready at once and still serves for as long as it is told to", async () => {
    const gateway = await startGateway({ env: { LIVELLM_DRAIN_DELAY_MS: "1000" } });
    await callJson(gateway.url, "AgentService/Run", echoRequest("before"));
    gateway.kill("SIGTERM");
    await gateway.logged("draining");
    const health = await fetch(`${gateway.url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    expect(await health.json()).toEqual({ status: "NOT_SERVING" });
    const { body } = await callJson(gateway.url, "AgentService/Run", echoRequest("still there"));
    expect(body).toMatchObject({ text: "still there" });
    expect(await gateway.ended).toBe(0);
  });

  test("ends what is left after the grace period as unavailable, on every face", async () => {
    const gateway = await startGateway({ env: { LIVELLM_SHUTDOWN_GRACE_MS: "300" } });
    const stalls = echoRequest("a b c", { stall_after_words: 1 });
    const started = faces.map(() => Promise.withResolvers<void>());
    const outcomes = faces.map((face, i) =>
      face.runStream(gateway.url, stalls, AbortSignal.timeout(20_000), (event) => {
        if (event.textDelta) started[i]?.resolve();
      }),
    );
    await Promise.all(started.map(({ promise }) => promise));
    gateway.kill("SIGTERM");
    expect(await gateway.ended).toBe(0);
    const statuses = (await Promise.all(outcomes)).map(({ status }) => status);
    const words = expect.stringContaining("shut down");
    const cut = { code: "unavailable", message: words, detail: { reason: "REASON_OVERLOADED" } };
    expect(statuses).toMatchObject(faces.map(() => cut));
  });
});

const pacedEcho = { provider: "local", model: "echo", options: struct({ pace_ms: 50 }) };

test("the memory it holds, after a first call, is under 130 MB", async () => {
  await using gateway = await startGateway();
  for (const face of faces) {
    const { status } = await face.runStream(gateway.url, echoRequest("Hello!"), AbortSignal.timeout(10_000));
    expect(status.code).toBe("ok");
  }
  expect(gateway.residentBytes() / 1e6).toBeLessThan(130);
});

describe("what it cannot use ends it with one line that says so", () => {
  test("an environment that is not right", async () => {
    const { code, stdout, stderr } = await runGateway({
      PORT: "eighty",
      LOG_LEVEL: "loud",
      OPENAI_API_KEY: "sk-canary-1",
    });
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^livellm: [^\n]*PORT[^\n]*LOG_LEVEL[^\n]*\n$/);
    expect(stderr).not.toMatch(/eighty|canary/);
  });

  test("a master key of the wrong length", async () => {
    const { code, stdout, stderr } = await runGateway({ LIVELLM_MASTER_KEY: "abc123" });
    expect(code).toBe(1);
    expect(linesOf(stdout + stderr)).toHaveLength(1);
    expect(stdout + stderr).toContain("LIVELLM_MASTER_KEY");
    expect(stdout + stderr).not.toContain("abc123");
  });

  test("a database of an unknown kind", async () => {
    const { code, stdout, stderr } = await runGateway({ DATABASE_URL: "mongodb://somewhere/else" });
    expect(code).toBe(1);
    expect(linesOf(stdout + stderr)).toHaveLength(1);
    expect(stdout + stderr).toContain("DATABASE_URL");
  });

  test("a port that is taken", async () => {
    await using gateway = await startGateway();
    const { code, stdout, stderr } = await runGateway({ PORT: new URL(gateway.url).port, LOG_LEVEL: "fatal" });
    expect(code).toBe(1);
    expect(linesOf(stdout + stderr)).toHaveLength(1);
    expect(stdout + stderr).toContain(new URL(gateway.url).port);
  });
});

function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}

test(".env in the working directory is read, and the environment wins over it", async () => {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, ".env"), "HOST=::1\nOPENAI_API_KEY=sk-from-the-file\nPORT=1\n");
  await using gateway = await startGateway({ folder });
  expect(gateway.url).toMatch(/^http:\/\/\[::1\]:\d+$/);
  const { body } = await callJson(gateway.url, "ProvidersService/ListProviders", {});
  expect(body.providers).toMatchObject([{ id: "local" }, { id: "openai", readOnly: true }]);
  expect(JSON.stringify(body) + gateway.output()).not.toContain("sk-from-the-file");
});

test("keeps its data in a folder that it makes, the key for its owner alone", async () => {
  const folder = temporaryFolder();
  chmodSync(folder, 0o755);
  await using gateway = await startGateway({ folder });
  expect(existsSync(path.join(folder, "data/livellm.db"))).toBe(true);
  expect(statSync(path.join(folder, "data/master.key")).mode & 0o777).toBe(0o600);
  expect(gateway.output()).toContain("LIVELLM_MASTER_KEY is not set");
});
