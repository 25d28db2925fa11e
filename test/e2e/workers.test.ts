import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import tls from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/grpc/health/v1/health_pb.ts";
import { makeAuthority, makeCertificate, openssl, replaceFile } from "../security/certificates.ts";
import { echoRequest } from "../support/echo-request.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { runGateway, temporaryFolder } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type GrpcClient, struct } from "../support/grpc-client.ts";
import {
  type Connection,
  echoTarget,
  type LogLine,
  startWorkers,
  type WorkerGateway,
} from "../support/worker-gateway.ts";
import { startCollector } from "../telemetry/collector.ts";
import { scrape } from "../telemetry/scrape.ts";

const patient = { timeout: 10_000, interval: 20 };

function words(count: number): string {
  return Array.from({ length: count }, (_, i) => `word-${i}`).join(" ");
}

/** An answer of so many words, one every 20 ms. */
function pacedRun(count: number) {
  return { route: { targets: [{ ...echoTarget, options: { pace_ms: 20 } }] }, messages: [{ text: words(count) }] };
}

/** Connections, opened one after another, each used before the next is. */
async function connectInTurn(gateway: WorkerGateway, count: number) {
  const connections: { readonly connection: Connection; readonly worker: number }[] = [];
  for (let i = 0; i < count; i++) {
    const connection = gateway.connect();
    connections.push({ connection, worker: await connection.servedBy() });
  }
  return connections;
}

function tally(numbers: readonly number[]): Readonly<Record<number, number>> {
  return Object.fromEntries([...new Set(numbers)].sort().map((n) => [n, numbers.filter((m) => m === n).length]));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("three workers", () => {
  let gateway: WorkerGateway;
  beforeAll(async () => {
    gateway = await startWorkers(3);
  });
  afterAll(async () => void (await gateway.stop()));

  test("get the same number of connections that are opened one after another and kept", async () => {
    const connections = await connectInTurn(gateway, 6);
    try {
      expect(tally(connections.map(({ worker }) => worker))).toEqual({ 1: 2, 2: 2, 3: 2 });
    } finally {
      for (const { connection } of connections) connection[Symbol.dispose]();
    }
  });

  test("run with the options that node was started with", () => {
    for (const pid of gateway.pids().values()) {
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain("--max-semi-space-size=32");
    }
  });

  test("make one key and one database at their first start", () => {
    expect(gateway.output().match(/LIVELLM_MASTER_KEY is not set/g)).toHaveLength(1);
  });

  test("say the same of the providers that nobody has stored", async () => {
    const connections = await connectInTurn(gateway, 3);
    const lists = await Promise.all(connections.map(({ connection }) => connection.providers.listProviders({})));
    for (const { connection } of connections) connection[Symbol.dispose]();
    expect(lists[0]?.providers[0]?.createTime).toBeDefined();
    expect(lists[1]).toEqual(lists[0]);
    expect(lists[2]).toEqual(lists[0]);
  });

  test("all know of a provider by the time that one of them has said that it is there, and of its end", async () => {
    const connections = await connectInTurn(gateway, 3);
    try {
      expect(tally(connections.map(({ worker }) => worker))).toEqual({ 1: 1, 2: 1, 3: 1 });
      const [first, ...others] = connections.map(({ connection }) => connection);
      const known = async ({ providers }: Connection) =>
        (await providers.listProviders({})).providers.some(({ id }) => id === "new");
      await first?.providers.createProvider({ provider: { id: "new", kind: "openai", apiKey: "sk-none" } });
      for (const other of others) expect(await known(other)).toBe(true);
      await first?.providers.deleteProvider({ id: "new" });
      for (const other of others) expect(await known(other)).toBe(false);
    } finally {
      for (const { connection } of connections) connection[Symbol.dispose]();
    }
  });

  test("one killed in the middle of a stream: its caller is told, the others go on, and another takes its place", async () => {
    const [bystander] = await connectInTurn(gateway, 1);
    using client = createGrpcClient(gateway.url, { ownConnection: true });
    await client.unary("AgentService/Run", echoRequest("who?"), { metadata: { "x-request-id": "the-victim" } });
    const victim = await gateway.servedBy("the-victim");
    const pid = gateway.pids().get(victim) ?? 0;
    expect(bystander?.worker).not.toBe(victim);
    const unharmed = Array.fromAsync(bystander?.connection.agent.runStream(pacedRun(40)) ?? []);

    const { code } = await failureOf(killedWhileStreaming(client, pid));
    expect(code).toBe(14);
    expect((await unharmed).at(-1)?.event.case).toBe("finished");
    const died = await vi.waitFor(() => diedIn(gateway).at(-1), patient);
    expect(died).toMatchObject({ worker: victim, pid, signal: "SIGKILL", restartInMs: 0 });
    await expect.poll(() => gateway.pids().get(victim), patient).not.toBe(pid);
    // The bystander's worker has one connection: the next two go to the others, the new one among them.
    const next = await connectInTurn(gateway, 2);
    expect(next.map(({ worker }) => worker)).toContain(victim);
    expect(next.map(({ worker }) => worker)).not.toContain(bystander?.worker);
    for (const { connection } of [...next, ...(bystander ? [bystander] : [])]) connection[Symbol.dispose]();
  });
});

function diedIn(gateway: WorkerGateway): readonly LogLine[] {
  return gateway.lines("worker died; another takes its place");
}

/** Kills the worker when the first words of an answer have come, and reads on. */
async function killedWhileStreaming(client: GrpcClient, pid: number): Promise<void> {
  const request = echoRequest(words(400));
  const route = { targets: [{ ...echoTarget, options: struct({ pace_ms: 20 }) }] };
  for await (const { event } of client.stream("AgentService/RunStream", { ...request, route })) {
    if (event === "textDelta") process.kill(pid, "SIGKILL");
  }
}

test("a connection that a worker was given and had not taken when it died is given to another", async () => {
  await using gateway = await startWorkers(2);
  const stuck = gateway.pids().get(1) ?? 0;
  process.kill(stuck, "SIGSTOP");
  const connections = [gateway.connect(), gateway.connect()];
  const served = Promise.all(connections.map((connection) => connection.servedBy()));
  // One of the two waits for the worker that does not move.
  await Promise.race([served, Promise.any(connections.map((connection) => connection.servedBy()))]);
  expect(gateway.lines("rpc").every(({ worker }) => worker === 2)).toBe(true);
  process.kill(stuck, "SIGKILL");
  expect(await served).toHaveLength(2);
  for (const connection of connections) connection[Symbol.dispose]();
});

test("a worker that dies again and again is started after a pause that grows, is counted, and the others serve", async () => {
  await using collector = await startCollector();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.httpUrl, OTEL_EXPORTER_OTLP_PROTOCOL: "http/protobuf" };
  await using gateway = await startWorkers(2, { env });
  const restarts = async () => (await scrape(gateway.url)).samples.filter(({ name }) => name === restartsName);
  expect((await restarts()).map(({ value }) => value)).toEqual([0, 0, 0, 0, 0, 0]);
  const died = () => diedIn(gateway);
  for (let deaths = 1; deaths <= 3; deaths++) {
    const pid = gateway.pids().get(2) ?? 0;
    process.kill(pid, "SIGKILL");
    await expect.poll(() => died().length, patient).toBe(deaths);
    using connection = gateway.connect();
    expect(await connection.servedBy()).toBeGreaterThan(0);
    await expect.poll(() => gateway.pids().get(2), patient).not.toBe(pid);
  }
  expect(died().map(({ restartInMs }) => restartInMs)).toEqual([0, 500, 1000]);
  const counted = (await restarts()).filter(({ value }) => value > 0);
  expect(counted).toEqual([{ name: restartsName, labels: { livellm_worker: "2", error_type: "killed" }, value: 3 }]);
  await gateway.stop();
  const pushed = collector.metrics.get("livellm.worker.restarts")?.points.filter(({ value }) => value > 0);
  expect(pushed).toEqual([{ attributes: { "livellm.worker": "2", "error.type": "killed" }, value: 3 }]);
});

const restartsName = "livellm_worker_restarts_total";

test("SIGTERM: all are unready at once, let their streams finish, and are gone", async () => {
  const gateway = await startWorkers(2);
  const connections = await connectInTurn(gateway, 2);
  expect(tally(connections.map(({ worker }) => worker))).toEqual({ 1: 1, 2: 1 });
  const begun = connections.map(() => Promise.withResolvers<void>());
  const outcomes = connections.map(async ({ connection }, i) => {
    const events = [];
    for await (const { event } of connection.agent.runStream(pacedRun(60))) {
      begun[i]?.resolve();
      events.push(event.case);
    }
    return events.at(-1);
  });
  const readiness = await Promise.all([watchHealth(gateway.url), watchHealth(gateway.url)]);
  await Promise.all(begun.map(({ promise }) => promise));
  const pids = [...gateway.pids().values()];

  gateway.kill("SIGTERM");
  for (const next of readiness) expect(await next()).toBe(Status.NOT_SERVING);
  await expect(reaches(gateway.url)).resolves.toBe(false);
  expect(await Promise.all(outcomes)).toEqual(["finished", "finished"]);
  expect(await gateway.ended).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(gateway.output()).toContain('"msg":"stopped"');
});

/** Watches over a connection of its own, until the first word has come; what comes back waits for the next one. */
async function watchHealth(baseUrl: string): Promise<() => Promise<Status | undefined>> {
  const answers = createClient(Health, createGrpcTransport({ baseUrl })).watch({})[Symbol.asyncIterator]();
  expect((await answers.next()).value?.status).toBe(Status.SERVING);
  return async () => (await answers.next()).value?.status;
}

/** Whether the port takes connections. */
function reaches(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}

describeWith(openssl, "TLS", () => {
  test("a new certificate is taken over by all workers", async () => {
    const folder = temporaryFolder();
    const authority = makeAuthority(folder, "authority");
    const served = makeCertificate(authority, "served", "server");
    const renewed = makeCertificate(authority, "renewed", "server");
    const env = { LIVELLM_TLS_CERT: served.certFile, LIVELLM_TLS_KEY: served.keyFile };
    await using gateway = await startWorkers(2, { env });
    expect(gateway.url).toMatch(/^https:/);
    replaceFile(served.keyFile, renewed.keyFile);
    replaceFile(served.certFile, renewed.certFile);
    await expect.poll(() => gateway.lines("TLS certificate replaced").length, patient).toBe(2);
    const names = await Promise.all([1, 2].map(() => commonNameOf(gateway.url, authority.cert)));
    expect(names).toEqual(["renewed", "renewed"]);
    rmSync(folder, { recursive: true });
  });
});

/** Of the certificate that a new connection is shown. */
async function commonNameOf(url: string, ca: string): Promise<string | string[] | undefined> {
  const socket = tls.connect({ port: Number(new URL(url).port), host: "127.0.0.1", ca });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN;
}

test("SIGTERM to one worker drains that one, and another takes its place", async () => {
  await using gateway = await startWorkers(2);
  const [leaving] = await connectInTurn(gateway, 1);
  const pid = gateway.pids().get(leaving?.worker ?? 0) ?? 0;
  const events = [];
  for await (const { event } of leaving?.connection.agent.runStream(pacedRun(20)) ?? []) {
    if (events.length === 0) process.kill(pid, "SIGTERM");
    events.push(event.case);
  }
  expect(events.at(-1)).toBe("finished");
  await vi.waitFor(() => expect(gateway.lines("worker ended; another takes its place")).toHaveLength(1), patient);
  await expect.poll(() => gateway.pids().get(leaving?.worker ?? 0), patient).not.toBe(pid);
  const counted = (await scrape(gateway.url)).samples.filter(({ name, value }) => name === restartsName && value > 0);
  expect(counted).toMatchObject([{ labels: { livellm_worker: String(leaving?.worker) }, value: 1 }]);
  expect(counted[0]?.labels).not.toHaveProperty("error_type");
});

test("without their supervisor the workers end, and the port is free", async () => {
  const gateway = await startWorkers(2);
  const pids = [...gateway.pids().values()];
  gateway.kill("SIGKILL");
  await gateway.ended;
  await expect.poll(() => pids.filter(isAlive), patient).toEqual([]);
  expect(await reaches(gateway.url)).toBe(false);
});

test("connections beyond the limit of all workers together are closed", async () => {
  await using gateway = await startWorkers(2, { env: { LIVELLM_MAX_CONNECTIONS: "3" } });
  const connections = await connectInTurn(gateway, 3);
  using beyond = gateway.connect();
  await expect(beyond.servedBy()).rejects.toThrow();
  for (const { connection } of connections) connection[Symbol.dispose]();
  using later = gateway.connect();
  await expect.poll(() => later.servedBy().catch(() => 0), patient).toBeGreaterThan(0);
});

describe("what keeps workers from starting ends the process with 1", () => {
  test("a master key of the wrong length", async () => {
    const env = { LIVELLM_WORKERS: "2", DATABASE_URL: "sqlite:unused.db", LIVELLM_MASTER_KEY: "abc123" };
    const { code, stdout } = await runGateway(env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/"worker":1,.*LIVELLM_MASTER_KEY/);
    expect(stdout).not.toContain("worker ready");
  });

  test("a database that is in one process alone", async () => {
    const { code, stderr } = await runGateway({ LIVELLM_WORKERS: "2" });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^livellm: [^\n]*LIVELLM_WORKERS[^\n]*\n$/);
  });

  test.each(["0", "many", "1.5"])("LIVELLM_WORKERS=%s", async (workers) => {
    const { code, stderr } = await runGateway({ LIVELLM_WORKERS: workers });
    expect(code).toBe(1);
    expect(stderr).toContain("LIVELLM_WORKERS");
  });
});
