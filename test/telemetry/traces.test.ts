import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { type AgentVendor, type Script, startAgentVendor } from "../support/agent-vendor.ts";
import { startFakeAsr } from "../support/fake-asr.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient } from "../support/grpc-client.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { startVendor } from "../support/vendor-server.ts";
import { startServer2, type TestMcpServer } from "../tools/mcp-servers.ts";
import { type Collector, type ReceivedSpan, startCollector } from "./collector.ts";

const runStream = "livellm.v1.AgentService/RunStream";
const remote = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const traceparent = `00-${remote.traceId}-${remote.spanId}-01`;

/** Two tools at once, and an answer. Each of the words is found nowhere else. */
const canaries = ["canary-question", "canary-thought", "canary-answer", "canary-key-of-the-test", "4142434445"];
const script: Script = [
  {
    reasoning: "canary-thought",
    text: "Let me see.",
    calls: [
      { name: "calc_add", args: { a: 4_142_434_445, b: 0 } },
      { name: "calc_fail", args: {} },
    ],
  },
  { text: "canary-answer" },
];

const isExporting = (protocol: string) => (protocol === "grpc" ? "grpcUrl" : "httpUrl");

function environment(collector: Collector, protocol: string, more: Readonly<Record<string, string>> = {}) {
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector[isExporting(protocol)],
    OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
    OTEL_EXPORTER_OTLP_HEADERS: "x-collector-token=canary%20of%20the%20collector",
    OTEL_SERVICE_NAME: "gateway-under-test",
    OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
    OTEL_BSP_SCHEDULE_DELAY: "20",
    OTEL_METRIC_EXPORT_INTERVAL: "100",
    ...more,
  };
}

interface Trace {
  /** All spans of the trace of this span. */
  readonly spans: readonly ReceivedSpan[];
  named(name: string): ReceivedSpan;
  childrenOf(span: ReceivedSpan): readonly string[];
}

function traceOf(collector: Collector, traceId: string): Trace {
  const spans = collector.spans.filter((span) => span.traceId === traceId);
  const childrenOf = ({ spanId }: ReceivedSpan) =>
    spans.filter(({ parentSpanId }) => parentSpanId === spanId).map(({ name }) => name);
  const named = (name: string) => {
    const [found, another] = spans.filter((span) => span.name === name);
    if (!found || another) throw new Error(`not one span ${name} among ${spans.map((span) => span.name).join(", ")}`);
    return found;
  };
  return { spans, named, childrenOf };
}

describe.each(["grpc", "http/protobuf"])("over OTLP by %s", (protocol) => {
  let collector: Collector;
  let gateway: Gateway;
  let mcp: TestMcpServer;
  let dying: AgentVendor;
  let living: AgentVendor;
  let trace: Trace;

  beforeAll(async () => {
    collector = await startCollector();
    gateway = await startGateway({ env: environment(collector, protocol) });
    mcp = await startServer2();
    dying = await startAgentVendor("anthropic", ["dies"]);
    living = await startAgentVendor("openai-compatible", script);
    const apiKey = "canary-key-of-the-test";
    await createProvider(gateway.url, { id: "first", kind: "anthropic", apiKey, baseUrl: dying.baseUrl });
    await createProvider(gateway.url, { id: "second", kind: "openai-compatible", apiKey, baseUrl: living.baseUrl });
    using client = createGrpcClient(gateway.url);
    const request = {
      route: {
        targets: [
          { provider: "first", model: "claude-x" },
          { provider: "second", model: "m-1" },
        ],
      },
      messages: [{ text: "canary-question" }],
      config: { tools: [{ mcpServer: { url: mcp.url, prefix: "calc_", allowedTools: ["add", "fail"] } }] },
      caller: { app: "kiosk", clientId: "client-7", userId: "user-9", labels: { team: "voice" } },
    };
    await Array.fromAsync(client.stream("AgentService/RunStream", request, { metadata: { traceparent } }));
    await collector.span(runStream);
    trace = traceOf(collector, remote.traceId);
  });
  afterAll(async () => {
    await gateway.stop();
    await living[Symbol.asyncDispose]();
    await dying[Symbol.asyncDispose]();
    await mcp[Symbol.asyncDispose]();
    await collector[Symbol.asyncDispose]();
  });

  test("a run with a fallback and tools is one tree, under the caller's span", () => {
    const root = trace.named(runStream);
    expect(root).toMatchObject({ parentSpanId: remote.spanId, kind: "server", failed: false });
    expect(trace.childrenOf(root).toSorted()).toEqual([
      "execute_tool calc_add",
      "execute_tool calc_fail",
      "step 0",
      "step 1",
    ]);
    expect(trace.childrenOf(trace.named("step 0"))).toEqual(["chat claude-x", "chat m-1"]);
    expect(trace.childrenOf(trace.named("step 1"))).toEqual(["chat claude-x", "chat m-1"]);
  });

  test("the call says which, how it came, how it ended, and who made it", () => {
    const { attributes, resource } = trace.named(runStream);
    expect(attributes).toMatchObject({
      "rpc.system.name": "grpc",
      "rpc.method": runStream,
      "rpc.response.status_code": "ok",
      "livellm.face": "grpc",
      "client.app": "kiosk",
      "client.id": "client-7",
      "user.id": "user-9",
      "livellm.label.team": "voice",
      "livellm.request.id": expect.stringMatching(/./),
    });
    expect(resource).toMatchObject({
      "service.name": "gateway-under-test",
      "deployment.environment.name": "test",
      "service.version": expect.stringMatching(/^\d/),
    });
  });

  test("an attempt says whom it asked, what came of it, and what it took", () => {
    const [failed] = trace.spans.filter(({ name }) => name === "chat claude-x");
    expect(failed).toMatchObject({ kind: "client", failed: true });
    expect(failed?.attributes).toMatchObject({
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "anthropic",
      "gen_ai.request.model": "claude-x",
      "livellm.provider.id": "first",
      "livellm.outcome": "failed",
      "error.type": "stream_broken",
    });
    const [answered] = trace.spans.filter(({ name }) => name === "chat m-1");
    expect(answered).toMatchObject({ kind: "client", failed: false });
    expect(answered?.attributes).toMatchObject({
      "gen_ai.provider.name": "openai-compatible",
      "gen_ai.response.model": expect.stringMatching(/./),
      "gen_ai.response.finish_reasons": ["tool_calls"],
      "gen_ai.usage.input_tokens": 11,
      "gen_ai.usage.output_tokens": 7,
      "gen_ai.response.time_to_first_chunk": expect.any(Number),
      "gen_ai.request.stream": true,
      "livellm.fallback": true,
      "livellm.outcome": "answered",
    });
  });

  test("a tool says its name and whether it failed", () => {
    const added = trace.named("execute_tool calc_add");
    expect(added).toMatchObject({ kind: "client", failed: false });
    expect(added.attributes).toMatchObject({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": "calc_add",
      "gen_ai.tool.call.id": expect.stringMatching(/./),
      "mcp.method.name": "tools/call",
    });
    const failed = trace.named("execute_tool calc_fail");
    expect(failed).toMatchObject({ failed: true, attributes: { "error.type": "tool_failed" } });
  });

  test("whoever keeps traces is told whose the request is, and nobody else", () => {
    const [, , spanId] = String(living.headers[0]?.traceparent).split("-");
    const attempt = trace.spans.find((span) => span.spanId === spanId);
    expect(attempt?.name).toBe("chat m-1");
    expect(dying.headers[0]).not.toHaveProperty("traceparent");
    const called = mcp.of("tools/call").map(({ headers }) => String(headers.traceparent).split("-")[2]);
    const tools = ["execute_tool calc_add", "execute_tool calc_fail"].map((name) => trace.named(name).spanId);
    expect(called.toSorted()).toEqual(tools.toSorted());
    const [listed] = mcp.of("tools/list").map(({ headers }) => String(headers.traceparent).split("-"));
    expect(listed).toMatchObject({ 1: remote.traceId, 2: trace.named(runStream).spanId });
  });

  test("metrics arrive as well", async () => {
    await expect.poll(() => collector.metrics.get("livellm.attempts")?.points.length).toBeGreaterThan(1);
    const points = (name: string) => collector.metrics.get(name)?.points ?? [];
    const failed = points("livellm.attempts").filter(({ attributes }) => attributes["livellm.outcome"] === "failed");
    expect(failed).toMatchObject([{ attributes: { "livellm.provider.id": "first" } }]);
    expect(points("rpc.server.call.duration").length).toBeGreaterThan(0);
    expect(points("process.memory.usage")[0]?.value).toBeGreaterThan(1e7);
  });

  test("the collector gets its headers, and nothing of what was said, nor a key", () => {
    expect(collector.headers[0]).toMatchObject({ "x-collector-token": "canary of the collector" });
    for (const canary of [...canaries, "canary of the collector"]) expect(collector.text()).not.toContain(canary);
    for (const canary of [...canaries, "canary of the collector"]) expect(gateway.output()).not.toContain(canary);
  });

  test("the log line of the call has the trace", () => {
    const line =
      gateway
        .output()
        .split("\n")
        .find((each) => each.includes(runStream)) ?? "{}";
    expect(JSON.parse(line)).toMatchObject({ traceId: remote.traceId });
  });
});

describe("trace context", () => {
  let collector: Collector;
  let gateway: Gateway;
  beforeAll(async () => {
    collector = await startCollector();
    gateway = await startGateway({ env: environment(collector, "http/protobuf") });
  });
  afterAll(async () => {
    await gateway.stop();
    await collector[Symbol.asyncDispose]();
  });
  const echo = { route: { targets: [{ provider: "local", model: "echo" }] }, messages: [{ text: "word" }] };
  const parentOf = (traceId: string) => `00-${traceId}-${remote.spanId}-01`;

  test.each(["application/json", "text/event-stream", "application/x-ndjson"])(
    "is taken from the headers of HTTP, %s",
    async (accept) => {
      const traceId = crypto.randomUUID().replaceAll("-", "");
      const method = accept === "application/json" ? "Run" : "RunStream";
      const headers = { "content-type": "application/json", accept, traceparent: parentOf(traceId) };
      const body = JSON.stringify(echo);
      await (await fetch(`${gateway.url}/livellm.v1.AgentService/${method}`, { method: "POST", headers, body })).text();
      await expect.poll(() => traceOf(collector, traceId).spans.length).toBe(3);
      expect(traceOf(collector, traceId).named(`livellm.v1.AgentService/${method}`).parentSpanId).toBe(remote.spanId);
    },
  );

  test("is taken from the first frame of a WebSocket", async () => {
    const traceId = crypto.randomUUID().replaceAll("-", "");
    const socket = new WebSocket(`${gateway.url.replace("http", "ws")}/${runStream}`);
    socket.on("open", () => {
      socket.send(JSON.stringify({ headers: { traceparent: parentOf(traceId) } }));
      socket.send(JSON.stringify(echo));
    });
    await expect.poll(() => traceOf(collector, traceId).spans.length).toBe(3);
    expect(traceOf(collector, traceId).named(runStream)).toMatchObject({
      parentSpanId: remote.spanId,
      attributes: { "livellm.face": "websocket" },
    });
  });

  test("that is none is left alone: the call has a trace of its own", async () => {
    const headers = { "content-type": "application/json", traceparent: "00-xyz-00f067aa0ba902b7-01" };
    const body = JSON.stringify({ ...echo, caller: { app: "stranger" } });
    await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, { method: "POST", headers, body });
    const own = () => collector.spans.find(({ attributes }) => attributes["client.app"] === "stranger");
    await expect.poll(() => own()?.parentSpanId).toBe("");
  });

  test("of a caller who does not sample is obeyed", async () => {
    const traceId = crypto.randomUUID().replaceAll("-", "");
    const headers = { "content-type": "application/json", traceparent: `00-${traceId}-${remote.spanId}-00` };
    const url = `${gateway.url}/livellm.v1.AgentService/Run`;
    await fetch(url, { method: "POST", headers, body: JSON.stringify(echo) });
    const after = crypto.randomUUID().replaceAll("-", "");
    await fetch(url, {
      method: "POST",
      headers: { ...headers, traceparent: parentOf(after) },
      body: JSON.stringify(echo),
    });
    await expect.poll(() => traceOf(collector, after).spans.length).toBe(3);
    expect(traceOf(collector, traceId).spans).toEqual([]);
  });

  test("speech and what is written down have spans, too", async () => {
    const route = { targets: [{ provider: "local", model: "flite" }] };
    await callJson(gateway.url, "AudioService/Speak", { route, text: "canary-speech" });
    const span = await collector.span("speech flite");
    expect(span.attributes).toMatchObject({
      "gen_ai.operation.name": "speech",
      "gen_ai.output.type": "speech",
      "livellm.audio.output_duration": expect.any(Number),
    });
    expect(collector.text()).not.toContain("canary-speech");
  });
});

test("a live session has a span, under which its socket is opened", async () => {
  await using collector = await startCollector();
  await using asr = await startFakeAsr({ recognise: async () => "canary-heard" });
  await using gateway = await startGateway({ env: environment(collector, "grpc") });
  await createProvider(gateway.url, { id: "ear", kind: "livellm-asr", baseUrl: asr.url });
  using client = createGrpcClient(gateway.url);
  const stream = client.duplex("TranscriptionService/TranscribeStream", { metadata: { traceparent } });
  const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
  stream.write({ start: { route: { targets: [{ provider: "ear", model: "any" }] }, format } });
  stream.write({ audio: { data: Buffer.alloc(32_000, 0x40) } });
  stream.end();
  await Array.fromAsync(stream as AsyncIterable<object>);
  const session = await collector.span("live_transcription any");
  const call = await collector.span("livellm.v1.TranscriptionService/TranscribeStream");
  expect(session).toMatchObject({ traceId: remote.traceId, parentSpanId: call.spanId, kind: "client" });
  expect(session.attributes).toMatchObject({ "livellm.audio.input_duration": 1, "livellm.outcome": "answered" });
  const [opened] = asr.sessions;
  expect(opened?.headers.traceparent).toBe(`00-${remote.traceId}-${session.spanId}-01`);
  expect(collector.text()).not.toContain("canary-heard");
});

test("content is in spans only where it is asked for, and without secrets", async () => {
  await using collector = await startCollector();
  await using vendor = await startAgentVendor("openai-compatible", [
    { text: "The key is sk-answer-0123456789abcdef." },
  ]);
  const env = environment(collector, "http/protobuf", { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true" });
  await using gateway = await startGateway({ env });
  await createProvider(gateway.url, { id: "p", kind: "openai-compatible", apiKey: "key", baseUrl: vendor.baseUrl });
  const request = {
    route: { targets: [{ provider: "p", model: "m-1" }] },
    messages: [{ text: "What is sk-question-0123456789abcdef?" }],
    config: { instructions: "Be brief." },
  };
  using client = createGrpcClient(gateway.url);
  await Array.fromAsync(client.stream("AgentService/RunStream", request));
  const { attributes } = await collector.span("chat m-1");
  const read = (name: string) => JSON.parse(String(attributes[name])) as unknown;
  expect(read("gen_ai.system_instructions")).toEqual([{ type: "text", content: "Be brief." }]);
  expect(read("gen_ai.input.messages")).toEqual([
    { role: "user", parts: [{ type: "text", content: "What is [redacted]?" }] },
  ]);
  expect(read("gen_ai.output.messages")).toEqual([
    { role: "assistant", parts: [{ type: "text", content: "The key is [redacted]." }], finish_reason: "stop" },
  ]);
});

const route = { targets: [{ provider: "local", model: "echo" }] };

test("a collector that is not there costs no call, and does not hold up the end", async () => {
  await using gateway = await startGateway({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_BSP_SCHEDULE_DELAY: "10" },
  });
  const call = () => callJson(gateway.url, "AgentService/Run", { route, messages: [{ text: "word" }] });
  for (let i = 0; i < 5; i++) expect((await call()).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
});

test("what waits to be sent is sent before the end", async () => {
  await using collector = await startCollector();
  const env = environment(collector, "grpc", { OTEL_BSP_SCHEDULE_DELAY: "3600000" });
  await using gateway = await startGateway({ env });
  await callJson(gateway.url, "AgentService/Run", { route, messages: [{ text: "word" }] });
  expect(collector.spans).toEqual([]);
  expect(await gateway.stop()).toBe(0);
  expect(collector.spans.map(({ name }) => name).toSorted()).toEqual([
    "chat echo",
    "livellm.v1.AgentService/Run",
    "step 0",
  ]);
});

test("a collector that refuses is told of once in a while, without what it said", async () => {
  await using collector = await startVendor({ status: 400, body: ["canary of the collector"] });
  await using gateway = await startGateway({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "10" },
  });
  const call = () => callJson(gateway.url, "AgentService/Run", { route, messages: [{ text: "word" }] });
  const first = collector.nextCall();
  await call();
  await first;
  const second = collector.nextCall();
  await call();
  await second;
  const said = "traces or metrics could not be exported to OpenTelemetry";
  await expect.poll(() => gateway.output()).toContain(said);
  await gateway.stop();
  expect(gateway.output().split(said)).toHaveLength(2);
  expect(gateway.output()).not.toContain("canary");
});
