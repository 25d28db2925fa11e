import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answerWith, type ChatVendor, startChatVendor } from "../support/chat-vendor.ts";
import { requestTo } from "../support/echo-request.ts";
import { faces, textOfEvents } from "../support/faces.ts";
import { type Gateway, runGateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type LoadedMessage } from "../support/grpc-client.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { startVendor } from "../support/vendor-server.ts";
import { startServer2 } from "../tools/mcp-servers.ts";

const key = "sk-canary-inline-4711";
const inline = (baseUrl: string) => ({
  inlineProvider: { kind: "openai-compatible", baseUrl, apiKey: key },
  model: "m-1",
});
const echo = { provider: "local", model: "echo" };
const field = (i: number) => `route.targets[${i}].inlineProvider.baseUrl`;
const refusedAt = (name: string) => ({
  reason: "REASON_PERMISSION_DENIED",
  metadata: expect.objectContaining({ field: name }),
});

let vendor: ChatVendor;
beforeAll(async () => {
  vendor = await startChatVendor(answerWith("Hello"));
});
afterAll(() => vendor[Symbol.asyncDispose]());

/** Others can reach it, so requests may not reach inside. */
const open = { HOST: "0.0.0.0", LIVELLM_ALLOW_ANONYMOUS: "1" };

describe("a server that others can reach", () => {
  let gateway: Gateway;
  beforeAll(async () => {
    const atMetadata = { MISTRAL_API_KEY: "k", MISTRAL_BASE_URL: "http://169.254.169.254/v1" };
    gateway = await startGateway({ env: { ...open, ...atMetadata } });
  });
  afterAll(() => gateway.stop());

  test.each(faces)("refuses an inline provider inside over $name, and nobody is called", async (face) => {
    const request = requestTo([echoThatFails, inline(vendor.baseUrl), echo]);
    const { events, status } = await face.runStream(gateway.url, request, AbortSignal.timeout(10_000));
    expect(status).toMatchObject({ code: "permission_denied", detail: refusedAt(field(1)) });
    expect(status.message).toContain(field(1));
    expect(textOfEvents(events)).toBe("");
    expect(vendor.calls).toEqual([]);
  });

  /** Fails before its first word, so that the next target is tried. */
  const echoThatFails = { ...echo, options: { fail_before: "provider_unavailable" } };

  const pcm = "AAAAAAAAAAA=";
  const audioTarget = (kind: string) => {
    const baseUrl = new URL(vendor.baseUrl).origin;
    return { route: { targets: [{ inlineProvider: { kind, baseUrl, apiKey: key }, model: "m", voice: "v" }] } };
  };
  const unary: readonly (readonly [method: string, request: () => object])[] = [
    ["AgentService/Run", () => requestTo([inline(vendor.baseUrl)])],
    ["AudioService/Speak", () => ({ ...audioTarget("openai-compatible"), text: "Hello!" })],
    [
      "AudioService/Transcribe",
      () => ({
        ...audioTarget("elevenlabs"),
        audio: { data: pcm, mimeType: "audio/pcm" },
        format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 },
      }),
    ],
    ["ImagesService/GenerateImage", () => ({ ...audioTarget("openai-compatible"), prompt: "a cat" })],
  ];

  test.each(unary)("refuses one of %s", async (method, request) => {
    const { status, body } = await callJson(gateway.url, method, request());
    expect([status, detailOf(body)]).toEqual([403, expect.objectContaining(refusedAt(field(0)))]);
    expect(JSON.stringify(body)).not.toContain(key);
    expect(vendor.calls).toEqual([]);
  });

  test.each([
    ["TranscriptionService/TranscribeStream", "elevenlabs"],
    ["LiveService/Converse", "google"],
  ])("refuses one of a live session: %s", async (method, kind) => {
    using client = createGrpcClient(gateway.url);
    const call = client.duplex(method);
    call.write({ start: { ...audioTarget(kind), format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 } } });
    const failure = await failureOf(Array.fromAsync(call as AsyncIterable<LoadedMessage>));
    expect(failure).toMatchObject({ code: 7, detail: { reason: "REASON_PERMISSION_DENIED" } });
    expect(failure.message).toContain(field(0));
    expect(vendor.calls).toEqual([]);
  });

  test("tells nothing of what is there: a port in use, a closed one, a name and metadata read the same", async () => {
    const port = new URL(vendor.baseUrl).port;
    const hosts = [
      `127.0.0.1:${port}`,
      "127.0.0.1:1",
      `localhost:${port}`,
      "169.254.169.254",
      "[::1]:1",
      "2130706433:1",
    ];
    const messages = await Promise.all(
      hosts.map(async (host) => {
        const { body } = await callJson(gateway.url, "AgentService/Run", requestTo([inline(`http://${host}/v1`)]));
        return `${body.code}: ${body.message}`;
      }),
    );
    expect(new Set(messages)).toEqual(new Set([expect.stringContaining("permission_denied")]));
  });

  test("refuses an MCP server inside", async () => {
    await using server = await startServer2();
    const request = {
      ...requestTo([echo]),
      config: { tools: [{ mcpServer: { url: server.url, headers: { authorization: "Bearer canary-mcp" } } }] },
    };
    const { status, body } = await callJson(gateway.url, "AgentService/Run", request);
    const name = "config.tools[0].mcpServer.url";
    expect([status, detailOf(body)]).toEqual([403, expect.objectContaining(refusedAt(name))]);
    expect(body.message).toContain(name);
    expect(server.exchanges).toEqual([]);
  });

  test("calls the provider inside that an administrator has configured", async () => {
    await using inside = await startChatVendor(answerWith("Hello"));
    await createProvider(gateway.url, {
      id: "inside",
      kind: "openai-compatible",
      baseUrl: inside.baseUrl,
      apiKey: "k",
    });
    const { status } = await callJson(gateway.url, "AgentService/Run", requestTo([{ provider: "inside", model: "m" }]));
    expect(status).toBe(200);
    expect(inside.calls).toHaveLength(1);
  });

  test("but never the metadata of a cloud, and the next target is used", async () => {
    const metadata = { provider: "mistral", model: "m" };
    const { status, body } = await callJson(gateway.url, "AgentService/Run", requestTo([metadata]));
    expect([status, body.message]).toEqual([403, expect.stringMatching(/^mistral\/m: this address may not be called/)]);
    const second = await callJson(gateway.url, "AgentService/Run", requestTo([metadata, echo]));
    expect(second.status).toBe(200);
  });

  test("follows no redirect of a provider", async () => {
    const location = `${vendor.baseUrl}/chat/completions`;
    await using redirecting = await startVendor({ status: 307, headers: { location } });
    const baseUrl = `${redirecting.url}/v1`;
    await createProvider(gateway.url, { id: "redirecting", kind: "openai-compatible", baseUrl, apiKey: "k" });
    const request = requestTo([{ provider: "redirecting", model: "m" }]);
    const { body } = await callJson(gateway.url, "AgentService/Run", request);
    expect(detailOf(body)).toMatchObject({ reason: "REASON_BAD_PROVIDER_RESPONSE" });
    expect(vendor.calls).toEqual([]);
  });
});

describe("requests reach inside", () => {
  test.each([
    ["a developer's own server, on loopback without tokens", {}],
    ["where the operator says so", { ...open, LIVELLM_ALLOW_PRIVATE_ADDRESSES: "1" }],
    ["what is on the allow-list", { ...open, LIVELLM_ALLOWED_ADDRESSES: "ollama.internal, 127.0.0.0/8" }],
  ])("of %s", async (_, env) => {
    await using gateway = await startGateway({ env });
    await using inside = await startChatVendor(answerWith("Hello"));
    const { status } = await callJson(gateway.url, "AgentService/Run", requestTo([inline(inside.baseUrl)]));
    expect(status).toBe(200);
    await using server = await startServer2();
    const tools = [{ mcpServer: { url: server.url } }];
    await callJson(gateway.url, "AgentService/Run", { ...requestTo([inline(inside.baseUrl)]), config: { tools } });
    expect(server.of("tools/list").length).toBeGreaterThan(0);
    const forbidden = requestTo([inline("http://169.254.169.254/v1")]);
    expect((await callJson(gateway.url, "AgentService/Run", forbidden)).status).toBe(403);
  });

  test("but not of a server on loopback with a token", async () => {
    await using gateway = await startGateway({ env: { LIVELLM_ADMIN_TOKEN: "admin-token-of-the-test" } });
    const response = await fetch(`${gateway.url}/livellm.v1.AgentService/Run`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer admin-token-of-the-test" },
      body: JSON.stringify(requestTo([inline(vendor.baseUrl)])),
    });
    expect(response.status).toBe(403);
    expect(detailOf((await response.json()) as JsonObject)).toMatchObject(refusedAt(field(0)));
    expect(vendor.calls).toEqual([]);
  });
});

test("an allow-list with something else on it ends it with one line that says so", async () => {
  const { code, stdout, stderr } = await runGateway({ LIVELLM_ALLOWED_ADDRESSES: "10.0.0.0/40" });
  expect(code).toBe(1);
  expect((stdout + stderr).trim().split("\n").at(-1)).toMatch(/LIVELLM_ALLOWED_ADDRESSES: .*10\.0\.0\.0\/40/);
});

function detailOf({ details }: JsonObject): JsonObject | undefined {
  const ours = (details as JsonObject[] | undefined)?.find(({ type }) => type === "livellm.v1.ErrorDetail");
  return ours?.debug as JsonObject | undefined;
}

describe("a provider at an address that is never called", () => {
  const forbidden = [
    "http://169.254.169.254/latest",
    "http://0xA9FEA9FE/v1",
    "http://[::ffff:169.254.169.254]/v1",
    "http://metadata.google.internal/v1",
    "http://[fe80::1]/v1",
    "https://100.100.100.200/v1",
  ];

  test.each(forbidden)("is refused when it is added and when it is changed: %s", async (baseUrl) => {
    await using gateway = await startGateway();
    const id = "inside";
    const refused = {
      status: 400,
      body: {
        code: "invalid_argument",
        details: expect.arrayContaining([
          expect.objectContaining({
            debug: { fieldViolations: [expect.objectContaining({ field: "provider.baseUrl", reason: "UNSUPPORTED" })] },
          }),
        ]),
      },
    };
    const provider = { id, kind: "openai-compatible", baseUrl };
    expect(await callJson(gateway.url, "ProvidersService/CreateProvider", { provider })).toMatchObject(refused);
    await createProvider(gateway.url, { ...provider, baseUrl: "http://127.0.0.1:1/v1" });
    const change = { provider: { id, baseUrl }, updateMask: "baseUrl" };
    expect(await callJson(gateway.url, "ProvidersService/UpdateProvider", change)).toMatchObject(refused);
  });
});
