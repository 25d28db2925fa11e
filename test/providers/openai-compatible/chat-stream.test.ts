import { describe, expect, test } from "vitest";
import type { ServerSentEvent } from "../../../src/core/upstream.ts";
import { readChatCompletion, readChatCompletionEvents } from "../../../src/providers/openai-compatible/chat-stream.ts";
import { dialects } from "../../../src/providers/openai-compatible/dialects.ts";
import { assemble, callsOf, fixture, officialSdk, type Reader, read, textOf } from "./reading.ts";

const kind = "openai-compatible";

function readerOf(dialect: keyof typeof dialects, more: object = {}): Reader {
  const { reasoning, ...rest } = { reasoningOutsideCompletion: false, ...dialects[dialect] };
  const context = { kind, reasoning, reasoningOutsideCompletion: rest.reasoningOutsideCompletion, ...more };
  return (events) => readChatCompletionEvents(events, context);
}

const body = (name: string) => fixture(`openai-compatible/${name}.sse`);

async function answerOf(name: string, reader = readerOf("generic")) {
  const { events, error } = await read(reader, body(name));
  expect(error).toBeUndefined();
  return assemble(events);
}

/** A stream of chunks with these deltas, for what no fixture holds. */
async function answerTo(deltas: readonly object[], finish: string | null = "stop", more: object = {}) {
  const chunk = (delta: object, finish_reason: string | null) =>
    `data: ${JSON.stringify({ model: "m", choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const text = [...deltas.map((delta) => chunk(delta, null)), chunk({}, finish), "data: [DONE]\n\n"].join("");
  return read(readerOf("generic", more), Buffer.from(text));
}

const whole = [
  "text",
  "text-crlf",
  "no-usage",
  "no-done",
  "tool-call",
  "parallel-tool-calls",
  "tool-call-without-arguments",
  "reasoning-and-tool",
  "refusal",
  "length",
  "content-filter",
  "openrouter",
  "azure",
  "xai",
  "groq",
];

describe("the official SDK reads the same bytes the same way", () => {
  test.each(whole)("%s", async (name) => {
    const stream = officialSdk(body(name)).chat.completions.stream({ model: "m", messages: [] });
    const sdk = await stream.finalChatCompletion();
    const [theirs] = sdk.choices;
    const ours = await answerOf(name);
    expect(textOf(ours)).toBe((theirs?.message.content ?? "") + (theirs?.message.refusal ?? ""));
    expect(ours.finished?.providerFinishReason).toBe(theirs?.finish_reason);
    if (sdk.usage) expect(ours.finished?.usage.inputTokens).toBe(sdk.usage.prompt_tokens);
    // xAI's reasoning stands beside `completion_tokens`, which the SDK passes on as it is.
    const beside = name === "xai" ? sdk.usage?.completion_tokens_details?.reasoning_tokens : 0;
    if (sdk.usage) expect(ours.finished?.usage.outputTokens).toBe(sdk.usage.completion_tokens + (beside ?? 0));
    expect(callsOf(ours)).toEqual(
      (theirs?.message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: "function" in call ? call.function?.name : "",
        argumentsJson: ("function" in call && call.function?.arguments) || "{}",
      })),
    );
  });
});

describe("a body cut at every byte", () => {
  test.each([...whole, "mistral", "audio"])("%s gives the same answer", async (name) => {
    const reader = readerOf("openrouter");
    const uncut = assemble((await read(reader, body(name))).events);
    expect(uncut.finished).toBeDefined();
    for (let at = 1; at < body(name).length; at++) {
      const { events } = await read(reader, body(name), [at]);
      expect(assemble(events), `cut at ${at}`).toEqual(uncut);
    }
  });

  test.each(whole)("%s that ends there is broken, unless finish_reason has come", async (name) => {
    const reader = readerOf("generic");
    const bytes = body(name);
    const uncut = await read(reader, bytes);
    // A chunk counts when its JSON is whole, even without the empty line after it.
    const end = bytes.indexOf("}]", bytes.indexOf('"finish_reason":"'));
    const complete = bytes.indexOf("\n", end);
    for (let at = 0; at < bytes.length; at++) {
      const { events, error } = await read(reader, bytes.subarray(0, at));
      assemble(events);
      if (at >= complete - 1) continue;
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(uncut.events.slice(0, events.length), `ends at ${at}`).toEqual(events);
    }
    expect((await read(reader, bytes.subarray(0, complete + 2))).error).toBeUndefined();
  });
});

describe("endings", () => {
  test.each(["broken-done-only", "broken-no-end"])("%s is a broken stream, after the text so far", async (name) => {
    const { events, error } = await read(readerOf("generic"), body(name));
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(events).toContainEqual({ type: "delta", key: "0", text: "Broken" });
  });

  test("an empty body, and one that is no event stream, are broken too", async () => {
    for (const text of ["", "<html>Bad gateway</html>"]) {
      const { events, error } = await read(readerOf("generic"), Buffer.from(text));
      expect(events).toEqual([]);
      expect(error).toMatchObject({ reason: "stream_broken" });
    }
  });

  test("an event that is not JSON is unreadable", async () => {
    const { error } = await read(readerOf("generic"), Buffer.from("data: {oops\n\n"));
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });

  test("an error inside the stream is thrown after the text, with its meaning", async () => {
    const inside = await read(readerOf("generic"), body("error-inside"));
    expect(inside.events.at(-1)).toMatchObject({ type: "delta", text: "Half an ans" });
    expect(inside.error).toMatchObject({ code: "unavailable", reason: "provider_unavailable" });
    expect(inside.error?.message).toContain("The server had an error");
    const first = await read(readerOf("generic"), body("error-first"));
    expect(first.events).toEqual([]);
    expect(first.error).toMatchObject({
      code: "resource_exhausted",
      reason: "rate_limited",
      facts: { providerCode: "rate_limit_exceeded" },
    });
  });

  test("the SDK throws at the same errors", async () => {
    for (const name of ["error-inside", "error-first"]) {
      const stream = await officialSdk(body(name)).chat.completions.create({ model: "m", messages: [], stream: true });
      await expect(Array.fromAsync(stream)).rejects.toThrow();
    }
  });

  test.each(["error", "insufficient_system_resource"])("finish_reason %s is trouble, not an end", async (word) => {
    const { error } = await answerTo([{ content: "Hal" }], word);
    expect(error).toMatchObject({ code: "unavailable", reason: "provider_unavailable" });
  });

  test("a connection lost after finish_reason loses nothing", async () => {
    const { LivellmError } = await import("../../../src/core/error.ts");
    async function* lost(): AsyncGenerator<ServerSentEvent> {
      yield { event: "message", data: '{"choices":[{"delta":{"content":"All"},"finish_reason":"stop"}]}' };
      throw new LivellmError("unavailable", "stream_broken", "reset");
    }
    const events = await Array.fromAsync(readChatCompletionEvents(lost(), { kind }));
    expect(assemble(events).finished).toMatchObject({ finishReason: "stop", usage: {} });
  });
});

describe("what an answer becomes", () => {
  test("text and usage", async () => {
    const answer = await answerOf("text");
    expect(answer).toEqual({
      model: "gpt-5.6-2026-09-01",
      parts: [{ type: "text", text: "Grüezi, world! 👋🏽 Ça va ?" }],
      finished: {
        type: "finished",
        finishReason: "stop",
        providerFinishReason: "stop",
        usage: {
          inputTokens: 12,
          outputTokens: 9,
          cachedInputTokens: 4,
          reasoningTokens: 0,
          inputAudioTokens: 0,
          outputAudioTokens: 0,
          providerUsage: expect.objectContaining({ prompt_tokens: 12 }),
        },
        metadata: { id: "chatcmpl-DkQ2vX", system_fingerprint: "fp_b28b39ffa8", service_tier: "default" },
      },
    });
  });

  test("tool calls", async () => {
    expect(callsOf(await answerOf("tool-call"))).toEqual([
      { id: "call_8sQxbFrvoYtVGXsbPqGhzZ2F", name: "get_weather", argumentsJson: '{"city":"Zürich"}' },
    ]);
    const parallel = await answerOf("parallel-tool-calls");
    expect(parallel.parts.map(({ type }) => type)).toEqual(["text", "tool-call", "tool-call"]);
    expect(parallel.finished?.finishReason).toBe("tool_calls");
    expect(callsOf(await answerOf("tool-call-without-arguments"))[0]?.argumentsJson).toBe("{}");
  });

  test("reasoning, and DeepSeek's cache counter", async () => {
    const answer = await answerOf("reasoning-and-tool", readerOf("deepseek"));
    expect(answer.parts.map(({ type }) => type)).toEqual(["reasoning", "text", "tool-call"]);
    expect(textOf(answer, "reasoning")).toBe("The user wants the weather.");
    expect(answer.finished?.usage).toMatchObject({ cachedInputTokens: 16, reasoningTokens: 11, outputTokens: 25 });
  });

  test("reasoning that is to be hidden stays away", async () => {
    const answer = await answerOf("reasoning-and-tool", readerOf("deepseek", { hideReasoning: true }));
    expect(answer.parts.map(({ type }) => type)).toEqual(["text", "tool-call"]);
  });

  test("a refusal is text, and its finish reason says so", async () => {
    const answer = await answerOf("refusal");
    expect(textOf(answer)).toBe("I'm sorry, I can't help with that.");
    expect(answer.finished).toMatchObject({ finishReason: "refusal", providerFinishReason: "stop" });
  });

  test("finish reasons", async () => {
    expect((await answerOf("length")).finished?.finishReason).toBe("length");
    expect((await answerOf("content-filter")).finished?.finishReason).toBe("content_filter");
    const { events } = await answerTo([{ content: "x" }], "who_knows");
    expect(assemble(events).finished).toMatchObject({ finishReason: "other", providerFinishReason: "who_knows" });
  });

  test("OpenRouter: reasoning details kept whole, citations, an image, the cache-write counter", async () => {
    const answer = await answerOf("openrouter", readerOf("openrouter"));
    const [reasoning, text, image] = answer.parts;
    expect(reasoning).toMatchObject({ type: "reasoning", text: "Weigh it." });
    expect(JSON.parse(Buffer.from(reasoning?.providerState?.data ?? []).toString())).toEqual([
      {
        type: "reasoning.text",
        text: "Weigh it.",
        signature: "c2lnbmF0dXJl",
        format: "anthropic-claude-v1",
        index: 0,
      },
    ]);
    expect(text).toMatchObject({
      text: "Yes. See here.",
      citations: [{ uri: "https://example.com/a", title: "A", quote: "quoted", startIndex: 5, endIndex: 14 }],
    });
    expect(image).toMatchObject({ type: "media", media: { mimeType: "image/png" } });
    expect(answer.finished).toMatchObject({ usage: { cacheWriteTokens: 7 }, metadata: { provider: "Anthropic" } });
  });

  test("hidden reasoning keeps its state", async () => {
    const answer = await answerOf("openrouter", readerOf("openrouter", { hideReasoning: true }));
    expect(answer.parts[0]).toMatchObject({ type: "reasoning", text: "", redacted: true });
    expect(answer.parts[0]?.providerState?.providerKind).toBe(kind);
  });

  test("Mistral: content in pieces", async () => {
    const answer = await answerOf("mistral", readerOf("mistral"));
    expect(textOf(answer, "reasoning")).toBe("Hmm, yes.");
    expect(textOf(answer)).toBe("Bonjour");
    expect(callsOf(answer)).toEqual([{ id: "D681PevKs", name: "greet", argumentsJson: '{"to": "you"}' }]);
    expect(answer.finished?.usage).toMatchObject({ inputTokens: 5, outputTokens: 7 });
  });

  test("Azure: the filter's chunk is not the beginning", async () => {
    expect((await answerOf("azure", readerOf("azure"))).model).toBe("gpt-5.6-2026-09-01");
  });

  test("xAI: reasoning counts into the output; sources", async () => {
    const answer = await answerOf("xai", readerOf("xai"));
    expect(answer.finished?.usage).toMatchObject({ inputTokens: 32, outputTokens: 103, reasoningTokens: 94 });
    expect(answer.parts[1]?.citations).toEqual([{ uri: "https://x.ai/news", title: "", quote: "" }]);
  });

  test.each([
    ["beside it, by the total", 135, 103],
    ["in it, by the total", 41, 9],
    ["beside it, as the vendor says, without a total", undefined, 103],
  ])("xAI: reasoning is %s", async (_, total_tokens, outputTokens) => {
    const details = { completion_tokens_details: { reasoning_tokens: 94 } };
    const usage = { prompt_tokens: 32, completion_tokens: 9, total_tokens, ...details };
    const chunk = { model: "m", choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }], usage };
    const { events } = await read(readerOf("xai"), Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`));
    expect(assemble(events).finished?.usage).toMatchObject({ outputTokens, reasoningTokens: 94 });
  });

  test("an image that is not well written is an image all the same", async () => {
    const images = [{ image_url: { url: "data:image/svg+xml,<svg width='100%'/>" } }];
    const { events, error } = await answerTo([{ images }]);
    expect(error).toBeUndefined();
    const data = Buffer.from("<svg width='100%'/>");
    expect(assemble(events).parts).toEqual([{ type: "media", media: { data, mimeType: "image/svg+xml" } }]);
  });

  test("sources that come again with every chunk are told once", async () => {
    const citations = ["https://a.example", "https://b.example"];
    const chunk = (content: string, finish_reason: string | null) =>
      `data: ${JSON.stringify({ model: "sonar", citations, choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`;
    const text = [chunk("So ", null), chunk("it ", null), chunk("is.", "stop")].join("");
    const { events } = await read(readerOf("generic"), Buffer.from(text));
    expect(assemble(events).parts[0]?.citations?.map(({ uri }) => uri)).toEqual(citations);
  });

  test("Groq: usage in x_groq", async () => {
    const answer = await answerOf("groq", readerOf("groq"));
    expect(answer.finished?.usage).toMatchObject({ inputTokens: 70, outputTokens: 12, reasoningTokens: 5 });
    expect(textOf(answer, "reasoning")).toBe("Short.");
  });

  test("audio: the transcript is text, the sound a part", async () => {
    const answer = await answerOf("audio", readerOf("openai"));
    expect(textOf(answer)).toBe("Good day");
    const [, sound] = answer.parts;
    expect(sound).toMatchObject({ type: "media", media: { mimeType: "audio/pcm;rate=24000" } });
    expect(sound?.type === "media" && [...(sound.media.data ?? [])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("tool calls as odd servers send them", () => {
  const piece = (call: object) => ({ tool_calls: [call] });
  const callsTo = async (...deltas: object[]) => callsOf(assemble((await answerTo(deltas, "tool_calls")).events));

  test("every call with the index 0", async () => {
    const calls = await callsTo(
      piece({ index: 0, id: "a", function: { name: "f", arguments: '{"x":1}' } }),
      piece({ index: 0, id: "b", function: { name: "f", arguments: '{"x":' } }),
      piece({ index: 0, function: { arguments: "2}" } }),
    );
    expect(calls.map(({ id, argumentsJson }) => [id, argumentsJson])).toEqual([
      ["a", '{"x":1}'],
      ["b", '{"x":2}'],
    ]);
  });

  test("no index, the id with every piece", async () => {
    const calls = await callsTo(
      piece({ id: "a", function: { name: "f", arguments: "{" } }),
      piece({ id: "b", function: { name: "g", arguments: "{" } }),
      piece({ id: "a", function: { arguments: '"x":1}' } }),
      piece({ id: "b", function: { arguments: "}" } }),
    );
    expect(calls.map(({ argumentsJson }) => argumentsJson)).toEqual(['{"x":1}', "{}"]);
  });

  test("neither index nor id: ids are made up, and differ", async () => {
    const calls = await callsTo(
      piece({ function: { name: "f", arguments: "{}" } }),
      piece({ function: { name: "g", arguments: "{}" } }),
    );
    expect(calls.map(({ name }) => name)).toEqual(["f", "g"]);
    expect(calls[0]?.id).toMatch(/^call_[0-9a-f]{32}$/);
    expect(calls[0]?.id).not.toBe(calls[1]?.id);
  });

  test("a new id with every piece of one call", async () => {
    const calls = await callsTo(
      piece({ index: 0, id: "a", function: { name: "f", arguments: "" } }),
      piece({ index: 0, id: "b", function: { arguments: '{"x":1}' } }),
    );
    expect(calls).toEqual([{ id: "a", name: "f", argumentsJson: '{"x":1}' }]);
  });

  test("a name in pieces, and one that is repeated", async () => {
    const split = await callsTo(
      piece({ index: 0, id: "a", function: { name: "get_" } }),
      piece({ index: 0, function: { name: "weather", arguments: "{}" } }),
    );
    expect(split[0]?.name).toBe("get_weather");
    const repeated = await callsTo(
      piece({ index: 0, id: "a", function: { name: "f" } }),
      piece({ index: 0, function: { name: "f", arguments: "{}" } }),
    );
    expect(repeated[0]?.name).toBe("f");
  });

  test("an earlier call goes on after a later one and after text", async () => {
    const { events } = await answerTo(
      [
        piece({ index: 0, id: "a", function: { name: "f", arguments: "[" } }),
        piece({ index: 1, id: "b", function: { name: "g", arguments: "{}" } }),
        { content: "meanwhile" },
        piece({ index: 0, function: { arguments: "]" } }),
      ],
      "stop",
    );
    const answer = assemble(events);
    expect(callsOf(answer)).toEqual([
      { id: "a", name: "f", argumentsJson: "[]" },
      { id: "b", name: "g", argumentsJson: "{}" },
    ]);
    expect(answer.finished).toMatchObject({ finishReason: "tool_calls", providerFinishReason: "stop" });
  });

  test("arguments as an object, a call without a name, a custom tool, the legacy field", async () => {
    const objects = await callsTo(piece({ index: 0, id: "a", function: { name: "f", arguments: { x: 1 } } }));
    expect(objects[0]?.argumentsJson).toBe('{"x":1}');
    const { error } = await answerTo([piece({ index: 0, id: "a", function: { arguments: "{}" } })]);
    expect(error).toMatchObject({ reason: "bad_provider_response" });
    const custom = await callsTo(
      piece({ index: 0, id: "c", type: "custom", custom: { name: "sql", input: "" } }),
      piece({ index: 0, custom: { input: "SELECT " } }),
      piece({ index: 0, custom: { input: "1" } }),
    );
    expect(custom).toEqual([{ id: "c", name: "custom", argumentsJson: '{"name":"sql","input":"SELECT 1"}' }]);
    expect(await callsTo({ function_call: { name: "f", arguments: "{}" } })).toEqual([]);
  });

  test("the tool that stands for a JSON schema is the text", async () => {
    const call = piece({ index: 0, id: "a", function: { name: "output", arguments: '{"ok":true}' } });
    const { events } = await answerTo([call], "tool_calls", { answerTool: "output" });
    expect(assemble(events)).toMatchObject({
      parts: [{ type: "text", text: '{"ok":true}' }],
      finished: { finishReason: "stop" },
    });
  });
});

describe("a unary answer", () => {
  const completion = {
    id: "c",
    model: "gpt-5.6",
    choices: [
      {
        index: 0,
        finish_reason: "tool_calls",
        message: {
          role: "assistant",
          content: "Let me look.",
          reasoning_content: "Hm.",
          tool_calls: [
            { id: "a", type: "function", function: { name: "f", arguments: "" } },
            { id: "", type: "function", function: { name: "g", arguments: '{"x":1}' } },
          ],
        },
      },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
  };

  test("gives the events of a stream", () => {
    const answer = assemble(readChatCompletion(completion, { kind, reasoning: dialects.generic.reasoning }));
    expect(textOf(answer)).toBe("Let me look.");
    expect(textOf(answer, "reasoning")).toBe("Hm.");
    expect(callsOf(answer)).toMatchObject([
      { id: "a", name: "f", argumentsJson: "{}" },
      { name: "g", argumentsJson: '{"x":1}' },
    ]);
    expect(answer.finished).toMatchObject({ finishReason: "tool_calls", usage: { inputTokens: 1, outputTokens: 2 } });
  });

  test("without choices, or an error with status 200, fails", () => {
    expect(() => readChatCompletion({ choices: [] }, { kind })).toThrow(/finish_reason/);
    expect(() => readChatCompletion([], { kind })).toThrow(/not a JSON object/);
    expect(() => readChatCompletion({ error: { message: "over capacity", code: 503 } }, { kind })).toThrow(
      /over capacity/,
    );
  });
});
