import { describe, expect, test } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import { asStream, toChatCompletionsRequest } from "../../../src/providers/openai-compatible/chat-request.ts";
import type { Dialect } from "../../../src/providers/openai-compatible/dialect.ts";
import { chooseDialect, dialects } from "../../../src/providers/openai-compatible/dialects.ts";
import { writeJson } from "../../../src/providers/openai-compatible/json-text.ts";
import { writeState } from "../../../src/providers/openai-compatible/provider-state.ts";
import { assistant, call, chatRequest, generation, media, result, user } from "./request.ts";

type Name = keyof typeof dialects;

const requestFor = (name: Name, more: Partial<ChatRequest> = {}) =>
  toChatCompletionsRequest(chatRequest(more), dialects[name]);

/** The body as it goes over the wire. */
const bodyFor = (name: Name, more: Partial<ChatRequest> = {}) => JSON.parse(writeJson(requestFor(name, more).body));

const warningsFor = (name: Name, more: Partial<ChatRequest> = {}) =>
  requestFor(name, more).warnings.map(({ code, field }) => `${code} ${field}`);

const everyOption = generation({
  temperature: 0,
  topP: 0.5,
  topK: 40,
  maxOutputTokens: 100,
  stopSequences: ["a", "b", "c", "d", "e"],
  seed: 0,
  presencePenalty: 0.1,
  frequencyPenalty: 0.2,
});

describe("options", () => {
  test("the least request has a model and messages, no more", () => {
    expect(bodyFor("generic")).toEqual({ model: "m", messages: [{ role: "user", content: "Hi" }] });
  });

  test("every option by its name; unknown ones are dropped with a warning", () => {
    expect(bodyFor("openai", { generation: everyOption })).toMatchObject({
      temperature: 0,
      top_p: 0.5,
      max_completion_tokens: 100,
      stop: ["a", "b", "c", "d"],
      seed: 0,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
    });
    expect(warningsFor("openai", { generation: everyOption })).toEqual([
      "option-ignored config.generation.topK",
      "option-clamped config.generation.stopSequences",
    ]);
    expect(bodyFor("vllm", { generation: everyOption })).toMatchObject({ top_k: 40, max_tokens: 100 });
    expect(bodyFor("mistral", { generation: everyOption })).toMatchObject({ random_seed: 0 });
    expect(warningsFor("deepseek", { generation: everyOption })).toContain("option-ignored config.generation.seed");
  });

  test.each(["openai", "azure"] as const)("%s: what a model that reasons refuses is dropped with a warning", (name) => {
    const model = "gpt-5-mini";
    const kept = { model, messages: [{ role: "user", content: "Hi" }], max_completion_tokens: 100, seed: 0 };
    expect(bodyFor(name, { model, generation: everyOption })).toEqual(kept);
    const dropped = ["temperature", "topP", "topK", "presencePenalty", "frequencyPenalty", "stopSequences"];
    expect(warningsFor(name, { model, generation: everyOption })).toEqual(
      dropped.map((option) => `option-ignored config.generation.${option}`),
    );
    const still = generation({ temperature: 0, reasoning: { effort: "disabled", hidden: false } });
    expect(bodyFor(name, { model: "gpt-5.2", generation: still })).toMatchObject({
      temperature: 0,
      reasoning_effort: "none",
    });
    expect(bodyFor(name, { model, generation: still })).toMatchObject({ reasoning_effort: "minimal" });
    expect(warningsFor(name, { model, generation: still })).toContain(
      "option-clamped config.generation.reasoning.effort",
    );
  });

  test("a model that cannot reason is not asked to", () => {
    const reasoning = (effort: "low" | "disabled") => generation({ reasoning: { effort, hidden: false } });
    const low = { model: "gpt-4.1", generation: reasoning("low") };
    expect(bodyFor("openai", low)).not.toHaveProperty("reasoning_effort");
    expect(warningsFor("openai", low)).toEqual(["option-ignored config.generation.reasoning.effort"]);
    expect(warningsFor("openai", { model: "gpt-4.1", generation: reasoning("disabled") })).toEqual([]);
  });

  test.each<[Name, string, object, object, readonly string[]]>([
    ["xai", "grok-4.3", { effort: "disabled" }, { reasoning_effort: "none" }, []],
    ["xai", "grok-4.5", { effort: "disabled" }, { reasoning_effort: "low" }, ["option-clamped"]],
    ["xai", "grok-4.7", { effort: "max" }, { reasoning_effort: "high" }, []],
    ["xai", "grok-4.20-0309-reasoning", { effort: "low" }, {}, ["option-ignored"]],
    ["xai", "grok-4.20-0309-non-reasoning", { effort: "disabled" }, {}, []],
    ["xai", "grok-3-mini", { effort: "medium" }, { reasoning_effort: "high" }, []],
    ["xai", "my-deployment", { effort: "medium" }, { reasoning_effort: "medium" }, []],
    ["mistral", "mistral-small-latest", { effort: "low" }, { reasoning_effort: "high" }, []],
    ["mistral", "mistral-medium-2505", { effort: "low" }, {}, ["option-ignored"]],
    ["mistral", "mistral-large-latest", { effort: "high" }, {}, ["option-ignored"]],
    ["mistral", "codestral-latest", { effort: "disabled" }, {}, []],
    ["mistral", "magistral-medium-latest", { effort: "disabled" }, {}, ["option-ignored"]],
  ])("%s: %s is told %j", (name, model, reasoning, expected, codes) => {
    const config = generation({ reasoning: { hidden: false, ...reasoning } });
    const { model: _, messages: __, ...options } = bodyFor(name, { model, generation: config });
    expect(options).toEqual(expected);
    expect(warningsFor(name, { model, generation: config })).toEqual(
      codes.map((code) => `${code} config.generation.reasoning.effort`),
    );
  });

  const functions = [{ type: "function", name: "f" }] as const;

  test.each([
    ["gpt-5.6-luna", undefined, "none", true],
    ["gpt-5.5", "high", "none", true],
    ["gpt-6-sol", "low", "none", true],
    ["gpt-6-luna", "disabled", "none", false],
    ["gpt-5.4-mini", undefined, undefined, false],
    ["gpt-5.4-mini", "low", "none", true],
    ["gpt-5.2", "high", "high", false],
    ["gpt-6.1-sol", "high", "high", false],
    ["my-deployment", "high", "high", false],
  ] as const)("%s with functions beside it, asked to think %s, is told %s", (model, effort, word, clamped) => {
    const config = generation(effort && { reasoning: { hidden: false, effort } });
    const request = { model, generation: config, tools: functions };
    expect(bodyFor("azure", request).reasoning_effort).toBe(word);
    expect(warningsFor("azure", request)).toEqual(clamped ? ["option-clamped config.generation.reasoning"] : []);
    expect(warningsFor("azure", { model, generation: config })).toEqual([]);
    expect(warningsFor("azure", { ...request, options: { reasoning_effort: "none" } })).toEqual([]);
  });

  test("a model that rests for the sake of functions samples; open ones of OpenAI's always do", () => {
    const config = generation({ temperature: 0.2, stopSequences: ["x"] });
    expect(bodyFor("openai", { model: "gpt-5.6", generation: config, tools: functions })).toMatchObject({
      temperature: 0.2,
      reasoning_effort: "none",
    });
    expect(bodyFor("azure", { model: "gpt-oss-120b", generation: config })).toMatchObject({
      temperature: 0.2,
      stop: ["x"],
    });
  });

  test("DeepSeek does not think where it has to call a tool, which it refuses otherwise", () => {
    const off = { thinking: { type: "disabled" } };
    const forced = { tools: functions, toolChoice: { mode: "required", toolNames: [] } } as const;
    const outputFormat = { type: "json-schema", name: "reply", schemaJson: "{}" } as const;
    const clamped = "option-clamped config.generation.reasoning";
    expect(bodyFor("deepseek", forced)).toMatchObject(off);
    expect(warningsFor("deepseek", forced)).toEqual([clamped]);
    expect(bodyFor("deepseek", { outputFormat })).toMatchObject(off);
    expect(warningsFor("deepseek", { outputFormat })).toContain(clamped);
    expect(bodyFor("deepseek", { tools: functions })).not.toHaveProperty("thinking");
    const quiet = { ...forced, generation: generation({ reasoning: { hidden: false, effort: "disabled" } }) };
    expect(bodyFor("deepseek", quiet)).toMatchObject(off);
    expect(warningsFor("deepseek", quiet)).toEqual([]);
  });

  test("Grok that reasons has neither stop sequences nor penalties", () => {
    const asked = generation({ stopSequences: ["x"], presencePenalty: 1, frequencyPenalty: 1, temperature: 0 });
    const { model: _, messages: __, ...options } = bodyFor("xai", { model: "grok-4.5", generation: asked });
    expect(options).toEqual({ temperature: 0 });
    const dropped = ["presencePenalty", "frequencyPenalty", "stopSequences"];
    expect(warningsFor("xai", { model: "grok-4.5", generation: asked })).toEqual(
      dropped.map((option) => `option-ignored config.generation.${option}`),
    );
    const model = "grok-4.20-0309-non-reasoning";
    expect(bodyFor("xai", { model, generation: asked })).toMatchObject({ stop: ["x"], presence_penalty: 1 });
  });

  test("a scale that ends before 2", () => {
    expect(bodyFor("mistral", { generation: generation({ temperature: 2 }) })).toMatchObject({ temperature: 1.5 });
    expect(warningsFor("mistral", { generation: generation({ temperature: 2 }) })).toEqual([
      "option-clamped config.generation.temperature",
    ]);
    expect(warningsFor("mistral", { generation: generation({ temperature: 1.5 }) })).toEqual([]);
  });

  test("any JSON object is asked for in words, too, unless somebody has: vendors insist", () => {
    const outputFormat = { type: "json-object" } as const;
    expect(bodyFor("openai", { outputFormat, instructions: "Be Bo." }).messages[0]).toEqual({
      role: "developer",
      content: "Be Bo.\n\nAnswer with a JSON object.",
    });
    expect(bodyFor("deepseek", { outputFormat, instructions: "Speak JSON." }).messages[0].content).toBe("Speak JSON.");
    const messages = [user({ type: "text", text: "As Json, please" })];
    expect(bodyFor("deepseek", { outputFormat, messages }).messages).toHaveLength(1);
  });

  test("a stream asks for usage where it has to be asked for", () => {
    const { body } = requestFor("generic");
    expect(asStream(body, dialects.generic)).toMatchObject({ stream: true, stream_options: { include_usage: true } });
    expect(asStream(body, dialects.mistral)).not.toHaveProperty("stream_options");
  });

  test("the user's id where the vendor takes one", () => {
    expect(bodyFor("openai", { userId: "u" })).toMatchObject({ safety_identifier: "u" });
    expect(bodyFor("vllm", { userId: "u" })).toMatchObject({ user: "u" });
    expect(bodyFor("mistral", { userId: "u" })).not.toHaveProperty("user");
  });

  test.each<[Name, object, object]>([
    ["openai", { effort: "disabled" }, { reasoning_effort: "none" }],
    ["openai", { effort: "max" }, { reasoning_effort: "xhigh" }],
    ["azure", { effort: "minimal" }, { reasoning_effort: "low" }],
    ["deepseek", { effort: "disabled" }, { thinking: { type: "disabled" } }],
    ["deepseek", { effort: "low" }, { thinking: { type: "enabled" }, reasoning_effort: "low" }],
    ["openrouter", { effort: "high", hidden: true }, { reasoning: { effort: "high", exclude: true } }],
    ["openrouter", { effort: "high", budgetTokens: 99 }, { reasoning: { max_tokens: 99 } }],
    ["groq", { hidden: true }, { reasoning_format: "hidden" }],
  ])("reasoning of %s: %j", (name, reasoning, expected) => {
    const config = generation({ reasoning: { hidden: false, ...reasoning } });
    const { model: _, messages: __, ...options } = bodyFor(name, { generation: config });
    expect(options).toEqual(expected);
  });

  test("a budget or an effort that the vendor has not is dropped with a warning", () => {
    const config = generation({ reasoning: { hidden: false, effort: "disabled", budgetTokens: 5 } });
    expect(warningsFor("generic", { generation: config })).toEqual([
      "option-ignored config.generation.reasoning.effort",
      "option-ignored config.generation.reasoning.budgetTokens",
    ]);
  });

  test("the target's options go in last, objects key by key", () => {
    const config = generation({ temperature: 1, reasoning: { effort: "low", hidden: false } });
    const options = { temperature: 0.3, logit_bias: { "50256": -100 }, reasoning: { summary: "concise" } };
    expect(bodyFor("openrouter", { generation: config, options })).toMatchObject({
      temperature: 0.3,
      logit_bias: { "50256": -100 },
      reasoning: { effort: "low", summary: "concise" },
    });
  });

  test("options that are ours are refused, all at once", () => {
    const options = { model: "other", stream: false, n: 2, top_k: 1 };
    expect(() => requestFor("generic", { options })).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        reason: "invalid_request",
        facts: expect.objectContaining({
          violations: ["model", "stream", "n"].map((key) =>
            expect.objectContaining({ field: `route.targets[].options.${key}` }),
          ),
        }),
      }),
    );
  });
});

describe("messages", () => {
  test("instructions, system messages and names", () => {
    const messages = [
      { role: "system", parts: [{ type: "text", text: "Be kind." }] },
      { role: "user", name: "ann", parts: [{ type: "text", text: "Hi" }] },
    ] as const;
    expect(bodyFor("openai", { instructions: "You are Bo.", messages }).messages).toEqual([
      { role: "developer", content: "You are Bo." },
      { role: "developer", content: "Be kind." },
      { role: "user", content: "Hi", name: "ann" },
    ]);
    expect(bodyFor("mistral", { messages }).messages[1]).toEqual({ role: "user", content: "Hi" });
    expect(warningsFor("mistral", { messages })).toEqual(["option-ignored messages[1].name"]);
    expect(bodyFor("groq", { messages }).messages[1]).toEqual({ role: "user", content: "Hi" });
  });

  test("a tool's round trip", () => {
    const messages = [
      assistant(
        { type: "reasoning", text: "Hm." },
        { type: "text", text: "Let me " },
        { type: "text", text: "look." },
        call("call_1", "f", ""),
        call("call_2", "g", '{"x":12345678901234567890}'),
      ),
      result("call_1", { text: "", structured: { t: 1 } }),
      result("call_2", { text: "", failed: true }),
    ];
    expect(bodyFor("generic", { messages }).messages).toEqual([
      {
        role: "assistant",
        content: "Let me look.",
        tool_calls: [
          { id: "call_1", type: "function", function: { name: "f", arguments: "{}" } },
          { id: "call_2", type: "function", function: { name: "g", arguments: '{"x":12345678901234567890}' } },
        ],
      },
      { role: "tool", tool_call_id: "call_1", content: '{"t":1}' },
      { role: "tool", tool_call_id: "call_2", content: "The tool failed." },
    ]);
    expect(bodyFor("deepseek", { messages }).messages[0].reasoning_content).toBe("Hm.");
    expect(bodyFor("vllm", { messages }).messages[0].reasoning).toBe("Hm.");
  });

  test("ids that the vendor's alphabet has not are rewritten, call and result alike", () => {
    const id = `toolu_${"x".repeat(60)}`;
    const messages = [assistant(call(id, "f", "{}")), result(id), assistant(call("abcDEF123", "f", "{}"))];
    const [first, second, third] = bodyFor("mistral", { messages }).messages;
    expect(first.tool_calls[0].id).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(second.tool_call_id).toBe(first.tool_calls[0].id);
    expect(third.tool_calls[0].id).toBe("abcDEF123");
    expect(bodyFor("openai", { messages }).messages[0].tool_calls[0].id).toHaveLength(32);
  });

  test("what a tool returned besides text follows as the user's", () => {
    const png = { data: new Uint8Array([1]), mimeType: "image/png" };
    const messages = [result("a", { name: "shot", text: "", media: [png] })];
    expect(bodyFor("generic", { messages }).messages).toEqual([
      { role: "tool", tool_call_id: "a", content: "The result follows." },
      {
        role: "user",
        content: [
          { type: "text", text: "Returned by the tool shot:" },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQ==" } },
        ],
      },
    ]);
  });

  test("state goes back to its own kind, and is dropped for another, with one warning", () => {
    const details = [{ type: "reasoning.text", text: "Hm", signature: "s" }];
    const own = { type: "reasoning", text: "Hm", providerState: writeState("openai-compatible", details) } as const;
    const other = { type: "reasoning", text: "Hm", providerState: writeState("anthropic", {}) } as const;
    const text = { type: "text", text: "So." } as const;
    expect(bodyFor("openrouter", { messages: [assistant(own, text)] }).messages[0]).toEqual({
      role: "assistant",
      content: "So.",
      reasoning_details: details,
    });
    const messages = [assistant(other, text), assistant(other, text)];
    expect(warningsFor("openrouter", { messages })).toEqual([
      "provider-state-dropped messages[0].parts[0].providerState",
    ]);
  });

  test("calls of a provider's own tools are left out, with a warning", () => {
    const search = { ...call("ws", "web_search", "{}"), executor: "provider" } as const;
    const messages = [assistant(search as never, { type: "text", text: "Sunny." })];
    expect(bodyFor("generic", { messages }).messages).toEqual([{ role: "assistant", content: "Sunny." }]);
    expect(warningsFor("generic", { messages })).toEqual(["part-dropped messages[0].parts[0]"]);
  });

  test("custom tools go back in their own form", () => {
    const tools = [{ type: "provider-tool", providerType: "custom", config: { custom: { name: "sql" } } }] as const;
    const messages = [assistant(call("c", "custom", '{"name":"sql","input":"SELECT 1"}'))];
    expect(bodyFor("openai", { tools, messages })).toMatchObject({
      tools: [{ type: "custom", custom: { name: "sql" } }],
      messages: [{ tool_calls: [{ id: "c", type: "custom", custom: { name: "sql", input: "SELECT 1" } }] }],
    });
  });
});

describe("content", () => {
  const data = new Uint8Array([1, 2, 3]);
  const contentFor = (name: Name, ...parts: Parameters<typeof user>) =>
    bodyFor(name, { messages: [user(...parts)] }).messages[0].content;

  test.each([
    ["application/pdf", "", "file.pdf"],
    ["application/pdf", "report", "report.pdf"],
    ["text/csv;charset=utf-8", "", "file.csv"],
    ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "", "file.docx"],
    ["application/x-new", "", "file.txt"],
    ["text/plain", "main.rs", "main.rs"],
  ])("a file of type %s called %j is sent as %s: those without an ending are refused", (mimeType, filename, name) => {
    const part = media(mimeType, { data: new Uint8Array([1]), filename });
    const [{ content }] = bodyFor("openai", { messages: [user(part)] }).messages;
    expect(content[0].file.filename).toBe(name);
  });

  test("images, sound, documents and video as each vendor takes them", () => {
    expect(contentFor("openai", media("image/png", { data }))).toEqual([
      { type: "image_url", image_url: { url: "data:image/png;base64,AQID" } },
    ]);
    expect(contentFor("openai", media("", { uri: "https://x.test/a.jpg" }))).toEqual([
      { type: "image_url", image_url: { url: "https://x.test/a.jpg" } },
    ]);
    expect(contentFor("openai", media("audio/x-wav", { data }))).toEqual([
      { type: "input_audio", input_audio: { data: "AQID", format: "wav" } },
    ]);
    expect(contentFor("openai", media("application/pdf", { data, filename: "a.pdf" }))).toEqual([
      { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQID" } },
    ]);
    expect(contentFor("mistral", media("", { uri: "https://x.test/a.pdf?v=1" }))).toEqual([
      { type: "document_url", document_url: "https://x.test/a.pdf?v=1" },
    ]);
    expect(contentFor("vllm", media("video/mp4", { uri: "https://x.test/v" }))).toEqual([
      { type: "video_url", video_url: { url: "https://x.test/v" } },
    ]);
  });

  test.each<[string, Name, Parameters<typeof media>]>([
    ["a PDF", "vllm", ["application/pdf", { data }]],
    ["a PDF by address", "openai", ["application/pdf", { uri: "https://x.test/a.pdf" }]],
    ["an image", "deepseek", ["image/png", { data }]],
    ["video", "openai", ["video/mp4", { data }]],
    ["audio", "xai", ["audio/wav", { data }]],
    ["audio in a format it does not know", "openai", ["audio/flac", { data }]],
    ["audio by address", "openai", ["audio/wav", { uri: "https://x.test/a.wav" }]],
    ["an address of another scheme", "openai", ["image/png", { uri: "gs://bucket/a.png" }]],
  ])("%s that %s cannot take is refused, with its path", (_, name, [type, source]) => {
    const messages = [user({ type: "text", text: "See:" }, media(type, source))];
    expect(() => requestFor(name, { messages })).toThrow(
      expect.objectContaining({
        code: "failed_precondition",
        reason: "unsupported",
        facts: expect.objectContaining({
          violations: [expect.objectContaining({ field: "messages[0].parts[1].media", reason: "UNSUPPORTED" })],
        }),
      }),
    );
  });

  test("answers in other modalities", () => {
    const image = { generation: generation({ outputModalities: ["text", "image"] }) };
    expect(bodyFor("openrouter", image).modalities).toEqual(["text", "image"]);
    expect(() => requestFor("openai", image)).toThrow(/outputModalities\[1\]/);
    const audio = { generation: generation({ outputModalities: ["audio"] }), options: { audio: { voice: "marin" } } };
    expect(bodyFor("openai", audio)).toMatchObject({
      modalities: ["audio", "text"],
      audio: { voice: "marin", format: "pcm16" },
    });
  });
});

describe("tools", () => {
  const f = { type: "function", name: "f", description: "Does f", strict: true } as const;
  const g = { type: "function", name: "g", inputSchemaJson: '{"type":"object","properties":{"2":{},"1":{}}}' } as const;

  test("functions, schemas byte for byte", () => {
    const { body } = requestFor("openai", { tools: [f, g] });
    expect(JSON.parse(writeJson(body)).tools).toEqual([
      {
        type: "function",
        function: { name: "f", description: "Does f", parameters: { type: "object", properties: {} }, strict: true },
      },
      { type: "function", function: { name: "g", parameters: JSON.parse(g.inputSchemaJson) } },
    ]);
    // JSON.parse and JSON.stringify would have put 1 before 2.
    expect(writeJson(body)).toContain(g.inputSchemaJson);
  });

  test("a schema that is no JSON is refused with its path", () => {
    expect(() => requestFor("openai", { tools: [{ ...g, inputSchemaJson: "{" }] })).toThrow(
      /config\.tools\[0\]\.function\.inputSchemaJson: is not valid JSON/,
    );
  });

  test("strict and parallel where the vendor has them", () => {
    expect(bodyFor("openai", { tools: [f], parallelToolCalls: false })).toMatchObject({ parallel_tool_calls: false });
    expect(warningsFor("lm-studio", { tools: [f], parallelToolCalls: false })).toEqual([
      "option-ignored config.tools[0].function.strict",
      "option-ignored config.parallelToolCalls",
    ]);
    expect(bodyFor("openai", { parallelToolCalls: false })).not.toHaveProperty("parallel_tool_calls");
  });

  test.each<[Name, ChatRequest["toolChoice"], unknown, readonly string[]]>([
    ["openai", { mode: "disabled", toolNames: [] }, "none", ["f", "g"]],
    ["openai", { mode: "required", toolNames: [] }, "required", ["f", "g"]],
    ["openai", { mode: "required", toolNames: ["g"] }, { type: "function", function: { name: "g" } }, ["f", "g"]],
    [
      "openai",
      { mode: "auto", toolNames: ["g"] },
      {
        type: "allowed_tools",
        allowed_tools: { mode: "auto", tools: [{ type: "function", function: { name: "g" } }] },
      },
      ["f", "g"],
    ],
    ["vllm", { mode: "auto", toolNames: ["g"] }, "auto", ["g"]],
    ["vllm", { mode: "required", toolNames: ["f", "g"] }, "required", ["f", "g"]],
  ])("%s: tool choice %j", (name, toolChoice, expected, offered) => {
    const body = bodyFor(name, { tools: [f, g], toolChoice });
    expect(body.tool_choice).toEqual(expected);
    expect(body.tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual(offered);
  });

  test("the vendor's own tools", () => {
    const search = { type: "web-search", allowedDomains: ["a.test"], blockedDomains: [], city: "Bern" } as const;
    expect(bodyFor("groq", { tools: [search, { type: "code-execution" }] }).tools).toEqual([
      { type: "browser_search" },
      { type: "code_interpreter" },
    ]);
    expect(warningsFor("groq", { tools: [search] })).toEqual([
      "option-ignored config.tools[0].webSearch.allowedDomains",
      "option-ignored config.tools[0].webSearch.city",
    ]);
    expect(() => requestFor("openai", { tools: [search] })).toThrow(/no web search/);
    expect(() => requestFor("vllm", { tools: [{ type: "code-execution" }] })).toThrow(/runs no code/);
  });
});

describe("structured output", () => {
  const open = '{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"string"}}}';
  const closed = '{"type":"object","properties":{"a":{}},"required":["a"],"additionalProperties":false}';
  const format = (schemaJson: string, strict?: boolean) =>
    ({ type: "json-schema", name: "", schemaJson, ...(strict !== undefined && { strict }) }) as const;

  test("a schema, strict where it can be", () => {
    const body = bodyFor("openai", { outputFormat: format(closed) });
    expect(body.response_format.json_schema).toEqual({ name: "output", schema: JSON.parse(closed), strict: true });
    expect(bodyFor("openai", { outputFormat: format(open) }).response_format.json_schema.strict).toBe(false);
    expect(bodyFor("openai", { outputFormat: format(open, true) }).response_format.json_schema.strict).toBe(true);
    expect(writeJson(requestFor("openai", { outputFormat: format(open) }).body)).toContain(open);
  });

  test("any object", () => {
    const outputFormat = { type: "json-object" } as const;
    expect(bodyFor("openai", { outputFormat }).response_format).toEqual({ type: "json_object" });
    expect(bodyFor("lm-studio", { outputFormat }).response_format.type).toBe("json_schema");
  });

  test("without such a mode the schema is a tool, with a warning", () => {
    const call = requestFor("deepseek", { outputFormat: format(open) });
    expect(call.answerTool).toBe("output");
    expect(call.warnings).toMatchObject([
      { code: "output-format-emulated", field: "config.outputFormat.jsonSchema" },
      { code: "option-clamped", field: "config.generation.reasoning" },
    ]);
    expect(JSON.parse(writeJson(call.body))).toMatchObject({
      tool_choice: "required",
      tools: [{ type: "function", function: { name: "output", parameters: JSON.parse(open) } }],
    });
  });
});

test("a user does not speak right after a tool where the assistant has to", () => {
  const image = media("image/png", { data: new Uint8Array([1]) });
  const shown = image.type === "media" ? [image.media] : [];
  const messages = [
    user({ type: "text", text: "Go" }),
    assistant(call("a23456789", "f", "{}")),
    result("a23456789", { media: shown }),
    assistant({ type: "text", text: "So." }),
    user({ type: "text", text: "And?" }),
  ];
  const roles = (name: Name) => bodyFor(name, { messages }).messages.map(({ role }: { role: string }) => role);
  const asked = ["user", "assistant", "tool"];
  expect(roles("mistral")).toEqual([...asked, "assistant", "user", "assistant", "user"]);
  expect(roles("openai")).toEqual([...asked, "user", "assistant", "user"]);
});

describe("where a form of the answer and tools exclude each other", () => {
  const tools = [{ type: "function", name: "f" }] as const;

  test("a schema is a tool, and the only one where no other may be called", () => {
    const outputFormat = { type: "json-schema", name: "reply", schemaJson: "{}" } as const;
    expect(bodyFor("groq", { outputFormat })).toHaveProperty("response_format");
    const body = bodyFor("groq", { outputFormat, tools });
    expect(body).not.toHaveProperty("response_format");
    expect(body.tool_choice).toBe("required");
    expect(body.tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual(["f", "reply"]);
    const first = bodyFor("groq", { outputFormat, tools, toolChoice: { mode: "required", toolNames: ["f"] } });
    expect(first.tool_choice).toEqual({ type: "function", function: { name: "f" } });
    const alone = bodyFor("groq", { outputFormat, tools, toolChoice: { mode: "disabled", toolNames: [] } });
    expect(alone.tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual(["reply"]);
  });

  test("any object is asked for in words, with a warning", () => {
    const call = { outputFormat: { type: "json-object" }, tools } as const;
    expect(bodyFor("groq", call)).not.toHaveProperty("response_format");
    expect(bodyFor("groq", call).messages[0]).toEqual({ role: "system", content: "Answer with a JSON object." });
    expect(warningsFor("groq", call)).toEqual(["output-format-emulated config.outputFormat"]);
    expect(bodyFor("openai", call)).toHaveProperty("response_format");
  });
});

describe("the dialect", () => {
  test.each<[unknown, string, string]>([
    ["mistral", "http://proxy.internal/v1", "mistral"],
    [undefined, "https://api.mistral.ai/v1", "mistral"],
    [undefined, "https://openrouter.ai/api/v1", "openrouter"],
    [undefined, "https://acme.openai.azure.com", "azure"],
    ["generic", "https://api.x.ai/v1", "generic"],
    [undefined, "http://localhost:8000/v1", "generic"],
    [undefined, "https://evil-openai.azure.com.example/v1", "generic"],
  ])("%s at %s is %s", (name, baseUrl, expected) => {
    expect(chooseDialect(name, baseUrl).name).toBe(expected);
  });

  test("every one is listed under its name", () => {
    for (const [key, dialect] of Object.entries<Dialect>(dialects)) expect(dialect.name).toBe(key);
  });
});
