import type { Response, ResponseStreamEvent } from "openai/resources/responses/responses";
import { describe, expect, test } from "vitest";
import { readResponse, readResponsesEvents } from "../../../src/providers/openai/responses-stream.ts";
import { assemble, callsOf, fixture, officialSdk, type Reader, read, textOf } from "../openai-compatible/reading.ts";

const kind = "openai";
const reader: Reader = (events) => readResponsesEvents(events, { kind });
const body = (name: string) => fixture(`openai/${name}.sse`);

async function answerOf(name: string, by = reader) {
  const { events, error } = await read(by, body(name));
  expect(error).toBeUndefined();
  return assemble(events);
}

const stateOf = (part: { providerState?: { data: Uint8Array } } | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(part?.providerState?.data ?? []).toString());

/** What the official SDK makes of the bytes: the response of the last event that has one. */
async function sdkResponse(name: string): Promise<Response> {
  const stream = await officialSdk(body(name)).responses.create({ model: "m", input: "", stream: true });
  const events: ResponseStreamEvent[] = await Array.fromAsync(stream);
  const last = events.at(-1);
  if (last?.type !== "response.completed" && last?.type !== "response.incomplete") throw new Error(last?.type);
  return last.response;
}

const whole = [
  "text",
  "tool-call",
  "parallel-tool-calls",
  "tool-call-without-arguments",
  "tool-call-empty-arguments",
  "reasoning-and-tool",
  "reasoning-without-summary",
  "refusal",
  "length",
  "content-filter",
  "web-search",
  "code-interpreter",
  "client-calls",
  "image",
];

describe("the official SDK reads the same bytes the same way", () => {
  test.each(whole)("%s", async (name) => {
    const theirs = await sdkResponse(name);
    const ours = await answerOf(name);
    const contents = theirs.output.flatMap((item) => (item.type === "message" ? item.content : []));
    expect(textOf(ours)).toBe(contents.map((part) => ("text" in part ? part.text : part.refusal)).join(""));
    const calls = theirs.output.filter((item) => item.type === "function_call");
    const functions = callsOf(ours).filter(({ id }) => calls.some(({ call_id }) => call_id === id));
    expect(functions).toEqual(
      calls.map((item) => ({ id: item.call_id, name: item.name, argumentsJson: item.arguments || "{}" })),
    );
    const summaries = theirs.output.flatMap((item) => (item.type === "reasoning" ? item.summary : []));
    expect(textOf(ours, "reasoning")).toBe(summaries.map((part) => part.text).join("\n\n"));
    expect(ours.finished?.usage).toMatchObject({
      inputTokens: theirs.usage?.input_tokens,
      outputTokens: theirs.usage?.output_tokens,
      reasoningTokens: theirs.usage?.output_tokens_details.reasoning_tokens,
    });
  });

  test.each(["error-first", "error-inside"])("and throws at %s as we do", async (name) => {
    const stream = await officialSdk(body(name)).responses.create({ model: "m", input: "", stream: true });
    const theirs = await Array.fromAsync(stream).catch((error: unknown) => error);
    const { error } = await read(reader, body(name));
    expect(error).toBeDefined();
    // The SDK passes an error event without an `error` object on as an event.
    expect(JSON.stringify(theirs) + String(theirs)).toContain(name === "error-first" ? "Rate limit" : "went wrong");
  });
});

describe("a body cut at every byte", () => {
  test.each(whole)("%s gives the same answer", async (name) => {
    const uncut = assemble((await read(reader, body(name))).events);
    for (let at = 1; at < body(name).length; at++) {
      const { events } = await read(reader, body(name), [at]);
      expect(assemble(events), `cut at ${at}`).toEqual(uncut);
    }
  });

  test.each(whole)("%s that ends there is broken, until the terminal event is whole", async (name) => {
    const bytes = body(name);
    const uncut = await read(reader, bytes);
    for (let at = 0; at < bytes.length - 2; at++) {
      const { events, error } = await read(reader, bytes.subarray(0, at));
      assemble(events);
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(uncut.events.slice(0, events.length), `ends at ${at}`).toEqual(events);
    }
    expect((await read(reader, bytes.subarray(0, -2))).error).toBeUndefined();
  });
});

describe("endings", () => {
  test("without a terminal event, after the text so far; [DONE] is none", async () => {
    for (const bytes of [body("broken"), Buffer.concat([body("broken"), Buffer.from("data: [DONE]\n\n")])]) {
      const { events, error } = await read(reader, bytes);
      expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(textOf(assemble(events))).toBe("Broken");
    }
  });

  test.each<[string, object]>([
    ["failed-inside", { code: "unavailable", reason: "provider_unavailable" }],
    ["error-inside", { code: "unavailable", reason: "provider_unavailable", facts: { providerCode: "server_error" } }],
    ["error-first", { code: "resource_exhausted", reason: "rate_limited" }],
  ])("%s", async (name, expected) => {
    const { events, error } = await read(reader, body(name));
    expect(error).toMatchObject(expected);
    expect(textOf(assemble(events))).toBe(name === "error-first" ? "" : "Half");
  });

  test("nothing is read after the terminal event", async () => {
    const more = Buffer.concat([body("text"), Buffer.from("data: {garbage\n\n")]);
    expect((await read(reader, more)).error).toBeUndefined();
  });

  test("length and filter", async () => {
    expect((await answerOf("length")).finished).toMatchObject({
      finishReason: "length",
      providerFinishReason: "max_output_tokens",
    });
    expect((await answerOf("content-filter")).finished?.finishReason).toBe("content_filter");
  });
});

describe("what an answer becomes", () => {
  test("text, usage, metadata", async () => {
    expect(await answerOf("text")).toEqual({
      model: "gpt-5.6-2026-09-01",
      parts: [{ type: "text", text: "Grüezi, 👋🏽 world" }],
      finished: {
        type: "finished",
        finishReason: "stop",
        providerFinishReason: "completed",
        usage: {
          inputTokens: 11,
          outputTokens: 8,
          cachedInputTokens: 4,
          cacheWriteTokens: 0,
          reasoningTokens: 0,
          providerUsage: expect.objectContaining({ total_tokens: 19 }),
        },
        metadata: { id: "resp_068b", service_tier: "default" },
      },
    });
  });

  test("calls, and a phase that has to come back", async () => {
    const answer = await answerOf("parallel-tool-calls");
    expect(callsOf(answer)).toEqual([
      { id: "call_A", name: "get_weather", argumentsJson: '{"city":"Bern"}' },
      { id: "call_B", name: "get_time", argumentsJson: '{"zone":"Europe/Zurich"}' },
    ]);
    expect(stateOf(answer.parts[0])).toEqual({ type: "message", phase: "commentary" });
    expect(answer.finished?.finishReason).toBe("tool_calls");
    expect(callsOf(await answerOf("tool-call-empty-arguments"))[0]?.argumentsJson).toBe("{}");
  });

  test("a reasoning item is kept unchanged", async () => {
    const [reasoning] = (await answerOf("reasoning-and-tool")).parts;
    expect(reasoning).toMatchObject({ type: "reasoning", text: "**Looking** at it\n\n**Then** deciding" });
    expect(reasoning).not.toHaveProperty("redacted");
    const [item] = (await sdkResponse("reasoning-and-tool")).output;
    expect(stateOf(reasoning)).toEqual(item);
    expect(reasoning?.providerState?.providerKind).toBe("openai");
  });

  test("without a summary, or hidden, only its state is there", async () => {
    const hidden: Reader = (events) => readResponsesEvents(events, { kind, hideReasoning: true });
    for (const answer of [await answerOf("reasoning-without-summary"), await answerOf("reasoning-and-tool", hidden)]) {
      expect(answer.parts[0]).toMatchObject({ type: "reasoning", text: "", redacted: true });
      expect(stateOf(answer.parts[0]).encrypted_content).toBe("gAAAAABencrypted==");
    }
  });

  test("a refusal", async () => {
    const answer = await answerOf("refusal");
    expect(answer).toMatchObject({
      parts: [{ type: "text", text: "I'm sorry, I can't help." }],
      finished: { finishReason: "refusal" },
    });
  });

  test("web search: a call the provider runs, its sources, citations", async () => {
    const [call, result, text] = (await answerOf("web-search")).parts;
    expect(call).toMatchObject({ type: "tool-call", id: "ws_1", name: "web_search", executor: "provider" });
    expect(call?.type === "tool-call" && JSON.parse(call.argumentsJson)).toEqual({
      type: "search",
      query: "zurich weather",
      queries: ["zurich weather"],
    });
    expect(stateOf(call)).toMatchObject({ type: "web_search_call", id: "ws_1" });
    expect(result).toMatchObject({
      type: "tool-result",
      toolCallId: "ws_1",
      structured: { sources: [{ type: "url", url: "https://example.com/news" }] },
    });
    expect(text?.citations).toEqual([
      { uri: "https://example.com/news", title: "News", quote: "", startIndex: 4, endIndex: 9 },
    ]);
  });

  test("code the provider ran", async () => {
    const [call, result] = (await answerOf("code-interpreter")).parts;
    expect(call).toMatchObject({ name: "code_interpreter", argumentsJson: '{"code":"print(6*7)"}' });
    expect(result).toMatchObject({ type: "tool-result", toolCallId: "ci_1", text: "42\n", failed: false });
  });

  test("the vendor's tools that the caller runs: its type, its payload, its state", async () => {
    const answer = await answerOf("client-calls");
    expect(callsOf(answer)).toMatchObject([
      { id: "call_S", name: "shell_call" },
      { id: "call_C", name: "custom_tool_call", argumentsJson: '{"name":"sql","input":"SELECT 1"}' },
      { id: "mcpr_1", name: "mcp_approval_request" },
    ]);
    expect(JSON.parse(callsOf(answer)[0]?.argumentsJson ?? "")).toMatchObject({ action: { commands: ["ls -la"] } });
    expect(answer.parts.every((part) => part.type === "tool-call" && part.executor === "client")).toBe(true);
    expect(stateOf(answer.parts[0])).toMatchObject({ type: "shell_call", call_id: "call_S" });
    expect(answer.finished?.finishReason).toBe("tool_calls");
  });

  test("an image", async () => {
    const [image] = (await answerOf("image")).parts;
    expect(image).toMatchObject({ type: "media", media: { mimeType: "image/png" } });
    expect(stateOf(image)).toMatchObject({ type: "image_generation_call", revised_prompt: "A cat" });
    expect(stateOf(image)).not.toHaveProperty("result");
  });

  test("an item that nobody knows is kept as state", async () => {
    const item = { type: "compaction", id: "cmp_1", encrypted_content: "x" };
    const answer = assemble(readResponse({ status: "completed", output: [item] }, { kind }));
    expect(answer.parts).toMatchObject([{ type: "reasoning", text: "", redacted: true }]);
    expect(stateOf(answer.parts[0])).toEqual(item);
  });
});

describe("a unary answer", () => {
  test.each(["reasoning-and-tool", "web-search"])("%s gives what the stream gave", async (name) => {
    const unary: unknown = JSON.parse(fixture(`openai/${name}.json`).toString());
    expect(assemble(readResponse(unary, { kind }))).toEqual(await answerOf(name));
  });

  test("that failed, or is not done, is an error", () => {
    const failed = { status: "failed", error: { code: "rate_limit_exceeded", message: "slow" } };
    expect(() => readResponse(failed, { kind })).toThrow(expect.objectContaining({ reason: "rate_limited" }));
    expect(() => readResponse({ status: "queued" }, { kind })).toThrow(/queued/);
    expect(() => readResponse(null, { kind })).toThrow(/not a JSON object/);
  });
});

test("a server that leaves out everything but deltas and the end is understood", async () => {
  const events = [
    { type: "response.created", response: { model: "m" } },
    { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hi" },
    { type: "response.completed", response: { status: "completed", output: [] } },
  ];
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  const answer = assemble((await read(reader, Buffer.from(text))).events);
  expect(answer).toMatchObject({ model: "m", parts: [{ text: "Hi" }], finished: { finishReason: "stop" } });
});
