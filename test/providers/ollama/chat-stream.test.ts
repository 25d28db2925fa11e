import { describe, expect, test } from "vitest";
import { readChatAnswer } from "../../../src/providers/ollama/chat-stream.ts";
import { assemble, callsOf, fixture, textOf } from "../openai-compatible/reading.ts";
import { answerOf, body, readBody } from "./reading.ts";

const whole = [
  "text",
  "tool-call",
  "parallel-tool-calls",
  "tool-call-without-arguments",
  "reasoning-and-tool",
  "length",
];

describe("a body cut at every byte", () => {
  test.each(whole)("%s gives the same answer", async (name) => {
    const uncut = await answerOf(name);
    for (let at = 1; at < body(name).length; at++) {
      expect(assemble((await readBody(body(name), [at])).events), `cut at ${at}`).toEqual(uncut);
    }
  });

  test.each(whole)("%s that ends there is broken, unless the last line is whole", async (name) => {
    const bytes = body(name);
    const uncut = await readBody(bytes);
    for (let at = 0; at < bytes.length - 1; at++) {
      const { events, error } = await readBody(bytes.subarray(0, at));
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(uncut.events.slice(0, events.length), `ends at ${at}`).toEqual(events);
    }
    expect((await readBody(bytes.subarray(0, -1))).error).toBeUndefined();
  });
});

describe("what an answer becomes", () => {
  test("text, usage and times", async () => {
    expect(await answerOf("text")).toEqual({
      model: "qwen3:8b",
      parts: [{ type: "text", text: "Grüezi, 👋🏽 world" }],
      finished: {
        type: "finished",
        finishReason: "stop",
        providerFinishReason: "stop",
        usage: {
          inputTokens: 26,
          outputTokens: 12,
          cachedInputTokens: 20,
          providerUsage: { prompt_eval_count: 26, prompt_eval_cached_count: 20, eval_count: 12 },
        },
        metadata: {
          created_at: "2026-11-02T09:10:12.5Z",
          total_duration: 1_882_000_000,
          load_duration: 52_000_000,
          prompt_eval_duration: 130_000_000,
          eval_duration: 1_600_000_000,
        },
      },
    });
  });

  test("a tool call, whose arguments come as an object", async () => {
    const answer = await answerOf("tool-call");
    expect(callsOf(answer)).toEqual([{ id: "call_x1k2m3n4", name: "get_weather", argumentsJson: '{"city":"Zürich"}' }]);
    expect(answer.finished).toMatchObject({ finishReason: "tool_calls", providerFinishReason: "stop" });
  });

  test("calls of a version that gives no ids get one of their own, and no reason is a stop", async () => {
    const [first, second] = [await answerOf("tool-call-without-id"), await answerOf("tool-call-without-id")];
    expect(callsOf(first)[0]?.id).toMatch(/^call_[0-9a-f]{32}$/);
    expect(callsOf(first)[0]?.id).not.toBe(callsOf(second)[0]?.id);
    expect(first.finished).toMatchObject({ finishReason: "tool_calls", providerFinishReason: "" });
  });

  test("two calls after text, and a call without arguments", async () => {
    const answer = await answerOf("parallel-tool-calls");
    expect(answer.parts.map(({ type }) => type)).toEqual(["text", "tool-call", "tool-call"]);
    expect(callsOf(answer)).toEqual([
      { id: "call_a1", name: "get_weather", argumentsJson: '{"city":"Zürich"}' },
      { id: "call_a2", name: "get_time", argumentsJson: '{"zone":"Europe/Zurich"}' },
    ]);
    expect(callsOf(await answerOf("tool-call-without-arguments"))).toEqual([
      { id: "call_n1", name: "now", argumentsJson: "{}" },
    ]);
  });

  test("thoughts, text and a call, in one piece as in many; thoughts are left out when hidden", async () => {
    const streamed = await answerOf("reasoning-and-tool");
    expect(streamed.parts).toEqual([
      { type: "reasoning", text: "The user wants the weather." },
      { type: "text", text: "I will check." },
      { type: "tool-call", id: "call_r1", name: "get_weather", argumentsJson: '{"city":"Bern"}', executor: "client" },
    ]);
    const context = { warnings: [], hideReasoning: false };
    const value: unknown = JSON.parse(fixture("ollama/reasoning-and-tool.json").toString());
    expect(assemble(readChatAnswer(value, context))).toEqual(streamed);
    const hidden = await answerOf("reasoning-and-tool", { hideReasoning: true });
    expect(hidden.parts.map(({ type }) => type)).toEqual(["text", "tool-call"]);
  });

  test("a length stop; a model that only was loaded", async () => {
    expect((await answerOf("length")).finished).toMatchObject({
      finishReason: "length",
      providerFinishReason: "length",
    });
    const loaded = '{"model":"m","message":{"role":"assistant","content":""},"done":true,"done_reason":"load"}';
    const { events } = await readBody(Buffer.from(loaded));
    expect(assemble(events)).toMatchObject({ parts: [], finished: { finishReason: "other", usage: {} } });
  });

  test("warnings come with the response", async () => {
    const warnings = [{ code: "option-ignored", message: "", field: "config.x" }];
    const { events } = await readBody(body("text"), [], { warnings });
    expect(events[0]).toEqual({ type: "response", model: "qwen3:8b", warnings });
  });
});

describe("endings", () => {
  test("errors, before and after text, with what they mean", async () => {
    const first = await readBody(body("error-first"));
    expect(first.events).toEqual([]);
    expect(first.error).toMatchObject({ code: "unavailable", message: expect.stringContaining("more system memory") });
    const inside = await readBody(body("error-inside"));
    expect(inside.events.at(-1)).toMatchObject({ type: "delta", text: "Half an ans" });
    expect(inside.error).toMatchObject({
      code: "unavailable",
      reason: "provider_unavailable",
      facts: { httpStatus: 500 },
      message: expect.stringContaining("CUDA error"),
    });
    const long = await readBody(Buffer.from('{"error":"the input length exceeds the context length"}\n'));
    expect(long.error).toMatchObject({ code: "invalid_argument", reason: "context_too_long" });
  });

  test("a stream without done is broken", async () => {
    const { events, error } = await readBody(body("broken"));
    expect(events.at(-1)).toMatchObject({ type: "delta", text: "Broken" });
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
  });

  test("what comes after done is not read", async () => {
    const more = Buffer.concat([body("text"), Buffer.from("{oops\n{oops\n")]);
    expect((await readBody(more)).error).toBeUndefined();
  });

  test.each(["nonsense\n", "[]\n", "<html>\n", '{"a":1}{"b":2}\n{"done":true}\n'])("%j is unreadable", async (text) => {
    const { events, error } = await readBody(Buffer.from(text));
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
    expect(events).toEqual([]);
  });

  test("a tool call without a name, and a whole answer that is none, are unreadable, too", async () => {
    const call = '{"message":{"tool_calls":[{"function":{"arguments":{}}}]},"done":false}\n';
    expect((await readBody(Buffer.from(call))).error).toMatchObject({ reason: "bad_provider_response" });
    const context = { warnings: [], hideReasoning: false };
    for (const value of [[], { done: false }]) {
      expect(() => readChatAnswer(value, context)).toThrow(
        expect.objectContaining({ reason: "bad_provider_response" }),
      );
    }
    expect(() => readChatAnswer({ error: "no" }, context)).toThrow(/broke off.*no/);
    expect(textOf(assemble(readChatAnswer({ done: true, message: { content: "ok" } }, context)))).toBe("ok");
  });
});
