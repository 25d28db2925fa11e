import type { OutgoingHttpHeaders } from "node:http2";
import { AgentService } from "../gen/livellm/v1/agent_service_pb.ts";
import { callJson, createProvider } from "../test/support/json-call.ts";
import { openFaces } from "./client-faces.ts";
import type { FaultGateway } from "./fault-gateway.ts";
import { drip, dripOverHttp2, type Exchange, exchange, openIdle } from "./hostile-clients.ts";
import { type HostileResult, othersWork } from "./hostile-result.ts";
import { startPouringVendor } from "./pouring-vendor.ts";
import { runDeadSockets, runSlowReaders } from "./run-slow-readers.ts";

export interface HostileRun {
  readonly pourBytes: number;
  readonly idleConnections: number;
  /** How long a head may be dripped before it has to have been hung up on. */
  readonly patienceMs: number;
  readonly onResult?: (result: HostileResult) => void;
}

const mebibyte = 2 ** 20;
/** What a gateway may hold of a vendor that pours, over what it held before. */
const heldBytes = 400 * mebibyte;

/** Vendors that send without an end, readers that do not read, and clients that mean no good. */
export async function runHostile(gateway: FaultGateway, run: HostileRun): Promise<readonly HostileResult[]> {
  const tries: readonly (() => Promise<readonly HostileResult[]>)[] = [
    async () => [await pour(gateway, "events", run.pourBytes)],
    async () => [await pour(gateway, "line", run.pourBytes)],
    async () => [await pour(gateway, "body", run.pourBytes)],
    () => runSlowReaders(gateway),
    async () => [await idle(gateway, run.idleConnections)],
    () => bombs(gateway),
    () => loris(gateway, run.patienceMs),
    () => runDeadSockets(gateway, run.patienceMs),
  ];
  const all: HostileResult[] = [];
  for (const attempt of tries) {
    const results = await attempt();
    for (const result of results) run.onResult?.(result);
    all.push(...results);
  }
  return all;
}

/** What a vendor pours: many events, one event without an end, or a unary body without an end. */
export type Pour = "events" | "line" | "body";

/** A vendor that sends so many bytes, and what the gateway held of them at most. */
export async function pour(gateway: FaultGateway, form: Pour, bytes: number): Promise<HostileResult> {
  await using vendor = await startPouringVendor();
  const id = `pours-${form}`;
  await createProvider(gateway.url, { id, kind: "openai-compatible", baseUrl: `${vendor.url}/${bytes}/${form}/v1` });
  const before = gateway.residentBytes();
  let most = before;
  const watch = setInterval(() => {
    most = Math.max(most, gateway.residentBytes());
  }, 50);
  const request = { route: { targets: [{ provider: id, model: "m-1" }] }, messages: [{ text: "Hi" }] };
  const code = await (form === "body" ? unaryCode(gateway, request) : streamCode(gateway, request));
  clearInterval(watch);
  const growth = Math.round((most - before) / mebibyte);
  const works = await othersWork(gateway);
  return {
    what: `a vendor pours ${(bytes / 2 ** 30).toFixed(1)} GiB: ${form}`,
    came: `${code}; at most ${growth} MiB more`,
    isBounded: works && most - before < heldBytes,
  };
}

async function unaryCode({ url }: FaultGateway, request: object): Promise<string> {
  const { body } = await callJson(url, "AgentService/Run", request);
  return String(body.code ?? "ok");
}

/** Reads as gRPC does, and keeps nothing. */
async function streamCode({ url }: FaultGateway, request: object): Promise<string> {
  const [face] = openFaces(url);
  if (!face) throw new Error("there is no face");
  const call = { method: AgentService.method.runStream, requests: [request], keeps: false };
  const { status } = await face.call(call, AbortSignal.timeout(120_000));
  return status.code;
}

/** Connections that say nothing, as many of these as can be opened, while somebody calls. */
export async function idle(gateway: FaultGateway, wanted: number): Promise<HostileResult> {
  const before = gateway.residentBytes();
  const { sockets } = await openIdle(gateway.url, wanted);
  const begun = performance.now();
  const works = await othersWork(gateway);
  const took = performance.now() - begun;
  const growth = Math.round((gateway.residentBytes() - before) / mebibyte);
  for (const socket of sockets) socket.destroy();
  return {
    what: `${sockets.length} idle connections`,
    came: `a call took ${took.toFixed(0)} ms, ${growth} MiB more`,
    isBounded: works && sockets.length > 0,
  };
}

/** Heads and bodies that are larger than anybody needs. */
export async function bombs(gateway: FaultGateway): Promise<readonly HostileResult[]> {
  const many = Array.from({ length: 20_000 }, (_, i) => `x-${i}: ${i}`).join("\r\n");
  const heads = [
    ["one header of 1 MiB", `GET /ping HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(mebibyte)}\r\n\r\n`],
    ["20,000 headers", `GET /ping HTTP/1.1\r\nhost: localhost\r\n${many}\r\n\r\n`],
  ] as const;
  const results: HostileResult[] = [];
  for (const [what, text] of heads) {
    const { answer, isClosed } = await exchange(gateway.url, text, 10_000);
    const [line = ""] = answer.split("\r\n");
    const isRefused = isClosed && (line === "" || / 4\d\d /.test(line));
    results.push({ what, came: line || "hung up", isBounded: isRefused && (await othersWork(gateway)) });
  }
  results.push(await bigBody(gateway));
  return results;
}

async function bigBody(gateway: FaultGateway): Promise<HostileResult> {
  const text = `POST /livellm.v1.AgentService/Run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n{"`;
  const { answer } = await exchange(gateway.url, text, 5_000);
  const [line = ""] = answer.split("\r\n");
  return {
    what: "a body of 100 GB is announced",
    came: line,
    isBounded: / 413 /.test(line) && (await othersWork(gateway)),
  };
}

const slowBody = `POST /livellm.v1.AgentService/Run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{`;

const onRun = { ":path": "/livellm.v1.AgentService/Run" };
const onRunStream = { ":path": "/livellm.v1.AgentService/RunStream" };

async function loris(gateway: FaultGateway, patienceMs: number): Promise<readonly HostileResult[]> {
  const { url } = gateway;
  const head = { first: "GET /ping HTTP/1.1\r\nhost: localhost\r\n", more: "x-a: b\r\n" };
  const overHttp2 = (headers: OutgoingHttpHeaders) => dripOverHttp2(url, headers, patienceMs);
  const drips: readonly (readonly [what: string, came: Promise<Exchange>])[] = [
    ["nothing at all", drip(url, { first: "", more: "" }, patienceMs)],
    ["a head without an end", drip(url, head, patienceMs)],
    ["a body without an end", drip(url, { first: slowBody, more: " " }, patienceMs)],
    ["the same of gRPC", overHttp2({ ...onRun, "content-type": "application/grpc", te: "trailers" })],
    ["the same of gRPC-Web over HTTP/2", overHttp2({ ...onRunStream, "content-type": "application/grpc-web+proto" })],
    ["the same of Connect over HTTP/2", overHttp2({ ...onRun, "content-type": "application/proto" })],
    ["the same of JSON over HTTP/2", overHttp2({ ...onRunStream, "content-type": "application/json" })],
  ];
  return Promise.all(
    drips.map(async ([what, coming]) => {
      const { isClosed, afterMs, answer } = await coming;
      const line = answer.split("\r\n")[0] || "no answer";
      const came = isClosed
        ? `${line}; hung up after ${(afterMs / 1000).toFixed(0)} s`
        : `still open after ${patienceMs / 1000} s`;
      return { what: `slow-loris: ${what}`, came, isBounded: isClosed && (await othersWork(gateway)) };
    }),
  );
}
