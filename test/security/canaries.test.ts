import { rmSync } from "node:fs";
import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ServerReflection, ServerReflectionResponseSchema } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { type Face, faces } from "../support/faces.ts";
import { type Gateway, startGateway, temporaryFolder } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type LoadedMessage } from "../support/grpc-client.ts";
import { callJson } from "../support/json-call.ts";
import { startVendor, type VendorAnswer, type VendorServer } from "../support/vendor-server.ts";
import { type Collector, startCollector } from "../telemetry/collector.ts";
import { startServer2 } from "../tools/mcp-servers.ts";
import { canariesIn, canariesInDatabase, canariesInTelemetry } from "./canaries.ts";

/** For nobody but whom they are sent to: not in logs, errors, answers, reflection, nor in the clear in the database. */
const secrets = {
  configuredKey: "sk-canary-configured-51c2e0",
  configuredHeader: "canary-configured-header-8d11",
  environmentKey: "sk-canary-environment-3b07",
  inlineKey: "sk-canary-inline-a9f4e1",
  inlineHeader: "canary-inline-header-77b2",
  mcpHeader: "canary-mcp-header-c402",
  collectorHeader: "canary-collector-header-91ab",
};

/** What callers say and hear: in the answers, and nowhere that is kept. */
const content = {
  prompt: "canary-prompt-19e7",
  instructions: "canary-instructions-5fa0",
  answer: "canary-answer-e2b8",
  speech: "canary-speech-0d3c",
  audio: "canary-audio-6b95-",
};

const folder = temporaryFolder();
/** Everything a caller was told, with whether it may hold what was said. */
const told: { readonly what: string; readonly text: string; readonly isError: boolean }[] = [];
let gateway: Gateway;
let vendor: VendorServer;
let collector: Collector;
let baseUrl: string;

beforeAll(async () => {
  vendor = await startVendor();
  baseUrl = `${vendor.url}/v1`;
  collector = await startCollector();
  const env = {
    LOG_LEVEL: "trace",
    OPENAI_API_KEY: secrets.environmentKey,
    OPENAI_BASE_URL: baseUrl,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.httpUrl,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${secrets.collectorHeader}`,
    OTEL_BSP_SCHEDULE_DELAY: "50",
    OTEL_METRIC_EXPORT_INTERVAL: "200",
  };
  gateway = await startGateway({ folder, env });
});

afterAll(async () => {
  await gateway.stop();
  await vendor[Symbol.asyncDispose]();
  await collector[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Answer = (call: VendorServer["calls"][number]) => VendorAnswer;

/** What vendors do. The words of a refusal are handed on, so a refusal repeats of what it was sent the secrets alone. */
const behaviours = {
  "answers well": (call) => (call.body.includes('"stream":true') ? streamed(chatAnswer) : json(200, chatAnswer)),
  "repeats the key in a 401": ({ headers }) => json(401, { error: { message: `bad key ${headers.authorization}` } }),
  "repeats every header in a 500": ({ headers }) => json(500, { error: { message: JSON.stringify(headers) } }),
  "repeats everything in place of JSON": (call) => ({ headers: jsonType, body: [everythingSaid(call)] }),
  "repeats everything in an event": (call) => ({ body: [`data: ${everythingSaid(call)}\n\n`] }),
  "repeats its headers in the id of a refusal": ({ headers }) => ({ status: 503, headers: idOf(headers) }),
  "repeats its headers in the id of an answer": (call) => {
    const answer = call.body.includes('"stream":true') ? streamed(chatAnswer) : json(200, chatAnswer);
    return { ...answer, headers: { ...answer.headers, ...idOf(call.headers) } };
  },
  "breaks off in the middle": () => ({ body: [firstWord], ending: "reset" }),
  "hangs up at once": () => ({ ending: "reset" }),
  "never answers": () => ({ ending: "hang" }),
} satisfies Readonly<Record<string, Answer>>;

const idOf = (headers: object) => ({ "x-request-id": JSON.stringify(headers) });
const names = Object.keys(behaviours) as (keyof typeof behaviours)[];
const answering: readonly string[] = ["answers well", "repeats its headers in the id of an answer"];
const jsonType = { "content-type": "application/json" };
const json = (status: number, value: object): VendorAnswer => ({
  status,
  headers: jsonType,
  body: [JSON.stringify(value)],
});

/** Begins with what must not be seen: some errors quote where a text begins. */
function everythingSaid({ headers, body }: Parameters<Answer>[0]): string {
  return `${content.prompt} ${secrets.inlineKey} ${JSON.stringify(headers)} ${body}`;
}

const chatAnswer = {
  id: "chatcmpl-1",
  model: "m-1",
  text: content.answer,
  choices: [{ index: 0, message: { role: "assistant", content: content.answer }, finish_reason: "stop" }],
};

const firstWord = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: content.answer } }] })}\n\n`;

function streamed({ id, model }: typeof chatAnswer): VendorAnswer {
  const last = { id, model, choices: [{ index: 0, delta: {}, finish_reason: "stop" }] };
  return { body: [firstWord, `data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`] };
}

const targets = () => ({
  configured: { provider: "kept", model: "m-1" },
  environment: { provider: "openai", model: "m-1" },
  inline: { inlineProvider: inlineProvider(baseUrl), model: "m-1" },
  "closed port": { inlineProvider: inlineProvider("http://127.0.0.1:1/v1"), model: "m-1" },
  forbidden: { inlineProvider: inlineProvider("http://169.254.169.254/v1"), model: "m-1" },
});

const inlineProvider = (baseUrl: string) => ({
  kind: "openai-compatible",
  baseUrl,
  apiKey: secrets.inlineKey,
  headers: { "x-team": secrets.inlineHeader },
});

const askOf = (target: object) => ({
  route: { targets: [target], attemptTimeout: "0.3s" },
  messages: [{ text: content.prompt }],
  config: { instructions: content.instructions },
});

const webSocket: Face = {
  name: "websocket",
  runStream: (url, request) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/livellm.v1.AgentService/RunStream`);
      const frames: JsonObject[] = [];
      socket.on("open", () => socket.send(JSON.stringify(request)));
      socket.on("message", (data) => frames.push(JSON.parse(String(data)) as JsonObject));
      socket.on("error", reject);
      socket.on("close", () => {
        const last = frames.pop() ?? {};
        const { code } = last.status as JsonObject;
        resolve({ events: frames, status: { code: String(code), message: JSON.stringify(last), detail: undefined } });
      });
    }),
};

async function call(method: string, request: object): Promise<JsonObject> {
  const { status, body } = await callJson(gateway.url, method, request);
  told.push({ what: method, text: JSON.stringify(body), isError: status !== 200 });
  return body;
}

test("a provider is kept, read, changed and checked", async () => {
  const { configuredKey: apiKey, configuredHeader } = secrets;
  const provider = { id: "kept", kind: "openai-compatible", baseUrl: baseUrl, apiKey };
  const withHeaders = { ...provider, headers: { "x-team": configuredHeader } };
  vendor.answerWith(json(200, { data: [{ id: "m-1" }] }));
  expect(await call("ProvidersService/CreateProvider", { provider: withHeaders })).toHaveProperty("provider");
  expect(await call("ProvidersService/CreateProvider", { provider: withHeaders })).toMatchObject({
    code: "already_exists",
  });
  const broken = { ...withHeaders, id: "?", baseUrl: "ftp://x", settings: { apiKey } };
  expect(await call("ProvidersService/CreateProvider", { provider: broken })).toMatchObject({
    code: "invalid_argument",
  });
  for (const method of ["GetProvider", "UpdateProvider"]) {
    const request = method === "GetProvider" ? { id: "kept" } : { provider: withHeaders, updateMask: "*" };
    await call(`ProvidersService/${method}`, request);
  }
  await call("ProvidersService/ListProviders", {});
  await call("ProvidersService/CheckHealth", { id: "kept" });
  await call("ModelsService/ListModels", {});
});

describe.each(names)("a vendor that %s", (behaviour) => {
  test.each([...faces, webSocket])("over $name", async (face) => {
    vendor.answerWith(behaviours[behaviour]);
    for (const [name, target] of Object.entries(targets())) {
      const { events, status } = await face.runStream(gateway.url, askOf(target), AbortSignal.timeout(10_000));
      const what = `${behaviour}, ${face.name}, ${name}`;
      told.push({ what, text: JSON.stringify(events), isError: false });
      told.push({ what, text: JSON.stringify(status), isError: status.code !== "ok" });
      const isAnswer = answering.includes(behaviour) && ["configured", "inline"].includes(name);
      expect(status.code === "ok").toBe(isAnswer);
    }
  });

  test("in one piece", async () => {
    vendor.answerWith(behaviours[behaviour]);
    for (const target of Object.values(targets())) await call("AgentService/Run", askOf(target));
  });

  test("of audio", async () => {
    vendor.answerWith(behaviours[behaviour]);
    const data = Buffer.from(content.audio.repeat(200)).toString("base64");
    for (const target of Object.values(targets())) {
      const route = { targets: [{ ...target, voice: "v" }], attemptTimeout: "0.3s" };
      const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
      await call("AudioService/Transcribe", { route, audio: { data, mimeType: "audio/pcm" }, format });
      await call("AudioService/Speak", { route, text: content.speech });
    }
  });
});

test.each(names)("a live session with a vendor that %s", async (behaviour) => {
  vendor.answerWith(behaviours[behaviour]);
  using client = createGrpcClient(gateway.url);
  const inlineProvider = { kind: "elevenlabs", baseUrl: vendor.url, apiKey: secrets.inlineKey };
  const session = client.duplex("TranscriptionService/TranscribeStream");
  const route = { targets: [{ inlineProvider, model: "m-1" }], attemptTimeout: { seconds: 0, nanos: 300_000_000 } };
  session.write({ start: { route, format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 } } });
  session.write({ audio: { data: Buffer.from(content.audio.repeat(200)) } });
  const failure = await failureOf(Array.fromAsync(session as AsyncIterable<LoadedMessage>));
  // Whatever refuses a WebSocket is a refusal, whose words are handed on; this one's prompt is its own.
  told.push({ what: `live, ${behaviour}`, text: JSON.stringify(failure), isError: false });
  expect(failure.detail).toMatchObject({ attempts: [{ outcome: expect.stringMatching(/FAILED|TIMED_OUT/) }] });
});

test.each(["google", "openai"])("a live conversation with %s that refuses it, and one that is held", async (kind) => {
  vendor.answerWith(behaviours["repeats everything in place of JSON"]);
  using client = createGrpcClient(gateway.url);
  const inlineProvider = { kind, baseUrl: vendor.url, apiKey: secrets.inlineKey };
  for (const target of [
    { inlineProvider, model: "m-1" },
    { provider: "local", model: "echo" },
  ]) {
    const session = client.duplex("LiveService/Converse");
    const config = { instructions: content.prompt, tools: [] };
    session.write({ start: { route: { targets: [target] }, config, messages: [{ text: content.prompt }] } });
    session.write({ text: { text: content.prompt } });
    session.end();
    const ended = await Array.fromAsync(session as AsyncIterable<LoadedMessage>).then(
      () => "ok",
      (error: unknown) => error,
    );
    if (target.model === "echo") expect(ended).toBe("ok");
    else told.push({ what: `a conversation, ${kind}`, text: JSON.stringify(ended), isError: false });
  }
});

test("an MCP server, that answers and that is none", async () => {
  vendor.answerWith(behaviours["answers well"]);
  await using server = await startServer2();
  for (const url of [server.url, `${baseUrl}/mcp`, "http://127.0.0.1:1/mcp", "http://169.254.169.254/mcp"]) {
    const tools = [{ mcpServer: { url, headers: { authorization: `Bearer ${secrets.mcpHeader}` } } }];
    await call("AgentService/Run", { ...askOf(targets().configured), config: { tools } });
  }
  expect(server.exchanges[0]?.headers.authorization).toContain(secrets.mcpHeader);
});

test("requests that are not right", async () => {
  const target = targets().inline;
  const wrong = [
    { ...askOf(target), config: { temperature: 99 } },
    { ...askOf({ ...target, provider: "kept" }) },
    askOf({ ...target, inlineProvider: { ...target.inlineProvider, headers: { "x\n": secrets.inlineHeader } } }),
    askOf({ ...target, inlineProvider: { ...target.inlineProvider, baseUrl: "file:///etc/passwd" } }),
    askOf({ ...target, inlineProvider: { ...target.inlineProvider, apiKey: secrets.inlineKey.repeat(1_000) } }),
    askOf({ ...target, inlineProvider: { ...target.inlineProvider, apiKey: `${secrets.inlineKey}\n` } }),
  ];
  vendor.answerWith(behaviours["answers well"]);
  for (const request of wrong) await call("AgentService/Run", request);
  const cut = await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(askOf(target)).slice(0, -2),
  });
  told.push({ what: "JSON cut short", text: await cut.text(), isError: true });
});

test("reflection", async () => {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: gateway.url }));
  const ask = (async function* () {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
    yield { messageRequest: { case: "fileContainingSymbol" as const, value: "livellm.v1.ProvidersService" } };
  })();
  for await (const answer of client.serverReflectionInfo(ask)) {
    told.push({
      what: "reflection",
      text: JSON.stringify(toJson(ServerReflectionResponseSchema, answer)),
      isError: true,
    });
  }
});

describe("no canary", () => {
  test("was missing where it belongs", () => {
    const sent = JSON.stringify(vendor.calls.map(({ headers, body }) => [headers, body]));
    const { mcpHeader: _, collectorHeader: __, ...toVendor } = secrets;
    expect(canariesIn(sent, { ...toVendor, ...content }).toSorted()).toEqual(
      Object.keys({ ...toVendor, ...content })
        .filter((name) => name !== "answer")
        .toSorted(),
    );
    const answered = told.map(({ text }) => text).join("\n");
    expect(canariesIn(answered, { answer: content.answer })).toEqual(["answer"]);
    expect(told.length).toBeGreaterThan(200);
  });

  test("is in what a caller was told, but for what was said", () => {
    const found = told.flatMap(({ what, text, isError }) => {
      const names = canariesIn(text, isError ? { ...secrets, ...content } : secrets);
      return names.map((name) => `${name}: ${what}: ${text.slice(0, 300)}`);
    });
    expect(found).toEqual([]);
  });

  test("is in the log", () => {
    expect(gateway.output()).toContain('"rpc"');
    expect(canariesIn(gateway.output(), { ...secrets, ...content })).toEqual([]);
  });

  test("is in spans and metrics", async () => {
    expect(await canariesInTelemetry(collector, gateway.url, { ...secrets, ...content })).toEqual([]);
  });

  test("is in the database", () => {
    expect(canariesInDatabase(folder, { ...secrets, ...content })).toEqual([]);
  });
});
