import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { answered, post } from "./http-call.ts";

let gateway: CompatGateway;
let vendor: VendorServer;
const at = (place: string) => `${gateway.url}${place}`;

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
const json = { "content-type": "application/json" };
const sse = (value: object | string) => `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: "c",
  object: "chat.completion.chunk",
  model: "m",
  choices: [{ index: 0, delta, finish_reason }],
});
const pixel = Buffer.from("a picture").toString("base64");

function wellBehaved(): void {
  vendor.answerWith(({ path: place, body }) => {
    if (place.endsWith("/models"))
      return {
        headers: json,
        body: [JSON.stringify({ data: [{ id: "gpt-x" }, { id: "o3-mini" }, { id: "gpt-image-1" }] })],
      };
    if (place.includes("/images/"))
      return {
        headers: json,
        body: [
          JSON.stringify({
            created: 1,
            data: [{ b64_json: pixel }],
            usage: { input_tokens: 4, output_tokens: 6, total_tokens: 10 },
          }),
        ],
      };
    if (body.includes('"stream":true')) {
      return {
        body: [
          sse(chunk({ content: "Hel" })),
          sse(chunk({ content: "lo" })),
          sse(chunk({}, "length")),
          sse({ ...chunk({}), choices: [], usage }),
          sse("[DONE]"),
        ],
      };
    }
    const choices = [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }];
    return { headers: json, body: [JSON.stringify({ id: "c", model: "m", choices, usage })] };
  });
}

beforeAll(async () => {
  gateway = await startCompatGateway(["apc", "livellm"], [], { TRUSTED_PROXIES: "127.0.0.1" });
  vendor = await startVendor();
  wellBehaved();
  const provider = { uid: "openai", provider: "vllm", api_key: "k", base_url: `${vendor.url}/v1` };
  await post(at("/livellm/providers/config"), provider);
});
beforeEach(wellBehaved);
afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await vendor[Symbol.asyncDispose]();
});

const ask = { model: "gpt-x", messages: [{ role: "user", content: "Hello" }] };
const complete = (more: object = {}, headers: Record<string, string> = {}) =>
  post(at("/api/chat/completions"), { ...ask, ...more }, headers);
const sent = () => JSON.parse(vendor.calls.at(-1)?.body ?? "") as Record<string, unknown>;

describe("completions", () => {
  test("reach OpenAI's models, with usage and an end that are the model's", async () => {
    const { status, text } = await complete({
      max_tokens: 7,
      system_instruction: "Be brief.",
      response_format: "text",
    });
    expect([status, JSON.parse(text)]).toEqual([
      200,
      {
        id: expect.stringMatching(/^chatcmpl-/),
        object: "chat.completion",
        created: expect.any(Number),
        model: "gpt-x",
        choices: [{ index: 0, message: { role: "assistant", content: "Hello" }, finish_reason: "stop" }],
        usage,
      },
    ]);
    expect(sent()).toMatchObject({ model: "gpt-x", temperature: 0.7 });
    expect(sent().messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hello" },
    ]);
  });

  test("stream, as the official client of OpenAI reads it", async () => {
    const client = new OpenAI({ baseURL: at("/api"), apiKey: "none" });
    const stream = await client.chat.completions.create({
      ...ask,
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
    });
    const seen = await Array.fromAsync(stream);
    expect(seen.map(({ choices }) => choices[0]?.delta.content).join("")).toBe("Hello");
    expect(seen.at(-1)).toMatchObject({ choices: [{ finish_reason: "length" }], usage });
  });

  test("that break off in the middle end with an error, and no [DONE]", async () => {
    vendor.answerWith(() => ({ body: [sse(chunk({ content: "Hel" }))], ending: "end" }));
    const { text } = await complete({ stream: true });
    expect(text).toContain('"content":"Hel"');
    expect(text).toContain('data: {"error":{"message":');
    expect(text).not.toContain("[DONE]");
  });

  test("find the model's provider by asking, where the old rules guessed", async () => {
    expect(await complete({ model: "o3-mini" })).toMatchObject({ status: 200 });
    expect(sent().model).toBe("o3-mini");
    expect(await complete({ model: "openai/gpt-x" })).toMatchObject({ status: 200 });
    const unknown = await complete({ model: "claude-none" });
    expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining("claude-none")]);
  });

  test("keep the roles of a conversation", async () => {
    const messages = ["user", "assistant", "user"].map((role, i) => ({ role, content: `${i}` }));
    await complete({ messages });
    expect(sent().messages).toEqual(messages);
  });

  test("take images as data and by address, and audio", async () => {
    const content = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${pixel}` } },
      { type: "input_audio", input_audio: { data: pixel, format: "wav" } },
    ];
    expect(await complete({ messages: [{ role: "user", content }] })).toMatchObject({ status: 200 });
    const [{ content: parts } = { content: [] }] = sent().messages as { content: { type: string }[] }[];
    expect(parts.map(({ type }) => type)).toEqual(["text", "image_url", "input_audio"]);
  });

  test.each(["pdf", "document", "video"])("read no file of the server by its path: %s", async (type) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), "apc-"));
    const file_path = path.join(folder, "secret.txt");
    writeFileSync(file_path, "a secret of the server");
    const before = vendor.calls.length;
    for (const part of [
      { type, file_path },
      { type, [type]: { file_path } },
    ]) {
      const answer = await complete({ messages: [{ role: "user", content: [part] }] });
      expect([answer.status, answer.text]).toEqual([422, expect.stringContaining("reads no files by their path")]);
    }
    expect(vendor.calls).toHaveLength(before);
    rmSync(folder, { recursive: true });
  });

  test("make images with image models, always as a list", async () => {
    const { status, text } = await complete({ model: "gpt-image-1", messages: [{ role: "user", content: "A cat" }] });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({
      images: [{ data: pixel }],
      choices: [{ message: { role: "assistant" } }],
      usage: { prompt_tokens: 4, completion_tokens: 6 },
    });
    expect(vendor.calls.at(-1)).toMatchObject({
      path: "/v1/images/generations",
      body: expect.stringContaining("A cat"),
    });
  });

  test.each([
    [{ temperature: 3 }, "less_than_equal"],
    [{ max_tokens: 0 }, "greater_than_equal"],
    [{ messages: "Hi" }, "list_type"],
    [{ messages: [{ role: "user", content: [{ type: "hologram" }] }] }, "enum"],
    [{ messages: [{ role: "user", content: [{ type: "image_url", image_url: "not base64" }] }] }, "value_error"],
  ])("refuse %j", async (more, type) => {
    const { status, text } = await complete(more);
    expect([status, JSON.parse(text)]).toMatchObject([422, { detail: [{ type }] }]);
  });
});

describe("models", () => {
  test("come in a list, with their provider", async () => {
    const { text } = await answered(at("/api/models?provider=openai"));
    const { object, data } = JSON.parse(text) as { object: string; data: { id: string }[] };
    expect(object).toBe("list");
    expect(data.map(({ id }) => id)).toEqual(["gpt-image-1", "gpt-x", "o3-mini"]);
    expect(data[1]).toMatchObject({ provider: "openai", status: "available", capabilities: { streaming: true } });
  });

  test("of a provider that does not answer are no empty list", async () => {
    vendor.answerWith({ status: 500, headers: json, body: ['{"error":{"message":"down"}}'] });
    const provider = { uid: "down", provider: "vllm", api_key: "k", base_url: `${vendor.url}/v1` };
    await post(at("/livellm/providers/config"), provider);
    const { status, text } = await answered(at("/api/models?provider=down"));
    expect([status, text]).toEqual([503, expect.stringContaining("Provider 'down' not available: ")]);
    await answered(at("/livellm/providers/config/down"), { method: "DELETE" });
  });

  test("of a provider that is not there", async () => {
    const answer = await answered(at("/api/models?provider=acme"));
    expect(answer).toMatchObject({ status: 400, text: JSON.stringify({ detail: "Provider 'acme' not available" }) });
  });
});

test("health, and what is not there", async () => {
  for (const place of ["/api/health", "/health"]) {
    expect(await answered(at(place))).toMatchObject({ status: 200, text: '{"status":"healthy"}' });
  }
  expect(await answered(at("/api/nothing"))).toMatchObject({ status: 404, text: '{"detail":"Not Found"}' });
});

test("says what there is", async () => {
  for (const place of ["/", "/api"]) {
    const { status, text } = await answered(at(place));
    expect([status, JSON.parse(text)]).toMatchObject([200, { endpoints: { chat: "/api/chat/completions" } }]);
  }
});

test("with chat beside it, / and /health are chat's", async () => {
  await using both = await startCompatGateway(["apc", "chat"]);
  expect((await answered(`${both.url}/`)).text).toContain("<h1>AI Chat API</h1>");
  expect((await answered(`${both.url}/health`)).text).toContain("System operational");
  expect((await answered(`${both.url}/api/health`)).text).toBe('{"status":"healthy"}');
});
