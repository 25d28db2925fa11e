import Anthropic from "@anthropic-ai/sdk";
import type { Message } from "@anthropic-ai/sdk/resources/messages";
import { describe, expect, test } from "vitest";
import type { ChatEvent, Part } from "../../../src/core/chat.ts";
import { LivellmError } from "../../../src/core/error.ts";
import type { ServerSentEvent } from "../../../src/core/upstream.ts";
import {
  finishAnswer,
  type MessagesAnswer,
  newMessagesAnswer,
  takeEvents,
} from "../../../src/providers/anthropic/messages-answer.ts";
import { readMessage, readMessageEvents } from "../../../src/providers/anthropic/messages-stream.ts";
import { assemble, callsOf, fixture, type Reader, read, textOf } from "../openai-compatible/reading.ts";

const kind = "anthropic";
const body = (name: string) => fixture(`anthropic/${name}.sse`);
const newAnswer = () => newMessagesAnswer({ kind });

async function* readInto(answer: MessagesAnswer, events: AsyncIterable<ServerSentEvent>): AsyncGenerator<ChatEvent> {
  yield* readMessageEvents(events, answer);
  finishAnswer(answer);
  yield* takeEvents(answer);
}

const reader: Reader = (events) => readInto(newAnswer(), events);

function readUnary(value: unknown, answer = newAnswer()): readonly ChatEvent[] {
  readMessage(value, answer);
  finishAnswer(answer);
  return takeEvents(answer);
}

async function answerOf(name: string, by = reader) {
  const { events, error } = await read(by, body(name));
  expect(error).toBeUndefined();
  return assemble(events);
}

const stateOf = (part: Part | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(part?.providerState?.data ?? []).toString());

/** The official SDK, reading the given bytes whatever it asks for. */
function officialSdk(bytes: Uint8Array): Anthropic {
  return new Anthropic({
    apiKey: "none",
    authToken: null,
    baseURL: "http://vendor.invalid",
    maxRetries: 0,
    logLevel: "off",
    fetch: async () => new Response(new Uint8Array(bytes), { headers: { "content-type": "text/event-stream" } }),
  });
}

const anyParams = { model: "claude-opus-5-5", max_tokens: 9, messages: [{ role: "user" as const, content: "Hi" }] };

/** What the SDK puts together from the bytes, as plain JSON. */
async function sdkMessage(bytes: Uint8Array): Promise<Message> {
  const message = await officialSdk(bytes).messages.stream(anyParams).finalMessage();
  return JSON.parse(JSON.stringify(message));
}

const whole = [
  "text",
  "pings",
  "tool-call",
  "parallel-tool-calls",
  "tool-call-without-arguments",
  "reasoning-and-tool",
  "reasoning-omitted",
  "redacted-thinking",
  "refusal",
  "length",
  "stop-sequence",
  "context-window",
  "web-search",
  "web-search-failed",
  "code-execution",
  "paused",
  "resumed",
  "json-answer",
];

describe("the official SDK reads the same bytes the same way", () => {
  test.each(whole)("%s", async (name) => {
    const theirs = await sdkMessage(body(name));
    const answer = newAnswer();
    const { events, error } = await read((bytes) => readInto(answer, bytes), body(name));
    expect(error).toBeUndefined();
    const ours = assemble(events);
    expect(answer.blocks).toEqual(theirs.content);
    expect(ours.model).toBe(theirs.model);
    expect(textOf(ours)).toBe(theirs.content.map((block) => (block.type === "text" ? block.text : "")).join(""));
    expect(textOf(ours, "reasoning")).toBe(
      theirs.content.map((block) => (block.type === "thinking" ? block.thinking : "")).join(""),
    );
    const calls = theirs.content.filter(({ type }) => type === "tool_use" || type === "server_tool_use");
    expect(callsOf(ours).map((call) => ({ ...call, argumentsJson: JSON.parse(call.argumentsJson) }))).toEqual(
      calls.map((block) => "input" in block && { id: block.id, name: block.name, argumentsJson: block.input }),
    );
    expect(ours.finished?.providerFinishReason).toBe(theirs.stop_reason);
    const { usage } = theirs;
    expect(ours.finished?.usage).toMatchObject({
      inputTokens: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
      outputTokens: usage.output_tokens,
    });
    expect(ours.finished?.usage.reasoningTokens).toBe(usage.output_tokens_details?.thinking_tokens);
  });

  test.each([
    ["error-first", "overloaded_error"],
    ["error-inside", "api_error"],
  ])("and throws at %s as we do", async (name, type) => {
    await expect(sdkMessage(body(name))).rejects.toMatchObject({ type });
    expect((await read(reader, body(name))).error).toBeInstanceOf(LivellmError);
  });

  test("and its stream of parts knows a broken one, too", async () => {
    await expect(sdkMessage(body("broken"))).rejects.toThrow();
    expect((await read(reader, body("broken"))).error).toMatchObject({ reason: "stream_broken" });
  });
});

/** Offsets to cut at: all of them, or for a large body some that are the same in every run. */
function offsetsOf({ length }: Uint8Array): readonly number[] {
  if (length <= 3_000) return Array.from({ length: length - 1 }, (_, index) => index + 1);
  let seed = 42;
  return Array.from({ length: 600 }, () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return 1 + (seed % (length - 1));
  });
}

describe("a body cut anywhere", () => {
  test.each(whole)("%s gives the same answer", async (name) => {
    const uncut = assemble((await read(reader, body(name))).events);
    for (const at of offsetsOf(body(name))) {
      const { events } = await read(reader, body(name), [at]);
      expect(assemble(events), `cut at ${at}`).toEqual(uncut);
    }
  });

  test.each(whole)("%s in single bytes gives the same answer", async (name) => {
    const cuts = Array.from({ length: body(name).length - 1 }, (_, index) => index + 1);
    const { events } = await read(reader, body(name), cuts);
    expect(assemble(events)).toEqual(assemble((await read(reader, body(name))).events));
  });

  test.each(whole)("%s that ends there is broken, until message_stop is whole", async (name) => {
    const bytes = body(name);
    const uncut = await read(reader, bytes);
    const last = bytes.lastIndexOf("}") + 1;
    for (const at of offsetsOf(bytes).filter((offset) => offset < last)) {
      const { events, error } = await read(reader, bytes.subarray(0, at));
      assemble(events);
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(uncut.events.slice(0, events.length), `ends at ${at}`).toEqual(events);
    }
    expect((await read(reader, bytes.subarray(0, last))).error).toBeUndefined();
  });
});

describe("endings", () => {
  test("without message_stop, after the text so far", async () => {
    const { events, error } = await read(reader, body("broken"));
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(textOf(assemble(events))).toBe("Broken");
  });

  test("message_stop without a stop_reason is none", async () => {
    const bytes = body("text").toString().replace('"stop_reason":"end_turn"', '"stop_reason":null');
    expect((await read(reader, Buffer.from(bytes))).error).toMatchObject({ reason: "stream_broken" });
  });

  test.each<[string, object]>([
    [
      "error-first",
      { code: "unavailable", reason: "provider_unavailable", facts: { providerCode: "overloaded_error" } },
    ],
    ["error-inside", { code: "unavailable", reason: "provider_unavailable", facts: { providerCode: "api_error" } }],
  ])("%s", async (name, expected) => {
    const { events, error } = await read(reader, body(name));
    expect(error).toMatchObject(expected);
    const said = events.map((event) => (event.type === "delta" ? event.text : ""));
    expect(said.join("")).toBe(name === "error-first" ? "" : "Half");
  });

  test("nothing is read after message_stop", async () => {
    const more = Buffer.concat([body("text"), Buffer.from("data: {garbage\n\n")]);
    expect((await read(reader, more)).error).toBeUndefined();
  });

  test.each([
    ["text", "stop", "end_turn"],
    ["stop-sequence", "stop", "stop_sequence"],
    ["tool-call", "tool_calls", "tool_use"],
    ["length", "length", "max_tokens"],
    ["context-window", "length", "model_context_window_exceeded"],
    ["refusal", "refusal", "refusal"],
    ["paused", "other", "pause_turn"],
  ])("%s: %s", async (name, finishReason, providerFinishReason) => {
    expect((await answerOf(name)).finished).toMatchObject({ finishReason, providerFinishReason });
  });

  test("what else the vendor says of its end", async () => {
    expect((await answerOf("stop-sequence")).finished?.metadata).toEqual({
      id: "msg_01Stop",
      stop_sequence: ", three",
    });
    expect((await answerOf("refusal")).finished?.metadata).toMatchObject({ stop_details: { category: "cyber" } });
    expect((await answerOf("code-execution")).finished?.metadata).toMatchObject({
      container: { id: "container_011CPR5" },
    });
  });
});

describe("what an answer becomes", () => {
  test("text and usage: the cache is inside the input", async () => {
    expect(await answerOf("text")).toEqual({
      model: "claude-opus-5-5",
      parts: [{ type: "text", text: "Grüezi, 👋🏽 world" }],
      finished: {
        type: "finished",
        finishReason: "stop",
        providerFinishReason: "end_turn",
        usage: {
          inputTokens: 2125,
          outputTokens: 12,
          cachedInputTokens: 2000,
          cacheWriteTokens: 100,
          providerUsage: expect.objectContaining({ input_tokens: 25, output_tokens: 12, service_tier: "standard" }),
        },
        metadata: { id: "msg_01Text" },
      },
    });
  });

  test("calls: two at once, and one without arguments", async () => {
    expect(callsOf(await answerOf("parallel-tool-calls"))).toEqual([
      { id: "toolu_01A", name: "get_weather", argumentsJson: '{"city":"Bern"}' },
      { id: "toolu_01B", name: "get_time", argumentsJson: '{"zone":"Europe/Zurich"}' },
    ]);
    const [call] = (await answerOf("tool-call-without-arguments")).parts;
    expect(call).toEqual({
      type: "tool-call",
      id: "toolu_01N",
      name: "get_time",
      argumentsJson: "{}",
      executor: "client",
    });
    // As the model wrote them: the blank stays.
    expect(callsOf(await answerOf("tool-call"))[0]?.argumentsJson).toBe('{"city": "Zürich"}');
  });

  test("reasoning with its signature; without text, or hidden, its state alone", async () => {
    const [shown] = (await answerOf("reasoning-and-tool")).parts;
    expect(shown).toMatchObject({ type: "reasoning", text: "The user asks\n\nabout Bern 🐻." });
    expect(shown).not.toHaveProperty("redacted");
    expect(shown?.providerState?.providerKind).toBe("anthropic");
    const hiding: Reader = (events) => readInto(newMessagesAnswer({ kind, hideReasoning: true }), events);
    const hidden = await answerOf("reasoning-and-tool", hiding);
    expect(hidden.parts[0]).toMatchObject({ type: "reasoning", text: "", redacted: true });
    expect(stateOf(hidden.parts[0])).toEqual(stateOf(shown));
    const omitted = await answerOf("reasoning-omitted");
    expect(omitted.parts[0]).toMatchObject({ type: "reasoning", text: "", redacted: true });
    expect(omitted.finished?.usage).toMatchObject({ outputTokens: 90, reasoningTokens: 80 });
  });

  test("redacted thinking", async () => {
    const [redacted] = (await answerOf("redacted-thinking")).parts;
    expect(redacted).toMatchObject({ type: "reasoning", text: "", redacted: true });
    expect(stateOf(redacted)).toMatchObject({ type: "redacted_thinking", data: expect.stringContaining("EmwKAh") });
  });

  test("web search: a call the vendor runs, what it found, citations", async () => {
    const [, call, result, , cited] = (await answerOf("web-search")).parts;
    expect(call).toMatchObject({ type: "tool-call", id: "srvtoolu_01W", name: "web_search", executor: "provider" });
    expect(stateOf(call)).toMatchObject({ type: "server_tool_use", input: { query: "weather Zürich" } });
    expect(result).toMatchObject({
      type: "tool-result",
      toolCallId: "srvtoolu_01W",
      name: "web_search",
      failed: false,
      structured: {
        results: [{ url: "https://example.com/weather", title: "Weather in Zürich", page_age: "2 days ago" }, {}],
      },
    });
    expect(JSON.stringify(result?.type === "tool-result" && result.structured)).not.toContain("encrypted");
    expect(JSON.stringify(stateOf(result))).toContain("encrypted_content");
    expect(cited).toMatchObject({
      text: "it is sunny, 21 °C",
      citations: [{ uri: "https://example.com/weather", title: "Weather in Zürich", quote: "Sunny, 21 °C in Zürich." }],
    });
    expect(stateOf(cited)).toMatchObject({ citations: [{ encrypted_index: "Eo8BCioIAhgBIiQyYjQ0" }] });
  });

  test("a search that failed", async () => {
    const [, result] = (await answerOf("web-search-failed")).parts;
    expect(result).toMatchObject({ name: "web_search", failed: true, text: "max_uses_exceeded" });
  });

  test("code the vendor ran", async () => {
    const [call, result] = (await answerOf("code-execution")).parts;
    expect(call).toMatchObject({ name: "bash_code_execution", executor: "provider" });
    expect(result).toMatchObject({ toolCallId: "srvtoolu_01C", name: "bash_code_execution", text: "42\n" });
    expect(result).toMatchObject({ failed: false, structured: { return_code: 0 } });
  });

  test("the call that stands for a JSON answer is text, and no call", async () => {
    const answer = await answerOf("json-answer", (events) =>
      readInto(newMessagesAnswer({ kind, answerTool: "person" }), events),
    );
    expect(answer.parts).toEqual([{ type: "text", text: '{"name": "Zoë", "age": 7}' }]);
    expect(answer.finished).toMatchObject({ finishReason: "stop", providerFinishReason: "tool_use" });
  });

  test.each([
    [{ type: "compaction", content: "So far: …", signature: "x" }],
    [{ type: "container_upload", file_id: "file_1" }],
  ])("a block that is none of these is kept as state: %o", (block) => {
    const { parts } = assemble(readUnary({ stop_reason: "end_turn", content: [block] }));
    expect(parts).toMatchObject([{ type: "reasoning", text: "", redacted: true }]);
    expect(stateOf(parts[0])).toEqual(block);
  });

  test("a call that the vendor's code made, or of a family of tools, keeps its block", () => {
    const base = { type: "tool_use", id: "toolu_1", name: "f", input: { a: 1 } };
    const caller = { type: "code_execution_20260120", tool_id: "srvtoolu_1" };
    const blocks = [base, { ...base, caller }, { ...base, toolset_name: "computer" }];
    const { parts } = assemble(readUnary({ stop_reason: "tool_use", content: blocks }));
    expect(parts.map((part) => part.providerState && stateOf(part))).toEqual([undefined, blocks[1], blocks[2]]);
  });

  test("what is billed beside the message is counted", () => {
    const iterations = [
      { type: "message", input_tokens: 10, output_tokens: 5 },
      { type: "compaction", input_tokens: 100, output_tokens: 50, cache_read_input_tokens: 7 },
      { type: "advisor_message", input_tokens: 1, output_tokens: 2 },
    ];
    const usage = { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: null, iterations };
    const { finished } = assemble(readUnary({ stop_reason: "end_turn", content: [], usage }));
    expect(finished?.usage).toMatchObject({ inputTokens: 118, outputTokens: 57, cachedInputTokens: 7 });
  });
});

describe("a unary answer", () => {
  test.each(["reasoning-and-tool", "web-search"])("%s gives what the stream gave", async (name) => {
    const unary: unknown = JSON.parse(fixture(`anthropic/${name}.json`).toString());
    const { finished, ...said } = assemble(readUnary(unary));
    const { finished: streamed, ...streamedSaid } = await answerOf(name);
    expect(said).toEqual(streamedSaid);
    expect({ ...finished, usage: { ...finished?.usage, providerUsage: {} } }).toEqual({
      ...streamed,
      usage: { ...streamed?.usage, providerUsage: {} },
    });
  });

  test("of a JSON answer is its text", () => {
    const unary: unknown = JSON.parse(fixture("anthropic/json-answer.json").toString());
    const answer = assemble(readUnary(unary, newMessagesAnswer({ kind, answerTool: "person" })));
    expect(textOf(answer)).toBe('{"name":"Zoë","age":7}');
  });

  test("that is none is an error", () => {
    const error = { type: "error", error: { type: "rate_limit_error", message: "slow" } };
    expect(() => readUnary(error)).toThrow(
      expect.objectContaining({ code: "resource_exhausted", reason: "rate_limited" }),
    );
    expect(() => readUnary({ content: [] })).toThrow(/without a stop_reason/);
    expect(() => readUnary([])).toThrow(/not a JSON object/);
  });
});

describe("what nobody documents", () => {
  const events = (...list: object[]) => Buffer.from(list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));
  const start = { type: "message_start", message: { model: "m" } };
  const end = [{ type: "message_delta", delta: { stop_reason: "end_turn" } }, { type: "message_stop" }];

  test("events and deltas that are not known are passed over", async () => {
    const bytes = events(
      start,
      { type: "vendor_news", data: 1 },
      { type: "content_block_start", index: 0, content_block: { type: "text", text: "Hi" } },
      { type: "content_block_delta", index: 0, delta: { type: "mood_delta", mood: "good" } },
      ...end,
    );
    const answer = assemble((await read(reader, bytes)).events);
    expect(answer).toMatchObject({ parts: [{ type: "text", text: "Hi" }], finished: { usage: {} } });
  });

  test("a count that a later report leaves open stays", async () => {
    const usage = { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 };
    const later = { input_tokens: null, cache_read_input_tokens: null, output_tokens: 9 };
    const bytes = events({ ...start, message: { usage } }, { ...end[0], usage: later }, { type: "message_stop" });
    const { finished } = assemble((await read(reader, bytes)).events);
    expect(finished?.usage).toMatchObject({ inputTokens: 8, cachedInputTokens: 3, outputTokens: 9 });
  });

  test("a piece of nothing is unreadable", async () => {
    const bytes = events(start, { type: "content_block_delta", index: 3, delta: { type: "text_delta", text: "x" } });
    expect((await read(reader, bytes)).error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });
});
