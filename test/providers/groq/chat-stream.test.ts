import { describe, expect, test } from "vitest";
import type { Part } from "../../../src/core/chat.ts";
import { assemble, callsOf, officialSdk, textOf } from "../openai-compatible/reading.ts";
import { generation } from "../openai-compatible/request.ts";
import { answerOf, body, readBody } from "./reading.ts";

const whole = [
  "text",
  "tool-call",
  "parallel-tool-calls",
  "tool-call-without-arguments",
  "reasoning-and-tool",
  "length",
  "compound",
  "browser-search",
];

describe("the official SDK of the protocol reads the same bytes the same way", () => {
  test.each(whole)("%s", async (name) => {
    const stream = officialSdk(body(name)).chat.completions.stream({ model: "m", messages: [] });
    const [theirs] = (await stream.finalChatCompletion()).choices;
    const ours = await answerOf(name);
    expect(textOf(ours)).toBe(theirs?.message.content ?? "");
    expect(ours.finished?.providerFinishReason).toBe(theirs?.finish_reason);
    expect(callsOf(ours).filter(({ id }) => id.startsWith("fc_"))).toEqual(
      (theirs?.message.tool_calls ?? []).map((call) => ({
        id: call.id,
        name: "function" in call ? call.function?.name : "",
        argumentsJson: "function" in call ? call.function?.arguments : "",
      })),
    );
  });

  test.each(["error-first", "tool-use-failed"])("%s throws in both", async (name) => {
    const stream = await officialSdk(body(name)).chat.completions.create({ model: "m", messages: [], stream: true });
    await expect(Array.fromAsync(stream)).rejects.toThrow();
    expect((await readBody(body(name))).error).toBeDefined();
  });
});

/** The ids of the vendor's own tools are made here, anew each time. */
function withoutIds(parts: readonly Part[]): unknown[] {
  const ids = parts.flatMap((part) => (part.type === "tool-call" ? part.id : []));
  return parts.map((part) => {
    if (part.type === "tool-call") return { ...part, id: ids.indexOf(part.id) };
    return part.type === "tool-result" ? { ...part, toolCallId: ids.indexOf(part.toolCallId) } : part;
  });
}

describe("a body cut at every byte", () => {
  test.each(whole)("%s gives the same answer", async (name) => {
    const uncut = await answerOf(name);
    for (let at = 1; at < body(name).length; at++) {
      const cut = assemble((await readBody(body(name), [at])).events);
      expect(withoutIds(cut.parts), `cut at ${at}`).toEqual(withoutIds(uncut.parts));
      expect(cut.finished, `cut at ${at}`).toEqual(uncut.finished);
    }
  });

  test.each(whole)("%s that ends there is broken, unless finish_reason has come", async (name) => {
    const bytes = body(name);
    const end = bytes.indexOf("\n", bytes.indexOf('"finish_reason":"'));
    for (let at = 0; at < end - 1; at++) {
      const { events, error } = await readBody(bytes.subarray(0, at));
      assemble(events);
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    }
    expect((await readBody(bytes.subarray(0, end + 2))).error).toBeUndefined();
  });
});

describe("what an answer becomes", () => {
  test("usage comes from x_groq", async () => {
    const { finished } = await answerOf("text");
    expect(finished).toMatchObject({
      finishReason: "stop",
      usage: { inputTokens: 38, outputTokens: 7, cachedInputTokens: 32 },
    });
    expect((await answerOf("reasoning-and-tool")).finished?.usage.reasoningTokens).toBe(22);
  });

  test("reasoning, then the call; reasoning is left out when it is hidden", async () => {
    const answer = await answerOf("reasoning-and-tool");
    expect(answer.parts).toEqual([
      { type: "reasoning", text: "The user wants the weather." },
      { type: "tool-call", id: "fc_5e", name: "get_weather", argumentsJson: '{"city":"Bern"}', executor: "client" },
    ]);
    const hidden = generation({ reasoning: { hidden: true } });
    expect(callsOf(await answerOf("reasoning-and-tool", { generation: hidden }))).toHaveLength(1);
    expect(textOf(await answerOf("reasoning-and-tool", { generation: hidden }), "reasoning")).toBe("");
  });

  test("two calls, one without arguments, a length stop", async () => {
    expect(callsOf(await answerOf("parallel-tool-calls")).map(({ id }) => id)).toEqual(["fc_3a", "fc_3b"]);
    expect(callsOf(await answerOf("tool-call-without-arguments"))).toEqual([
      { id: "fc_3c", name: "now", argumentsJson: "{}" },
    ]);
    expect((await answerOf("length")).finished?.finishReason).toBe("length");
  });

  test("what Compound's tools did is calls and results, where they happened, with their sources", async () => {
    const { parts, finished } = await answerOf("compound");
    expect(withoutIds(parts)).toEqual(compoundParts);
    expect(finished).toMatchObject({ finishReason: "stop", usage: { inputTokens: 2210 } });
    const ids = parts.flatMap((part) => (part.type === "tool-call" ? part.id : []));
    expect(new Set(ids).size).toBe(2);
  });

  test("the browser of gpt-oss, by the name that it has", async () => {
    const { parts } = await answerOf("browser-search");
    expect(parts.slice(1, 3)).toMatchObject([
      { type: "tool-call", name: "browser.search", argumentsJson: '{"query":"groq"}', executor: "provider" },
      { type: "tool-result", text: "L0: Groq", citations: [{ uri: "https://groq.example/", quote: "Fast inference" }] },
    ]);
  });
});

describe("a tool that has nothing to say", () => {
  const toolChunk = (...outputs: readonly (string | null)[]) =>
    outputs.map((output) => {
      const delta = {
        executed_tools: [{ index: 0, type: "python", arguments: "", output, search_results: { results: [] } }],
      };
      return `data: ${JSON.stringify({ model: "m", choices: [{ index: 0, delta }] })}\n\n`;
    });
  const end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
  const partsFor = async (...outputs: readonly (string | null)[]) =>
    assemble((await readBody(Buffer.from([...toolChunk(...outputs), end].join("")))).events).parts;

  test("has a result all the same, once it is told of again", async () => {
    expect(withoutIds(await partsFor("", ""))).toMatchObject([
      { type: "tool-call", name: "python", argumentsJson: "{}" },
      { type: "tool-result", toolCallId: 0, text: "", failed: false },
    ]);
    expect(await partsFor(null, null)).toHaveLength(1);
    expect(await partsFor("1", "1", "2")).toMatchObject([{ type: "tool-call" }, { type: "tool-result", text: "1" }]);
  });
});

describe("endings", () => {
  test("errors, with what they mean", async () => {
    const first = await readBody(body("error-first"));
    expect(first.events).toEqual([]);
    expect(first.error).toMatchObject({ code: "resource_exhausted", reason: "rate_limited" });
    const inside = await readBody(body("error-inside"));
    expect(inside.events.at(-1)).toMatchObject({ type: "delta", text: "Half an ans" });
    expect(inside.error).toMatchObject({ code: "unavailable", message: expect.stringContaining("over_capacity") });
    expect((await readBody(body("tool-use-failed"))).error).toMatchObject({
      code: "invalid_argument",
      reason: "provider_rejected",
      facts: { providerCode: "tool_use_failed" },
    });
  });

  test("a stream without finish_reason is broken", async () => {
    const { events, error } = await readBody(body("broken"));
    expect(events.at(-1)).toMatchObject({ type: "delta", text: "Broken" });
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
  });
});

const sources = [
  { uri: "https://weather.example/bern", title: "Bern weather", quote: "Sunny, 21 °C" },
  { uri: "https://meteo.example/be", title: "Forecast", quote: "Dry until Friday" },
];

/** Calls are numbered in order, and so are their results. */
const compoundParts = [
  { type: "reasoning", text: "I will search.\nNow in Fahrenheit.\n" },
  { type: "tool-call", id: 0, name: "search", argumentsJson: '{"query": "weather Bern"}', executor: "provider" },
  {
    type: "tool-result",
    toolCallId: 0,
    name: "search",
    text: "Title: Bern weather\nURL: https://weather.example/bern\nContent: Sunny, 21 °C",
    structured: { search_results: expect.objectContaining({ results: expect.any(Array) }) },
    media: [],
    failed: false,
    citations: sources,
  },
  {
    type: "tool-call",
    id: 1,
    name: "python",
    argumentsJson: '{"code": "print(21*9/5+32)"}',
    executor: "provider",
  },
  {
    type: "tool-result",
    toolCallId: 1,
    name: "python",
    text: "69.8\n",
    structured: { code_results: expect.any(Array) },
    media: [{ data: Buffer.from("iVBORw0KGgo=", "base64"), mimeType: "image/png" }],
    failed: false,
  },
  { type: "text", text: "Sunny, 21 °C or 69.8 °F." },
];
