import { describe, expect, test } from "vitest";
import type { ChatRequest, Message } from "../../../src/core/chat.ts";
import type { ModelTool } from "../../../src/core/tools.ts";
import { groq } from "../../../src/providers/groq/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { expectAnswersOfAimock, startAimock } from "../openai-compatible/aimock.ts";
import { buildProvider, runStream, runWhole } from "../openai-compatible/provider.ts";
import { assemble, fixture, textOf } from "../openai-compatible/reading.ts";
import { chatRequest, generation, result, user } from "../openai-compatible/request.ts";
import { build, never, runToEnd, speechRequest, transcriptionRequest } from "../speech-driving.ts";
import { startUploadVendor } from "../upload-vendor.ts";
import { body } from "./reading.ts";

const say = (text: string, more: Partial<ChatRequest> = {}) =>
  chatRequest({ model: "openai/gpt-oss-120b", messages: [user({ type: "text", text })], ...more });
const buildOn = (vendor: VendorServer) => buildProvider(groq, { baseUrl: `${vendor.url}/openai/v1`, apiKey: "gsk_1" });

/** The body that goes out for a request, and the warnings that come back. */
async function sentFor(request: Partial<ChatRequest>) {
  await using vendor = await startVendor({ body: [body("text")] });
  await using provider = buildOn(vendor);
  const { events, error } = await runStream(provider.chat, say("Hi", request));
  if (error) throw error;
  const [first] = events;
  const warnings = first?.type === "response" ? (first.warnings ?? []).map(({ field }) => field) : [];
  return { sent: JSON.parse(vendor.calls[0]?.body ?? "null"), warnings };
}

describe("over HTTP", () => {
  test("sends the key, the request and no more; gives the vendor's ids", async () => {
    await using vendor = await startVendor({ headers: { "x-request-id": "req_v" }, body: [body("text")] });
    await using provider = buildOn(vendor);
    const { events } = await runStream(provider.chat, say("Hi", { model: "llama-3.3-70b-versatile" }));
    expect(events[0]).toEqual({ type: "response", model: "llama-3.3-70b-versatile", requestId: "req_v" });
    expect(textOf(assemble(events))).toBe("Grüezi, 👋🏽 world");
    expect(vendor.calls[0]).toMatchObject({
      method: "POST",
      path: "/openai/v1/chat/completions",
      headers: { authorization: "Bearer gsk_1" },
    });
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toEqual({
      model: "llama-3.3-70b-versatile",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test("an answer is the history of the next step, reasoning and all", async () => {
    await using vendor = await startVendor({ body: [body("reasoning-and-tool")] });
    await using provider = buildOn(vendor);
    const first = await runWhole(provider.chat, say("Weather?"));
    const history: Message[] = [...say("Weather?").messages, { role: "assistant", parts: first.parts }];
    vendor.answerWith({ body: [body("text")] });
    const second = await runWhole(provider.chat, say("", { messages: [...history, result("fc_5e")] }));
    expect(textOf(second)).toBe("Grüezi, 👋🏽 world");
    expect(JSON.parse(vendor.calls[1]?.body ?? "").messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: null,
        reasoning: "The user wants the weather.",
        tool_calls: [
          { id: "fc_5e", type: "function", function: { name: "get_weather", arguments: '{"city":"Bern"}' } },
        ],
      },
      { role: "tool", tool_call_id: "fc_5e", content: "ok" },
    ]);
  });

  test("what Groq's tools did stays out of the next step, with a warning", async () => {
    await using vendor = await startVendor({ body: [body("compound")] });
    await using provider = buildOn(vendor);
    const { parts } = await runWhole(provider.chat, say("Weather?", { model: "groq/compound" }));
    const messages: Message[] = [...say("Weather?").messages, { role: "assistant", parts }, ...say("Why?").messages];
    const { events } = await runStream(provider.chat, say("", { messages }));
    expect(JSON.parse(vendor.calls[1]?.body ?? "").messages[1]).toEqual({
      role: "assistant",
      content: "Sunny, 21 °C or 69.8 °F.",
      reasoning: "I will search.\nNow in Fahrenheit.\n",
    });
    expect(events[0]).toMatchObject({ warnings: [{ code: "part-dropped" }, { code: "part-dropped" }] });
  });

  test("a whole answer has the same parts", async () => {
    await using vendor = await startVendor({ body: [fixture("groq/compound.json")] });
    await using provider = buildOn(vendor);
    const answer = assemble(await provider.chat.generate(say("Hi", { model: "groq/compound" }), never));
    expect(answer.parts.map((part) => (part.type === "tool-call" ? part.name : part.type))).toEqual([
      "search",
      "tool-result",
      "python",
      "tool-result",
      "reasoning",
      "text",
    ]);
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).not.toHaveProperty("stream");
  });

  test("lists models", async () => {
    const list = { data: [{ id: "qwen/qwen3-32b", context_window: 131_072, max_completion_tokens: 40_960 }] };
    await using vendor = await startVendor({ body: [JSON.stringify(list)] });
    await using provider = buildOn(vendor);
    expect(await provider.models.list(never)).toEqual([
      { id: "qwen/qwen3-32b", contextWindow: 131_072, maxOutputTokens: 40_960 },
    ]);
    expect(vendor.calls[0]).toMatchObject({ method: "GET", path: "/openai/v1/models" });
  });
});

describe("a form of the answer", () => {
  const outputFormat = { type: "json-schema", name: "reply", schemaJson: '{"type":"object"}' } as const;

  test.each<[string, Partial<ChatRequest>]>([
    ["a schema", { outputFormat }],
    ["any object", { outputFormat: { type: "json-object" }, model: "llama-3.3-70b-versatile" }],
  ])("%s is not streamed by Groq, and comes as one answer", async (_, request) => {
    const message = { role: "assistant", content: '{"a":1}' };
    const answer = { model: "m", choices: [{ index: 0, message, finish_reason: "stop" }], usage: { prompt_tokens: 3 } };
    await using vendor = await startVendor({ body: [JSON.stringify(answer)] });
    await using provider = buildOn(vendor);
    const { events, error } = await runStream(provider.chat, say("Hi", request));
    expect(error).toBeUndefined();
    expect(textOf(assemble(events))).toBe('{"a":1}');
    const sent = JSON.parse(vendor.calls[0]?.body ?? "");
    expect(sent).toHaveProperty("response_format");
    expect(sent).not.toHaveProperty("stream");
  });

  test.each<[string, Partial<ChatRequest>]>([
    ["a model that has no schemas", { model: "llama-3.3-70b-versatile" }],
    ["tools beside it", { tools: [{ type: "function", name: "f" }] }],
  ])("with %s it is a tool, and streamed", async (_, request) => {
    const { sent, warnings } = await sentFor({ outputFormat, ...request });
    expect(sent).toMatchObject({ stream: true, tool_choice: "required" });
    expect(sent.tools.at(-1).function.name).toBe("reply");
    expect(sent).not.toHaveProperty("response_format");
    expect(warnings).toEqual(["config.outputFormat.jsonSchema"]);
  });
});

describe("reasoning, as the family of the model has it", () => {
  const reasoning = (more: object) => ({ generation: generation({ reasoning: { hidden: false, ...more } }) });

  test.each<[model: string, config: object, expected: object]>([
    ["openai/gpt-oss-20b", {}, {}],
    ["openai/gpt-oss-20b", { effort: "max" }, { reasoning_effort: "high" }],
    ["openai/gpt-oss-20b", { hidden: true }, { include_reasoning: false }],
    ["qwen/qwen3-32b", {}, { reasoning_format: "parsed" }],
    ["qwen/qwen3-32b", { effort: "disabled" }, { reasoning_format: "parsed", reasoning_effort: "none" }],
    ["qwen/qwen3-32b", { effort: "low" }, { reasoning_format: "parsed", reasoning_effort: "default" }],
    ["qwen/qwen3-32b", { hidden: true }, { reasoning_format: "hidden" }],
    ["llama-3.3-70b-versatile", { hidden: true }, {}],
    ["llama-3.3-70b-versatile", { effort: "high" }, {}],
    ["some/new-model", { effort: "high" }, { reasoning_effort: "high" }],
  ])("%s %j", async (model, config, expected) => {
    const { sent } = await sentFor({ model, ...reasoning(config) });
    const { model: _, messages, stream, stream_options, ...rest } = sent;
    expect(rest).toEqual(expected);
  });

  test("the target's options win, and what a family has not is said", async () => {
    const { sent } = await sentFor({ model: "qwen/qwen3-32b", options: { reasoning_format: "raw" } });
    expect(sent.reasoning_format).toBe("raw");
    const { warnings } = await sentFor(reasoning({ effort: "disabled" }));
    expect(warnings).toEqual(["config.generation.reasoning.effort"]);
  });
});

describe("Groq's own tools", () => {
  const search: ModelTool = { type: "web-search", allowedDomains: [], blockedDomains: [] };

  test("on models, beside the caller's", async () => {
    const tools: ModelTool[] = [search, { type: "code-execution" }, { type: "function", name: "f" }];
    const { sent, warnings } = await sentFor({ tools });
    expect(sent.tools.map(({ type }: { type: string }) => type)).toEqual([
      "browser_search",
      "code_interpreter",
      "function",
    ]);
    expect(warnings).toEqual([]);
  });

  test("on Compound, by name, with where to search", async () => {
    const tools: ModelTool[] = [
      { ...search, allowedDomains: ["*.edu"], regionCode: "ch", contextSize: "high" },
      { type: "code-execution" },
      { type: "provider-tool", providerType: "wolfram_alpha", config: { wolfram_settings: { authorization: "w" } } },
    ];
    const { sent, warnings } = await sentFor({ model: "groq/compound", tools, toolChoice: required });
    expect(sent).toMatchObject({
      compound_custom: {
        tools: {
          enabled_tools: ["web_search", "code_interpreter", "wolfram_alpha"],
          wolfram_settings: { authorization: "w" },
        },
      },
      search_settings: { include_domains: ["*.edu"], country: "switzerland" },
    });
    expect(sent).not.toHaveProperty("tools");
    expect(sent).not.toHaveProperty("tool_choice");
    expect(warnings).toEqual(["config.toolChoice.mode", "config.tools[0].webSearch.contextSize"]);
  });

  test("Compound without tools is left as it is, and takes none of the caller's", async () => {
    const { sent } = await sentFor({ model: "compound-beta" });
    expect(sent).not.toHaveProperty("compound_custom");
    await expect(
      sentFor({ model: "groq/compound-mini", tools: [search, { type: "function", name: "f" }] }),
    ).rejects.toMatchObject({ code: "failed_precondition", message: expect.stringContaining("config.tools[1]") });
  });
});

const required = { mode: "required", toolNames: [] } as const;

describe("speech and transcription", () => {
  test("speaks WAV at the rate that is asked for", async () => {
    const wav = Buffer.from("RIFF....WAVE");
    await using vendor = await startVendor({ headers: { "content-type": "audio/wav" }, body: [wav] });
    await using provider = build(groq, { baseUrl: `${vendor.url}/openai/v1` });
    const format = provider.speech.formats("m").find(({ sampleRateHertz }) => sampleRateHertz === 16_000);
    const request = speechRequest({ model: "canopylabs/orpheus-v1-english", voice: "hannah", format });
    const { error } = await runToEnd(provider.speech.stream(request, never));
    expect(error).toBeUndefined();
    expect(vendor.calls[0]?.path).toBe("/openai/v1/audio/speech");
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toMatchObject({
      voice: "hannah",
      response_format: "wav",
      sample_rate: 16_000,
    });
  });

  test("Whisper gives segments and words", async () => {
    const answer = {
      text: " Hello there. ",
      language: "English",
      duration: 1.5,
      segments: [{ id: 0, start: 0, end: 1.5, text: " Hello there.", avg_logprob: 0 }],
      words: [
        { word: "Hello", start: 0, end: 0.5 },
        { word: "there.", start: 0.6, end: 1.2 },
      ],
      x_groq: { id: "req_01k" },
    };
    await using vendor = await startUploadVendor(answer);
    await using provider = build(groq, { baseUrl: `${vendor.url}/openai/v1` });
    const request = transcriptionRequest({ model: "whisper-large-v3-turbo", wordTimings: true });
    expect(await provider.transcription.transcribe(request, never)).toMatchObject({
      text: "Hello there.",
      languageCode: "en",
      durationMs: 1500,
      segments: [
        { text: "Hello there.", startMs: 0, endMs: 1500, words: [{ text: "Hello" }, { startMs: 600, endMs: 1200 }] },
      ],
    });
    expect(vendor.uploads[0]).toMatchObject({ path: "/openai/v1/audio/transcriptions" });
    expect(vendor.uploads[0]?.fields).toContainEqual(["response_format", "verbose_json"]);
  });
});

test("an independent vendor: text, a tool call, stream and unary alike", async () => {
  await using mock = await startAimock();
  await using provider = buildProvider(groq, { baseUrl: `${mock.url}/openai/v1`, apiKey: "mock" });
  await expectAnswersOfAimock(provider.chat, say);
});
