import Anthropic from "@anthropic-ai/sdk";
import type { MessageCreateParamsStreaming } from "@anthropic-ai/sdk/resources/messages";
import { describe, expect, test } from "vitest";
import type { ChatRequest, Message } from "../../../src/core/chat.ts";
import { cancelled } from "../../../src/core/error.ts";
import { anthropic } from "../../../src/providers/anthropic/index.ts";
import { createSettingsCheck } from "../../../src/providers/settings.ts";
import { inBatches } from "../../../src/streams/batches.ts";
import { startVendor, type VendorAnswer, type VendorServer } from "../../support/vendor-server.ts";
import { expectAnswersOfAimock, startAimock } from "../openai-compatible/aimock.ts";
import { buildProvider, runStream, runWhole } from "../openai-compatible/provider.ts";
import { assemble, callsOf, fixture, textOf } from "../openai-compatible/reading.ts";
import { chatRequest, generation, media, result, user } from "../openai-compatible/request.ts";

const body = (name: string) => fixture(`anthropic/${name}.sse`);
const say = (text: string, more: Partial<ChatRequest> = {}) =>
  chatRequest({ model: "claude-opus-5-5", messages: [user({ type: "text", text })], ...more });
const sent = (call: VendorServer["calls"][number] | undefined) => JSON.parse(call?.body ?? "");
const { signal } = new AbortController();

/** Answers each call with the next of the bodies. */
function inTurn(...answers: VendorAnswer[]): () => VendorAnswer {
  const left = [...answers];
  return () => left.shift() ?? { status: 500 };
}

describe("over HTTP", () => {
  test("sends the key, the version, the request and no more; gives the vendor's ids", async () => {
    await using vendor = await startVendor({ headers: { "request-id": "req_v" }, body: [body("text")] });
    const headers = { "Anthropic-Beta": "x" };
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "sk-ant-1", headers });
    const { events } = await runStream(provider.chat, say("Hi"));
    expect(events[0]).toEqual({ type: "response", model: "claude-opus-5-5", requestId: "req_v" });
    expect(textOf(assemble(events))).toBe("Grüezi, 👋🏽 world");
    const [call] = vendor.calls;
    expect(call).toMatchObject({
      method: "POST",
      path: "/v1/messages",
      headers: {
        "content-type": "application/json",
        "x-api-key": "sk-ant-1",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "x",
      },
    });
    expect(call?.headers).not.toHaveProperty("authorization");
    expect(sent(call)).toEqual({
      model: "claude-opus-5-5",
      max_tokens: 64_000,
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
      thinking: { type: "adaptive", display: "summarized" },
      stream: true,
    });
  });

  test("hidden thoughts and pings say that the vendor is at work, and nothing else", async () => {
    const event = (value: { type: string }) => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
    const thinking = { type: "thinking", thinking: "", signature: "" };
    const delta = { type: "thinking_delta", thinking: "Hm" };
    const begun = Promise.withResolvers<void>();
    const seen = Promise.withResolvers<void>();
    await using vendor = await startVendor();
    const pieces = async function* () {
      yield event({ type: "message_start", message: { id: "m", model: "claude-opus-5-5", usage: {} } } as never);
      yield event({ type: "content_block_start", index: 0, content_block: thinking } as never);
      await begun.promise;
      yield event({ type: "content_block_delta", index: 0, delta } as never) + event({ type: "ping" });
      await seen.promise;
    };
    vendor.answerWith({ body: pieces(), ending: "close" });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "sk-ant-1" });
    const hidden = generation({ reasoning: { hidden: true, effort: "low" } });
    const sizes: number[] = [];
    const run = async () => {
      for await (const batch of inBatches(provider.chat.stream(say("Hi", { generation: hidden }), signal))) {
        sizes.push(batch.length);
        if (batch.some(({ type }) => type === "part-started")) begun.resolve();
        else if (batch.length === 0) seen.resolve();
      }
    };
    await expect(run()).rejects.toMatchObject({ reason: "stream_broken" });
    expect(sizes).toContain(0);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(2);
  });

  test("is what the official SDK sends", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "sk-ant-1" });
    await runWhole(provider.chat, say("Hi", { instructions: "Be Bo." }));
    const sdk = new Anthropic({ apiKey: "sk-ant-1", authToken: null, baseURL: vendor.url, maxRetries: 0 });
    const params: MessageCreateParamsStreaming = sent(vendor.calls[0]);
    await Array.fromAsync(await sdk.messages.create(params));
    const [ours, theirs] = vendor.calls;
    expect(ours?.path).toBe(theirs?.path);
    expect(sent(ours)).toEqual(sent(theirs));
    expect(ours?.headers["anthropic-version"]).toBe(theirs?.headers["anthropic-version"]);
  });

  test("a base URL may end in /v1; warnings come with the response", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(anthropic, { baseUrl: `${vendor.url}/v1`, apiKey: "k" });
    const { events } = await runStream(provider.chat, say("Hi", { generation: generation({ topK: 3 }) }));
    expect(vendor.calls[0]?.path).toBe("/v1/messages");
    expect(events[0]).toMatchObject({ warnings: [{ code: "option-ignored", field: "config.generation.topK" }] });
  });

  test("the version follows the options, unless the settings set it", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    const sampled = say("Hi", { model: "claude-haiku-4-5", generation: generation({ temperature: 0 }) });
    const versionOf = async (request: ChatRequest, settings = {}) => {
      await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k", settings });
      await runWhole(provider.chat, request);
      const call = vendor.calls.at(-1);
      return [call?.headers["anthropic-version"], sent(call).temperature];
    };
    expect(await versionOf(sampled)).toEqual(["2023-06-01", 0]);
    expect(await versionOf(sampled, { anthropicVersion: "2026-10-21" })).toEqual(["2026-10-21", undefined]);
    expect(await versionOf(say("Hi"), { anthropicVersion: "2023-06-01" })).toEqual(["2023-06-01", undefined]);
    expect(await versionOf(say("Hi", { options: { temperature: 1 } }))).toEqual(["2023-06-01", 1]);
    const check = createSettingsCheck(new Map([["anthropic", anthropic]]));
    expect(check("anthropic", { anthropicVersion: "2026-10-21" })).toEqual([]);
    expect(check("anthropic", { anthropicVersion: "latest" })).toMatchObject([
      { field: "provider.settings.anthropicVersion" },
    ]);
  });

  test("an answer is the history of the next step, thoughts and all", async () => {
    await using vendor = await startVendor({ body: [body("reasoning-and-tool")] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const first = await runWhole(provider.chat, say("Weather?"));
    expect(callsOf(first)).toEqual([{ id: "toolu_01R", name: "get_weather", argumentsJson: '{"city":"Bern"}' }]);
    const history: Message[] = [...say("Weather?").messages, { role: "assistant", parts: first.parts }];
    vendor.answerWith({ body: [body("text")] });
    const second = await runWhole(provider.chat, say("", { messages: [...history, result("toolu_01R")] }));
    expect(textOf(second)).toBe("Grüezi, 👋🏽 world");
    const whole = JSON.parse(fixture("anthropic/reasoning-and-tool.json").toString());
    const [thinking, text, used] = whole.content;
    expect(sent(vendor.calls[1]).messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: [
          thinking,
          { type: "text", text: text.text },
          { type: "tool_use", id: used.id, name: used.name, input: used.input },
        ],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_01R", content: "ok" }] },
    ]);
  });

  test("what the vendor's own tools did goes back as it came", async () => {
    await using vendor = await startVendor({ body: [body("web-search")] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const { parts } = await runWhole(provider.chat, say("Weather?"));
    const question = user({ type: "text", text: "And tomorrow?" });
    const messages = [...say("Weather?").messages, { role: "assistant", parts } as const, question];
    await runWhole(provider.chat, say("", { messages }));
    const { content } = JSON.parse(fixture("anthropic/web-search.json").toString());
    const plain = (block: { type: string; text?: string; citations?: unknown }) =>
      block.type === "text" && !block.citations ? { type: "text", text: block.text } : block;
    expect(sent(vendor.calls[1]).messages[1].content).toEqual(content.map(plain));
  });

  test("a whole answer is asked for without stream", async () => {
    await using vendor = await startVendor({ body: [fixture("anthropic/reasoning-and-tool.json")] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const answer = assemble(await provider.chat.generate(say("Hi"), signal));
    expect(textOf(answer)).toBe("I will check.");
    expect(sent(vendor.calls[0])).not.toHaveProperty("stream");
  });

  test("a JSON answer through a tool is text", async () => {
    await using vendor = await startVendor({ body: [body("json-answer")] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const outputFormat = { type: "json-schema", name: "person", schemaJson: '{"type":"object"}' } as const;
    const request = say("Who?", { model: "claude-sonnet-4-20250514", outputFormat });
    const { events } = await runStream(provider.chat, request);
    expect(events[0]).toMatchObject({ warnings: [{ code: "output-format-emulated" }] });
    expect(assemble(events)).toMatchObject({
      parts: [{ type: "text", text: '{"name": "Zoë", "age": 7}' }],
      finished: { finishReason: "stop" },
    });
  });
});

describe("a turn that the vendor pauses", () => {
  test("is gone on with, as one answer with the usage of all of it", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(
      inTurn(
        { headers: { "request-id": "req_1" }, body: [body("paused")] },
        { headers: { "request-id": "req_2" }, body: [body("resumed")] },
      ),
    );
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const { events, error } = await runStream(provider.chat, say("Search!"));
    expect(error).toBeUndefined();
    expect(events.filter(({ type }) => type === "response")).toEqual([
      { type: "response", model: "claude-opus-5-5", requestId: "req_1" },
    ]);
    const answer = assemble(events);
    expect(answer.parts.map((part) => (part.type === "text" ? part.text : part.type))).toEqual([
      "Searching.",
      "tool-call",
      "tool-result",
      "tool-call",
      "tool-result",
      "Done.",
    ]);
    expect(answer.parts[4]).toMatchObject({ toolCallId: "srvtoolu_01Q", name: "web_search" });
    expect(answer.finished).toMatchObject({
      finishReason: "stop",
      providerFinishReason: "end_turn",
      usage: { inputTokens: 1050 + 1507, outputTokens: 120, cachedInputTokens: 57 },
      metadata: { id: "msg_01Resume" },
    });
    const [first, second] = vendor.calls.map(sent);
    expect(second).toMatchObject({ ...first, messages: expect.anything(), container: "container_011CPR5" });
    expect(second.messages.slice(0, -1)).toEqual(first.messages);
    const last = second.messages.at(-1);
    expect(last.role).toBe("assistant");
    expect(last.content.map(({ type }: { type: string }) => type)).toEqual([
      "text",
      "server_tool_use",
      "web_search_tool_result",
      "server_tool_use",
    ]);
    expect(last.content[1]).toMatchObject({ id: "srvtoolu_01P", input: { query: "a" } });
  });

  test("keeps the caller's container with its skills", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(inTurn({ body: [body("paused")] }, { body: [body("resumed")] }));
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const container = { skills: [{ type: "anthropic", skill_id: "xlsx" }] };
    await runWhole(provider.chat, say("Go", { options: { container } }));
    expect(sent(vendor.calls[1]).container).toEqual({ ...container, id: "container_011CPR5" });
  });

  test("is gone on with in a whole answer, too, but not for ever", async () => {
    // Blank text, which the API sends but does not take back, stays out.
    const content = [
      { type: "text", text: "…" },
      { type: "text", text: "\n" },
    ];
    const paused = { model: "m", content, stop_reason: "pause_turn", usage: { input_tokens: 2, output_tokens: 1 } };
    await using vendor = await startVendor({ body: [JSON.stringify(paused)] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const answer = assemble(await provider.chat.generate(say("Go"), signal));
    expect(vendor.calls).toHaveLength(11);
    expect(sent(vendor.calls[10]).messages.at(-1).content).toHaveLength(10);
    expect(answer.finished).toMatchObject({
      finishReason: "other",
      providerFinishReason: "pause_turn",
      usage: { inputTokens: 22, outputTokens: 11 },
    });
  });

  test("is broken when going on fails", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(inTurn({ body: [body("paused")] }, { body: [body("error-first")] }));
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const { events, error } = await runStream(provider.chat, say("Search!"));
    expect(error).toMatchObject({ reason: "provider_unavailable" });
    expect(events.some(({ type }) => type === "finished")).toBe(false);
  });
});

describe("trouble", () => {
  test("an error before the stream, with the vendor's own code, id and wait", async () => {
    const error = { type: "error", error: { type: "rate_limit_error", message: "Slow down" }, request_id: "req_e" };
    const headers = { "request-id": "req_e", "retry-after": "2" };
    await using vendor = await startVendor({ status: 429, headers, body: [JSON.stringify(error)] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject({
      code: "resource_exhausted",
      reason: "rate_limited",
      facts: { httpStatus: 429, providerCode: "rate_limit_error", providerRequestId: "req_e", retryAfterMs: 2000 },
    });
  });

  test("the key is in no error", async () => {
    const error = { type: "error", error: { type: "authentication_error", message: "invalid sk-ant-secret12345" } };
    await using vendor = await startVendor({ status: 401, body: [JSON.stringify(error)] });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "sk-ant-secret12345" });
    const failed = (await runStream(provider.chat, say("Hi"))).error;
    expect(failed).toMatchObject({ code: "failed_precondition", reason: "provider_auth" });
    expect(failed?.message).not.toContain("12345");
  });

  test("what the vendor cannot take never reaches it", async () => {
    await using vendor = await startVendor();
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const sound = user(media("audio/wav", { data: new Uint8Array([1]) }));
    const { error } = await runStream(provider.chat, say("", { messages: [sound] }));
    expect(error).toMatchObject({ code: "failed_precondition", reason: "unsupported" });
    expect(vendor.calls).toEqual([]);
  });

  test.each(["close", "reset", "end"] as const)("a %s before message_stop is a broken stream", async (ending) => {
    const bytes = body("text");
    const cut = bytes.subarray(0, bytes.indexOf("event: message_stop"));
    await using vendor = await startVendor({ body: [cut], ending });
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    const { events, error } = await runStream(provider.chat, say("Hi"));
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    // A reset may overtake what was sent before it.
    if (ending !== "reset") expect(textOf(assemble(events))).toBe("Grüezi, 👋🏽 world");
  });

  test.each([0, 1])(
    "cancelling closes the vendor's socket while it is silent, in request %i of a turn",
    async (nth) => {
      await using vendor = await startVendor();
      const silent = { body: [body("text").subarray(0, 1200)], ending: "hang" } as const;
      vendor.answerWith(nth === 0 ? () => silent : inTurn({ body: [body("paused")] }, silent));
      await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
      const abort = new AbortController();
      const reading = (async () => {
        for await (const event of provider.chat.stream(say("Hi"), abort.signal)) {
          if (event.type === "delta" && event.text === "Grüe") abort.abort(cancelled());
        }
      })();
      await expect(reading).rejects.toMatchObject({ code: "canceled" });
      expect(await vendor.calls[nth]?.closed).toMatchObject({ complete: false });
    },
  );

  test("cut at every byte on a real socket", async () => {
    const bytes = body("tool-call");
    await using vendor = await startVendor();
    await using provider = buildProvider(anthropic, { baseUrl: vendor.url, apiKey: "k" });
    for (let at = 1; at < bytes.length; at += 11) {
      vendor.answerWith({ body: inTwo(bytes, at) });
      const answer = await runWhole(provider.chat, say("Hi"));
      expect(callsOf(answer)[0]?.argumentsJson, `cut at ${at}`).toBe('{"city": "Zürich"}');
    }
  });
});

/** Two writes, with a turn of the event loop between them, so that they are two reads for the most part. */
async function* inTwo(bytes: Buffer, at: number) {
  yield bytes.subarray(0, at);
  await new Promise((resolve) => setImmediate(resolve));
  yield bytes.subarray(at);
}

test("an independent vendor: text, a tool call, reasoning, stream and unary alike", async () => {
  await using mock = await startAimock();
  await using provider = buildProvider(anthropic, { baseUrl: mock.url, apiKey: "mock" });
  for (const answer of await expectAnswersOfAimock(provider.chat, say)) {
    expect(textOf(answer)).toBe("Forty-two.");
    expect(textOf(answer, "reasoning")).toBe("Let me think.");
    expect(answer.parts[0]?.providerState?.providerKind).toBe("anthropic");
  }
});
