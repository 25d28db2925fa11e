import { describe, expect, test } from "vitest";
import { readGenerateContent } from "../../../src/providers/google/chat-stream.ts";
import { assemble, callsOf, fixture, textOf } from "../openai-compatible/reading.ts";
import { answerOf, body, chunks, kind, readBody, sdkChunks, sdkParts } from "./reading.ts";

const signature = "CiwBVKhc7sYp9Vq3Zm==";

const stateOf = (part: { providerState?: { data: Uint8Array } } | undefined): unknown =>
  part?.providerState && JSON.parse(Buffer.from(part.providerState.data).toString());

const whole = [
  "text",
  "text-lf",
  "trailing-signature",
  "tool-call",
  "parallel-tool-calls",
  "tool-call-without-arguments",
  "thinking-and-tool",
  "second-step",
  "safety",
  "length",
  "malformed-call",
  "grounding",
  "code-execution",
  "server-tools",
  "image",
  "audio",
];

/** Ids of calls without one of the vendor's are made up: they differ from reading to reading. */
const withoutMintedIds = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replace(/"call_[0-9a-f]{32}"/g, '"minted"'));

describe("the official SDK reads the same bytes the same way", () => {
  test.each(whole)("%s", async (name) => {
    const theirs = await sdkChunks(name);
    const parts = await sdkParts(name);
    const ours = await answerOf(name);
    const said = (thought: boolean) => parts.filter((part) => Boolean(part.thought) === thought);
    const join = (list: typeof parts) => list.map((part) => part.text ?? "").join("");
    expect(textOf(ours)).toBe(join(said(false)));
    expect(textOf(ours, "reasoning")).toBe(join(said(true)));
    const calls = parts.flatMap(({ functionCall }) => functionCall ?? []);
    const functions = ours.parts.filter((part) => part.type === "tool-call" && part.executor === "client");
    expect(functions).toMatchObject(
      calls.map(({ id, name, args }) => ({ name, argumentsJson: JSON.stringify(args ?? {}), ...(id && { id }) })),
    );
    const last = theirs.at(-1);
    expect(ours.model).toBe(last?.modelVersion);
    expect(ours.finished?.providerFinishReason).toBe(last?.candidates?.[0]?.finishReason);
    const { promptTokenCount = 0, toolUsePromptTokenCount = 0, cachedContentTokenCount } = last?.usageMetadata ?? {};
    expect(ours.finished?.usage).toMatchObject({
      inputTokens: promptTokenCount + toolUsePromptTokenCount,
      ...(cachedContentTokenCount !== undefined && { cachedInputTokens: cachedContentTokenCount }),
    });
    const media = parts.flatMap((part) => (part.inlineData && !part.thought ? [part.inlineData.data ?? ""] : []));
    expect(ours.parts.flatMap((part) => (part.type === "media" ? [...(part.media.data ?? [])] : []))).toEqual(
      media.flatMap((data) => [...Buffer.from(data, "base64")]),
    );
  });

  test.each(["error-event", "error-inside", "error-first"])("and throws at %s as we do", async (name) => {
    const theirs = await sdkChunks(name).catch((error: unknown) => error);
    const { error } = await readBody(body(name));
    expect(error).toBeDefined();
    // For what is no event it complains of the JSON instead.
    expect(theirs).toBeInstanceOf(Error);
  });
});

describe("a body cut at every byte", () => {
  test.each([...whole, "partial-arguments"])("%s gives the same answer", async (name) => {
    const uncut = withoutMintedIds(assemble((await readBody(body(name))).events));
    for (let at = 1; at < body(name).length; at++) {
      const { events } = await readBody(body(name), [at]);
      expect(withoutMintedIds(assemble(events)), `cut at ${at}`).toEqual(uncut);
    }
  });

  test.each(whole)("%s that ends there is broken, unless the finishReason has come", async (name) => {
    const bytes = body(name);
    const uncut = await readBody(bytes);
    const last = bytes.lastIndexOf("}", bytes.length);
    for (let at = 0; at <= last; at++) {
      const { events, error } = await readBody(bytes.subarray(0, at));
      assemble(events);
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      const told = withoutMintedIds(uncut.events.slice(0, events.length));
      expect(told, `ends at ${at}`).toEqual(withoutMintedIds(events));
    }
    expect((await readBody(bytes.subarray(0, last + 1))).error).toBeUndefined();
  });

  test.each(["error-inside", "error-event"])("%s is told wherever the body is cut", async (name) => {
    const bytes = body(name);
    for (let at = 1; at < bytes.length; at++) {
      const { error } = await readBody(bytes, [at]);
      expect(error, `cut at ${at}`).toMatchObject({ reason: "provider_unavailable" });
    }
  });
});

describe("endings", () => {
  test("without a finishReason, after the text so far; [DONE] is none", async () => {
    for (const bytes of [body("broken"), Buffer.concat([body("broken"), Buffer.from("data: [DONE]\n\n")])]) {
      const { events, error } = await readBody(bytes);
      expect(error).toMatchObject({
        code: "unavailable",
        reason: "stream_broken",
        facts: { providerRequestId: "kQ8vaeX1B" },
      });
      expect(events.map((event) => (event.type === "delta" ? event.text : "")).join("")).toBe("Broken");
    }
  });

  test("an empty body, and a page, are broken; an event that is not JSON is unreadable", async () => {
    for (const text of ["", "<html>Bad gateway</html>"]) {
      const { events, error } = await readBody(Buffer.from(text));
      expect(events).toEqual([]);
      expect(error).toMatchObject({ reason: "stream_broken" });
    }
    const { error } = await readBody(Buffer.from("data: {oops\n\n"));
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });

  test.each(["error-inside", "error-event"])("%s is thrown after the text, with its meaning", async (name) => {
    const { events, error } = await readBody(body(name));
    expect(events.at(-1)).toMatchObject({ type: "delta", text: "Half" });
    expect(error).toMatchObject({
      code: "unavailable",
      reason: "provider_unavailable",
      facts: { httpStatus: 503, providerCode: "UNAVAILABLE", providerRequestId: "kQ8vaeX1B" },
    });
    expect(error?.message).toContain("The model is overloaded");
  });

  test("an error in a list, in place of a stream, says how long to wait", async () => {
    const { events, error } = await readBody(body("error-first"));
    expect(events).toEqual([]);
    expect(error).toMatchObject({
      code: "resource_exhausted",
      reason: "rate_limited",
      facts: { retryAfterMs: 34_500, httpStatus: 429 },
    });
  });

  test("a blocked prompt is an error, before any event", async () => {
    const { events, error } = await readBody(body("prompt-blocked"));
    expect(events).toEqual([]);
    expect(error).toMatchObject({
      code: "invalid_argument",
      reason: "content_blocked",
      facts: { providerCode: "PROHIBITED_CONTENT" },
    });
  });

  test.each([
    ["safety", "content_filter", "SAFETY"],
    ["length", "length", "MAX_TOKENS"],
    ["malformed-call", "other", "MALFORMED_FUNCTION_CALL"],
    ["text", "stop", "STOP"],
    ["tool-call", "tool_calls", "STOP"],
    ["code-execution", "stop", "STOP"],
  ])("%s ends as %s", async (name, finishReason, providerFinishReason) => {
    expect((await answerOf(name)).finished).toMatchObject({ finishReason, providerFinishReason });
  });

  test("usage may come in a chunk of its own, after the end", async () => {
    const usage = Buffer.from('data: {"usageMetadata":{"promptTokenCount":3}}\r\n\r\n');
    const end = chunks({ content: { parts: [{ text: "Hi" }] }, finishReason: "STOP" });
    const { events } = await readBody(Buffer.concat([end, usage]));
    expect(assemble(events).finished?.usage.inputTokens).toBe(3);
  });

  test("an answer that could go on says with which token", async () => {
    const end = { content: { parts: [{ text: "Hi" }] }, finishReason: "CONTINUATION", continuationToken: "dG9r" };
    const { finished } = assemble((await readBody(chunks(end))).events);
    expect(finished).toMatchObject({ finishReason: "length", metadata: { continuationToken: "dG9r" } });
  });
});

describe("what an answer becomes", () => {
  test("text, usage, and the signature with the piece that it came with", async () => {
    const answer = await answerOf("text");
    expect(answer).toEqual({
      model: "gemini-3.8-flash",
      parts: [{ type: "text", text: "Grüezi, 👋🏽 world", providerState: expect.anything() }],
      finished: {
        type: "finished",
        finishReason: "stop",
        providerFinishReason: "STOP",
        usage: {
          inputTokens: 12,
          outputTokens: 13,
          cachedInputTokens: 4,
          reasoningTokens: 5,
          providerUsage: expect.objectContaining({ totalTokenCount: 25 }),
        },
      },
    });
    expect(answer.parts[0]?.providerState?.providerKind).toBe("google");
    expect(stateOf(answer.parts[0])).toEqual({ thoughtSignature: signature, offset: "Grüezi, 👋🏽 wor".length });
    const [response] = (await readBody(body("text"))).events;
    expect(response).toEqual({ type: "response", model: "gemini-3.8-flash", requestId: "kQ8vaeX1B" });
  });

  test("a signature that comes last, with no text", async () => {
    const [part, ...others] = (await answerOf("trailing-signature")).parts;
    expect(part).toMatchObject({ type: "text", text: "Forty-two" });
    expect(stateOf(part)).toEqual({ thoughtSignature: signature, offset: 9 });
    expect(others).toEqual([]);
  });

  test("a signature alone is kept as reasoning without text", async () => {
    const parts = [
      { text: "Hm", thought: true },
      { text: "", thoughtSignature: "x" },
    ];
    const answer = assemble((await readBody(chunks({ content: { parts }, finishReason: "STOP" }))).events);
    expect(answer.parts).toMatchObject([
      { type: "reasoning", text: "Hm" },
      { type: "reasoning", text: "", redacted: true },
    ]);
    expect(answer.parts.map(stateOf)).toEqual([undefined, { thoughtSignature: "x" }]);
  });

  test("two signed pieces are not joined", async () => {
    const piece = (text: string, thoughtSignature?: string) => ({ text, thoughtSignature });
    const parts = [piece("a", "1"), piece("b", "2"), piece("c")];
    const answer = assemble((await readBody(chunks({ content: { parts }, finishReason: "STOP" }))).events);
    expect(answer.parts.map((part) => part.type === "text" && part.text)).toEqual(["a", "b", "c"]);
    expect(answer.parts.map(stateOf)).toEqual([{ thoughtSignature: "1" }, { thoughtSignature: "2" }, undefined]);
  });

  test("calls: ids of the vendor's, or made up; two at once, of which the first is signed", async () => {
    const { parts } = await answerOf("parallel-tool-calls");
    expect(parts).toMatchObject([
      { type: "text", text: "Let me look." },
      { type: "tool-call", id: "fc_A", name: "get_weather", argumentsJson: '{"city":"Bern"}', executor: "client" },
      { type: "tool-call", id: "fc_B", name: "get_time", argumentsJson: '{"zone":"Europe/Zurich"}' },
    ]);
    expect(parts.map(stateOf)).toEqual([undefined, { thoughtSignature: signature }, undefined]);
    const [call] = callsOf(await answerOf("tool-call-without-arguments"));
    expect(call).toEqual({ id: expect.stringMatching(/^call_\w{32}$/), name: "ping", argumentsJson: "{}" });
  });

  test("arguments that come in pieces", async () => {
    const [call] = callsOf(await answerOf("partial-arguments"));
    expect(call).toMatchObject({ id: "fc_P", name: "plan" });
    expect(JSON.parse(call?.argumentsJson ?? "")).toEqual({
      route: { stops: [{ city: "Zürich" }, { city: "Bern" }] },
      days: 2,
      return: false,
      "a b": null,
    });
  });

  test("paths of pieces reach nothing but the arguments", async () => {
    const partialArgs = [
      { jsonPath: "$.__proto__.polluted", stringValue: "x" },
      { jsonPath: "$.list[999999999]", numberValue: 1 },
      { jsonPath: "$", numberValue: 1 },
    ];
    const parts = [{ functionCall: { name: "f", partialArgs } }];
    const answer = assemble((await readBody(chunks({ content: { parts }, finishReason: "STOP" }))).events);
    expect(callsOf(answer)[0]?.argumentsJson).toBe('{"__proto__":{"polluted":"x"},"list":[1]}');
    expect({}).not.toHaveProperty("polluted");
  });

  test("thoughts, shown or hidden; the signature of the call stays", async () => {
    const shown = await answerOf("thinking-and-tool");
    expect(shown.parts).toMatchObject([
      { type: "reasoning", text: "**Looking** at it\n" },
      { type: "tool-call", id: "fc_R" },
    ]);
    const hidden = await answerOf("thinking-and-tool", { hideReasoning: true });
    expect(hidden.parts).toEqual(shown.parts.slice(1));
  });

  test("sources become citations, their bytes UTF-16 code units", async () => {
    const answer = await answerOf("grounding");
    const [part] = answer.parts;
    const text = textOf(answer);
    const spans = (part?.citations ?? []).map(({ uri, startIndex, endIndex }) => [
      uri,
      text.slice(startIndex, endIndex),
    ]);
    expect(spans).toEqual([
      ["https://example.com/zh", "Zürich ist schön."],
      ["https://example.com/be", "Zürich ist schön."],
      ["https://example.com/be", "Bern auch."],
      ["https://example.com/other", text],
    ]);
    expect(part?.citations?.[3]).toEqual({ uri: "https://example.com/other", title: "Other", quote: "" });
    expect(answer.finished?.metadata?.groundingMetadata).toHaveProperty("searchEntryPoint");
    expect(answer.finished?.usage.inputTokens).toBe(42);
  });

  test("what was found before is not listed again, and what is quoted is cited", async () => {
    const grounding = (count: number) => ({
      groundingChunks: [{ web: { uri: "https://a.test" } }, { web: { uri: "https://b.test" } }].slice(0, count),
    });
    const answer = assemble(
      (
        await readBody(
          chunks(
            { content: { parts: [{ text: "äb" }] }, groundingMetadata: grounding(1) },
            {
              content: { parts: [{ text: "c" }] },
              groundingMetadata: grounding(2),
              citationMetadata: { citationSources: [{ startIndex: 2, endIndex: 4, uri: "https://c.test" }] },
              finishReason: "STOP",
            },
          ),
        )
      ).events,
    );
    expect(answer.parts[0]?.citations).toEqual([
      { uri: "https://a.test", title: "", quote: "" },
      { uri: "https://b.test", title: "", quote: "" },
      { uri: "https://c.test", title: "", quote: "", startIndex: 1, endIndex: 3 },
    ]);
  });

  test("code that the provider ran, between two texts", async () => {
    const { parts } = await answerOf("code-execution");
    expect(parts).toMatchObject([
      { type: "text", text: "I compute." },
      {
        type: "tool-call",
        id: "ce_1",
        name: "code_execution",
        argumentsJson: '{"language":"python","code":"print(6*7)\\n"}',
        executor: "provider",
      },
      { type: "tool-result", toolCallId: "ce_1", name: "code_execution", text: "42\n", failed: false },
      { type: "text", text: "It is 42." },
    ]);
    const theirs = await sdkParts("code-execution");
    expect(parts.slice(1, 3).map(stateOf)).toEqual(theirs.slice(1, 3).map((part) => ({ part })));
  });

  test("tools that the provider runs have to come back as they were", async () => {
    const { parts } = await answerOf("server-tools");
    expect(parts).toMatchObject([
      { type: "tool-call", id: "st_1", name: "google_search_web", executor: "provider" },
      { type: "tool-result", toolCallId: "st_1", structured: { search_suggestions: "x" } },
      { type: "tool-call", id: "fc_1", executor: "client" },
    ]);
  });

  test("failed code, of an old model that gives no ids", async () => {
    const parts = [
      { executableCode: { language: "PYTHON", code: "1/0" } },
      { codeExecutionResult: { outcome: "OUTCOME_FAILED", output: "ZeroDivisionError" } },
    ];
    const answer = assemble((await readBody(chunks({ content: { parts }, finishReason: "STOP" }))).events);
    const [call, result] = answer.parts;
    expect(result).toMatchObject({
      failed: true,
      text: "ZeroDivisionError",
      toolCallId: call?.type === "tool-call" && call.id,
    });
  });

  test("a picture, signed; drafts among the thoughts are left out", async () => {
    const answer = await answerOf("image");
    expect(answer.parts).toMatchObject([
      { type: "reasoning", text: "Drafting" },
      { type: "text", text: "Here: " },
      { type: "media", media: { mimeType: "image/png" } },
    ]);
    expect(stateOf(answer.parts[2])).toEqual({ thoughtSignature: signature });
    expect(answer.finished?.usage.outputImages).toBe(1);
  });

  test("sound in pieces is one part", async () => {
    const answer = await answerOf("audio");
    const data = Buffer.from([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(answer.parts).toEqual([{ type: "media", media: { data, mimeType: "audio/pcm;rate=24000" } }]);
    expect(answer.finished?.usage.outputAudioTokens).toBe(8);
  });

  test("the function that stands for a JSON answer is the text", async () => {
    const answer = await answerOf("tool-call", { answerTool: "get_weather" });
    expect(JSON.parse(textOf(answer))).toEqual({ city: "Zürich", days: [1, 2] });
    expect(answer.finished?.finishReason).toBe("stop");
  });

  test("only the first candidate counts", async () => {
    const bytes = chunks(
      { index: 1, content: { parts: [{ text: "no" }] }, finishReason: "STOP" },
      { index: 0, content: { parts: [{ text: "yes" }] }, finishReason: "STOP" },
    );
    expect(textOf(assemble((await readBody(bytes)).events))).toBe("yes");
  });
});

describe("a unary answer", () => {
  test.each(["thinking-and-tool", "grounding"])("%s gives what the stream gave", async (name) => {
    const unary: unknown = JSON.parse(fixture(`google/${name}.json`).toString());
    const answer = assemble(readGenerateContent(unary, { kind }));
    const streamed = await answerOf(name);
    // A stream signs the last piece, a unary answer the whole.
    const unsigned = (parts: readonly object[]) => parts.map((part) => ({ ...part, providerState: undefined }));
    expect(unsigned(answer.parts)).toEqual(unsigned(streamed.parts));
    expect(answer.finished).toEqual(streamed.finished);
  });

  test("without an end, or that is none, is unreadable", () => {
    for (const value of [{ candidates: [] }, null, []]) {
      expect(() => readGenerateContent(value, { kind })).toThrow(
        expect.objectContaining({ reason: "bad_provider_response" }),
      );
    }
  });
});
