import { describe, expect, test } from "vitest";
import type { ChatRequest, GenerationConfig, Part } from "../../../src/core/chat.ts";
import type { ModelTool } from "../../../src/core/tools.ts";
import { toMessagesRequest } from "../../../src/providers/anthropic/messages-request.ts";
import { writeJson } from "../../../src/providers/openai-compatible/json-text.ts";
import { writeState } from "../../../src/providers/openai-compatible/provider-state.ts";
import { assistant, call, chatRequest, generation, media, result, user } from "../openai-compatible/request.ts";

const requestOf = (more: Partial<ChatRequest>) =>
  toMessagesRequest(chatRequest({ model: "claude-opus-5-5", ...more }), { kind: "anthropic", sampling: true });
const bodyOf = (more: Partial<ChatRequest> = {}) => JSON.parse(writeJson(requestOf(more).body));
const messagesOf = (...messages: ChatRequest["messages"]) => bodyOf({ messages }).messages;
const warningsOf = (more: Partial<ChatRequest>) =>
  requestOf(more).warnings.map(({ code, field }) => `${code} ${field}`);

const text = (words: string): Part => ({ type: "text", text: words });
const state = (block: object) => ({ providerState: writeState("anthropic", block) });
const system = (words: string) => ({ role: "system", parts: [text(words)] }) as const;
const reasoning = (more: Partial<NonNullable<GenerationConfig["reasoning"]>>) =>
  generation({ reasoning: { hidden: false, ...more } });
const unsupported = (message: RegExp) =>
  expect.objectContaining({
    code: "failed_precondition",
    reason: "unsupported",
    message: expect.stringMatching(message),
  });

describe("a request", () => {
  test("that asks for nothing: the model's default length, and a summary of what it thinks anyway", () => {
    expect(bodyOf()).toEqual({
      model: "claude-opus-5-5",
      max_tokens: 64_000,
      messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }],
      thinking: { type: "adaptive", display: "summarized" },
    });
  });

  test("with everything that goes out as it is", () => {
    const config = generation({ maxOutputTokens: 100, stopSequences: ["END"], outputModalities: ["text"] });
    const body = bodyOf({ instructions: "Be Bo.", userId: "u-1", generation: config });
    expect(body).toMatchObject({ system: "Be Bo.", max_tokens: 100, stop_sequences: ["END"] });
    expect(body.metadata).toEqual({ user_id: "u-1" });
    expect(warningsOf({ generation: config })).toEqual([]);
  });

  test.each([
    ["claude-fable-5-2", 64_000],
    ["claude-opus-4-8", 64_000],
    ["anthropic.claude-haiku-4-5-20251001-v1:0", 32_000],
    ["claude-opus-4-20250514", 32_000],
    ["claude-3-5-haiku-20241022", 8_192],
    ["claude-3-haiku-20240307", 4_096],
    ["claude-of-tomorrow", 8_192],
  ])("%s writes %i tokens when nothing is said", (model, maxTokens) => {
    expect(bodyOf({ model }).max_tokens).toBe(maxTokens);
  });

  test("options go in beside what is there; those that are ours are refused", () => {
    const options = { output_config: { task_budget: { total: 1 } }, cache_control: { type: "ephemeral" } };
    const body = bodyOf({ generation: reasoning({ effort: "low" }), options });
    expect(body.output_config).toEqual({ effort: "low", task_budget: { total: 1 } });
    expect(body.cache_control).toEqual({ type: "ephemeral" });
    expect(() => requestOf({ options: { stream: true, system: "" } })).toThrow(/route\.targets\[\]\.options\.stream/);
  });

  test("for an answer in sound is refused", () => {
    const config = generation({ outputModalities: ["text", "audio"] });
    expect(() => requestOf({ generation: config })).toThrow(
      unsupported(/^config\.generation\.outputModalities\[1\]: /),
    );
  });
});

describe("sampling", () => {
  const sampled = generation({ temperature: 0, topP: 0.9, topK: 5, seed: 1, presencePenalty: 1, frequencyPenalty: 1 });
  const fields = (...names: string[]) => names.map((name) => `option-ignored config.generation.${name}`);

  test.each(["claude-opus-5-5", "claude-sonnet-5", "claude-opus-4-7", "claude-of-tomorrow"])(
    "%s refuses it: dropped, each with a warning",
    (model) => {
      const body = bodyOf({ model, generation: sampled });
      for (const name of ["temperature", "top_p", "top_k", "seed"]) expect(body).not.toHaveProperty(name);
      expect(warningsOf({ model, generation: sampled })).toEqual(
        fields("seed", "presencePenalty", "frequencyPenalty", "temperature", "topP", "topK"),
      );
    },
  );

  test("models that are not Anthropic's, behind servers of other makers, take it", () => {
    const asked = generation({ temperature: 0.3 });
    expect(bodyOf({ model: "kimi-k2.5", generation: asked }).temperature).toBe(0.3);
    expect(bodyOf({ model: "claude-newest", generation: asked })).not.toHaveProperty("temperature");
  });

  test("older models take it, temperature or top_p", () => {
    const model = "claude-sonnet-4-6";
    expect(bodyOf({ model, generation: sampled })).toMatchObject({ temperature: 0, top_k: 5 });
    expect(bodyOf({ model, generation: sampled })).not.toHaveProperty("top_p");
    expect(warningsOf({ model, generation: generation({ topP: 0.9 }) })).toEqual([]);
    expect(bodyOf({ model, generation: generation({ topP: 0.9 }) }).top_p).toBe(0.9);
    expect(bodyOf({ model, generation: generation({ temperature: 1.5 }) }).temperature).toBe(1);
    expect(warningsOf({ model, generation: generation({ temperature: 1.5 }) })).toEqual([
      "option-clamped config.generation.temperature",
    ]);
  });

  test("but not while they think, nor over a version of the API that has it no more", () => {
    const config = generation({ temperature: 0.5, reasoning: { hidden: false, effort: "low" } });
    const request = chatRequest({ model: "claude-sonnet-4-5", generation: config });
    expect(requestOf(request).body).not.toHaveProperty("temperature");
    const still = { ...request, generation: generation({ temperature: 0.5 }) };
    const { body, warnings } = toMessagesRequest(still, { kind: "anthropic", sampling: false });
    expect(body).not.toHaveProperty("temperature");
    expect(warnings).toMatchObject([{ code: "option-ignored", field: "config.generation.temperature" }]);
  });
});

describe("reasoning", () => {
  const summarized = { type: "adaptive", display: "summarized" };
  const field = "config.generation.reasoning";

  test.each<[string, Parameters<typeof reasoning>[0], object | undefined, string | undefined, string[]]>([
    // The newest think by effort.
    ["claude-opus-5-5", { effort: "minimal" }, summarized, "low", []],
    ["claude-opus-5-5", { effort: "max" }, summarized, "max", []],
    ["claude-opus-5-5", { effort: "high", hidden: true }, { type: "adaptive", display: "omitted" }, "high", []],
    ["claude-opus-5-5", { budgetTokens: 4_000 }, summarized, "medium", [`option-clamped ${field}.budgetTokens`]],
    [
      "claude-opus-5-5",
      { effort: "low", budgetTokens: 40_000 },
      summarized,
      "low",
      [`option-clamped ${field}.budgetTokens`],
    ],
    ["claude-opus-4-8", { effort: "medium" }, summarized, "medium", []],
    ["claude-opus-4-8", {}, undefined, undefined, []],
    ["claude-sonnet-5", {}, summarized, undefined, []],
    ["claude-of-tomorrow", {}, undefined, undefined, []],
    ["claude-of-tomorrow", { effort: "high" }, summarized, "high", []],
    // Turning it off.
    ["claude-sonnet-5", { effort: "disabled" }, { type: "disabled" }, undefined, []],
    ["claude-sonnet-5", { budgetTokens: 0 }, { type: "disabled" }, undefined, []],
    ["claude-sonnet-5-5", { effort: "disabled" }, { type: "between_tools" }, undefined, []],
    ["claude-opus-5-5", { effort: "disabled" }, { type: "adaptive" }, "low", [`option-clamped ${field}`]],
    ["claude-opus-4-8", { effort: "disabled" }, undefined, undefined, []],
    // Both ways.
    ["claude-opus-4-6", { effort: "max" }, summarized, "max", []],
    ["claude-opus-4-6", { effort: "low", budgetTokens: 5_000 }, { type: "enabled", budget_tokens: 5_000 }, "low", []],
    // Older ones think within a budget.
    ["claude-haiku-4-5", { effort: "low" }, { type: "enabled", budget_tokens: 2_048 }, undefined, []],
    [
      "claude-haiku-4-5",
      { budgetTokens: 2_000, hidden: true },
      { type: "enabled", budget_tokens: 2_000, display: "omitted" },
      undefined,
      [],
    ],
    [
      "claude-haiku-4-5",
      { budgetTokens: 5 },
      { type: "enabled", budget_tokens: 1_024 },
      undefined,
      [`option-clamped ${field}.budgetTokens`],
    ],
    [
      "claude-haiku-4-5",
      { budgetTokens: 90_000 },
      { type: "enabled", budget_tokens: 31_999 },
      undefined,
      [`option-clamped ${field}.budgetTokens`],
    ],
    [
      "claude-opus-4-5",
      { effort: "max" },
      { type: "enabled", budget_tokens: 31_999 },
      "high",
      [`option-clamped ${field}.effort`],
    ],
    ["claude-3-haiku-20240307", { effort: "low" }, undefined, undefined, [`option-ignored ${field}`]],
  ])("%s, %o", (model, wish, thinking, effort, warnings) => {
    const body = bodyOf({ model, generation: reasoning(wish) });
    expect(body.thinking).toEqual(thinking);
    expect(body.output_config?.effort).toBe(effort);
    expect(warningsOf({ model, generation: reasoning(wish) })).toEqual(warnings);
  });

  test("a short answer leaves no room for a budget", () => {
    const config = { ...reasoning({ effort: "high" }), maxOutputTokens: 1_000 };
    expect(bodyOf({ model: "claude-haiku-4-5", generation: config })).not.toHaveProperty("thinking");
    expect(warningsOf({ model: "claude-haiku-4-5", generation: config })).toEqual([`option-clamped ${field}`]);
  });

  test("no budget goes on with a step that another model took without thinking", () => {
    const messages = [user(text("Weather?")), assistant(call("c1", "f", "{}")), result("c1")];
    const config = reasoning({ effort: "low" });
    expect(bodyOf({ model: "claude-haiku-4-5", generation: config, messages })).not.toHaveProperty("thinking");
    const thought: Part = {
      type: "reasoning",
      text: "…",
      ...state({ type: "thinking", thinking: "…", signature: "s" }),
    };
    const own = [user(text("Weather?")), assistant(thought, call("c1", "f", "{}")), result("c1")];
    const later = [...own, assistant(call("c2", "f", "{}")), result("c2")];
    expect(bodyOf({ model: "claude-haiku-4-5", generation: config, messages: later }).thinking.type).toBe("enabled");
    expect(bodyOf({ model: "claude-opus-5", generation: config, messages }).thinking.type).toBe("adaptive");
  });
});

describe("tools", () => {
  const f: ModelTool = { type: "function", name: "f" };
  const g: ModelTool = { type: "function", name: "g" };
  const search: ModelTool = { type: "web-search", allowedDomains: [], blockedDomains: [] };
  const none = { type: "object", properties: {} };
  const choose = (mode: "auto" | "disabled" | "required", ...toolNames: string[]) => ({ mode, toolNames });

  test("a function's schema goes out byte for byte", () => {
    const inputSchemaJson =
      '{"type": "object", "properties":{"z":{"const":12345678901234567890},"a":{"$ref":"#/$defs/a"}}}';
    const tool: ModelTool = { ...f, description: "Does it.", inputSchemaJson, strict: true };
    expect(writeJson(requestOf({ tools: [tool] }).body)).toContain(
      `"tools":[{"name":"f","description":"Does it.","input_schema":${inputSchemaJson},"strict":true}]`,
    );
    expect(bodyOf({ tools: [f] }).tools).toEqual([{ name: "f", input_schema: none }]);
    expect(warningsOf({ model: "claude-opus-4-1", tools: [tool] })).toEqual([
      "option-ignored config.tools[0].function.strict",
    ]);
  });

  test("web search", () => {
    const tool: ModelTool = {
      type: "web-search",
      contextSize: "high",
      allowedDomains: ["example.com"],
      blockedDomains: [],
      maxUses: 3,
      regionCode: "CH",
      city: "Bern",
      timeZone: "Europe/Zurich",
    };
    expect(bodyOf({ tools: [tool] }).tools).toEqual([
      {
        type: "web_search_20260209",
        name: "web_search",
        allowed_domains: ["example.com"],
        max_uses: 3,
        user_location: { type: "approximate", city: "Bern", country: "CH", timezone: "Europe/Zurich" },
      },
    ]);
    expect(warningsOf({ tools: [tool] })).toEqual(["option-ignored config.tools[0].webSearch.contextSize"]);
    const blocking: ModelTool = { ...search, blockedDomains: ["example.org"] };
    expect(bodyOf({ model: "claude-haiku-4-5", tools: [blocking] }).tools).toEqual([
      { type: "web_search_20250305", name: "web_search", blocked_domains: ["example.org"] },
    ]);
  });

  test("code execution, and search beside it without a sandbox of its own", () => {
    const types = (model: string, ...tools: ModelTool[]) =>
      bodyOf({ model, tools }).tools.map(({ type }: { type: string }) => type);
    expect(types("claude-opus-5-5", { type: "code-execution" })).toEqual(["code_execution_20260521"]);
    expect(types("claude-sonnet-4-5", { type: "code-execution" })).toEqual(["code_execution_20250825"]);
    expect(types("claude-opus-5-5", search, { type: "code-execution" })).toEqual([
      "web_search_20250305",
      "code_execution_20260521",
    ]);
  });

  test("any other tool of the vendor's", () => {
    const tool: ModelTool = { type: "provider-tool", providerType: "bash_20250124", config: { name: "bash" } };
    expect(bodyOf({ tools: [tool] }).tools).toEqual([{ type: "bash_20250124", name: "bash" }]);
  });

  test.each<[ReturnType<typeof choose>, boolean | undefined, object | undefined, string[], string[]]>([
    [choose("auto"), undefined, { type: "auto" }, ["f", "g", "web_search"], []],
    [choose("auto"), false, { type: "auto", disable_parallel_tool_use: true }, ["f", "g", "web_search"], []],
    [choose("auto", "g"), undefined, { type: "auto" }, ["g", "web_search"], []],
    [choose("disabled", "g"), false, { type: "none" }, ["f", "g", "web_search"], []],
    [choose("required"), undefined, { type: "any" }, ["f", "g", "web_search"], []],
    [
      choose("required", "g"),
      false,
      { type: "tool", name: "g", disable_parallel_tool_use: true },
      ["f", "g", "web_search"],
      [],
    ],
    [choose("required", "f", "g"), undefined, { type: "any" }, ["f", "g"], ["option-ignored config.tools[2]"]],
  ])("choice %o, several at once %o", (toolChoice, parallelToolCalls, expected, offered, warnings) => {
    const more = { model: "claude-haiku-5-5", tools: [f, g, search], toolChoice, parallelToolCalls };
    expect(bodyOf(more).tool_choice).toEqual(expected);
    expect(bodyOf(more).tools.map(({ name }: { name: string }) => name)).toEqual(offered);
    expect(warningsOf(more)).toEqual(warnings);
  });

  test("several at once without a choice, and a choice without tools", () => {
    expect(bodyOf({ tools: [f], parallelToolCalls: false }).tool_choice).toEqual({
      type: "auto",
      disable_parallel_tool_use: true,
    });
    expect(bodyOf({ tools: [f], parallelToolCalls: true })).not.toHaveProperty("tool_choice");
    expect(bodyOf({ toolChoice: choose("required") })).not.toHaveProperty("tool_choice");
  });

  test("a model that cannot be made to call one is asked to", () => {
    const more = { tools: [f], toolChoice: choose("required", "f") };
    expect(bodyOf(more).tool_choice).toEqual({ type: "auto" });
    expect(warningsOf(more)).toEqual(["option-clamped config.toolChoice"]);
  });

  test("one that is made to does not think", () => {
    const more = { model: "claude-opus-5", tools: [f], toolChoice: choose("required") };
    expect(bodyOf(more).thinking).toEqual({ type: "disabled" });
    expect(warningsOf(more)).toEqual([]);
    const thoughtful = { ...more, generation: reasoning({ effort: "max" }) };
    expect(bodyOf(thoughtful)).toMatchObject({ thinking: { type: "disabled" }, output_config: { effort: "high" } });
    expect(warningsOf(thoughtful)).toEqual([
      "option-clamped config.generation.reasoning",
      "option-clamped config.generation.reasoning.effort",
    ]);
    expect(bodyOf({ ...thoughtful, model: "claude-haiku-4-5" })).not.toHaveProperty("thinking");
  });
});

describe("structured output", () => {
  const closed = '{"type":"object","properties":{"z":{},"a":{"type":"string"}},"additionalProperties":false}';
  const open = '{"type":"object","properties":{"n":{"type":"integer"}}}';
  const format = (schemaJson: string, more: object = {}) =>
    ({ type: "json-schema", name: "person", schemaJson, ...more }) as const;
  const emulated = "output-format-emulated config.outputFormat.jsonSchema";

  test("the vendor's own mode, byte for byte", () => {
    const more = { outputFormat: format(closed), generation: reasoning({ effort: "low" }) };
    expect(writeJson(requestOf(more).body)).toContain(
      `"output_config":{"effort":"low","format":{"type":"json_schema","schema":${closed}}}`,
    );
    expect(warningsOf(more)).toEqual([]);
    expect(bodyOf({ outputFormat: format(open, { strict: true }) }).output_config.format.schema).toEqual(
      JSON.parse(open),
    );
  });

  test.each(["claude-opus-4-1", "claude-sonnet-4-20250514"])("%s has none: a tool that must be called", (model) => {
    const outputFormat = format(closed, { description: "A person." });
    const call = requestOf({ model, outputFormat });
    expect(call.answerTool).toBe("person");
    expect(JSON.parse(writeJson(call.body))).toMatchObject({
      tools: [{ name: "person", description: "A person.", input_schema: JSON.parse(closed) }],
      tool_choice: { type: "tool", name: "person" },
    });
    expect(writeJson(call.body)).toContain(closed);
    expect(warningsOf({ model, outputFormat })).toEqual([emulated]);
  });

  test("beside the caller's tools any of them will do, and a name that is taken is not taken again", () => {
    const tools: ModelTool[] = [{ type: "function", name: "person" }];
    const call = requestOf({ model: "claude-opus-4-1", outputFormat: format(open), tools, parallelToolCalls: false });
    expect(call.answerTool).toBe("person_");
    expect(JSON.parse(writeJson(call.body))).toMatchObject({
      tools: [{ name: "person" }, { name: "person_" }],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
    });
  });

  test.each([open, '{"type":"array","items":{"type":"integer","minimum":1}}'])(
    "a schema that the mode does not take is a tool: %s",
    (schemaJson) => {
      const more = { model: "claude-haiku-5-5", outputFormat: format(schemaJson) };
      expect(requestOf(more).answerTool).toBe("person");
      expect(bodyOf(more)).not.toHaveProperty("output_config");
      expect(bodyOf(more).thinking).toEqual({ type: "disabled" });
    },
  );

  test("where no tool can be forced, and for any object, words say it", () => {
    const more = { instructions: "Be Bo.", outputFormat: format(open) };
    expect(bodyOf(more).system).toMatch(/^Be Bo\.\n\nAnswer with JSON .*"integer"/);
    expect(bodyOf(more)).not.toHaveProperty("tools");
    expect(warningsOf(more)).toEqual(["output-format-emulated config.outputFormat"]);
    expect(bodyOf({ outputFormat: { type: "json-object" } }).system).toMatch(/JSON object/);
  });

  test("a schema that is no JSON is refused", () => {
    expect(() => requestOf({ outputFormat: format("{") })).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });
});

describe("the conversation", () => {
  test("neighbours of one role become one, results first", () => {
    expect(
      messagesOf(
        user(text("One")),
        user(text("two")),
        assistant(text("Let me look.")),
        assistant(call("toolu_1", "f", '{"n":12345678901234567890}'), call("toolu_2", "g", "")),
        user(text("Hurry!")),
        result("toolu_1", { text: "fine" }),
        result("toolu_2", { text: "", structured: { t: 1 } }),
      ),
    ).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "One" },
          { type: "text", text: "two" },
        ],
      },
      {
        role: "assistant",
        content: [
          { type: "text", text: "Let me look." },
          { type: "tool_use", id: "toolu_1", name: "f", input: { n: 12345678901234567000 } },
          { type: "tool_use", id: "toolu_2", name: "g", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "toolu_1", content: "fine" },
          { type: "tool_result", tool_use_id: "toolu_2", content: '{"t":1}' },
          { type: "text", text: "Hurry!" },
        ],
      },
    ]);
  });

  test("arguments go back byte for byte; what is no object is wrapped", () => {
    const messages = [user(text("Go")), assistant(call("a", "f", '{"n": 12345678901234567890}')), result("a")];
    expect(writeJson(requestOf({ messages }).body)).toContain('"input":{"n": 12345678901234567890}');
    const [, turn] = messagesOf(user(text("Go")), assistant(call("a", "f", '{"n": ')), result("a"));
    expect(turn.content[0].input).toEqual({ INVALID_JSON: '{"n": ' });
  });

  test("an answer that is to be gone on with does not end with a space: the API refuses it", () => {
    const model = "claude-sonnet-4-5";
    const last = (...messages: ChatRequest["messages"]) => bodyOf({ model, messages }).messages.at(-1);
    const begun = assistant(text("Two \n"), text("The answer is ( \n"));
    expect(last(user(text("Hi ")), begun)).toEqual({
      role: "assistant",
      content: [text("Two \n"), text("The answer is (")],
    });
    expect(last(user(text("Hi")), begun, user(text("Go on. ")))).toEqual({ role: "user", content: [text("Go on. ")] });
  });

  test("blank text is left out, and so is a message that has nothing else", () => {
    expect(messagesOf(user(text("Hi"), text(" \n")), assistant(text("")), user(text("?")))).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Hi" },
          { type: "text", text: "?" },
        ],
      },
    ]);
  });

  test("instructions: the first with the others, later ones in their place where the model takes them there", () => {
    const messages = [
      system("First."),
      user(text("Hi")),
      system("Later."),
      assistant(text("Hello")),
      user(text("?")),
      system("Last."),
    ];
    const body = bodyOf({ instructions: "Be Bo.", messages });
    expect(body.system).toBe("Be Bo.\n\nFirst.");
    expect(body.messages.map(({ role }: { role: string }) => role)).toEqual([
      "user",
      "system",
      "assistant",
      "user",
      "system",
    ]);
    expect(body.messages[1]).toEqual({ role: "system", content: [{ type: "text", text: "Later." }] });
    const older = bodyOf({ model: "claude-sonnet-5", instructions: "Be Bo.", messages });
    expect(older.system).toBe("Be Bo.\n\nFirst.\n\nLater.\n\nLast.");
    expect(older.messages).toHaveLength(3);
  });

  test("instructions between two of the user's messages have no place there", () => {
    const body = bodyOf({ messages: [user(text("A")), system("S"), user(text("B"))] });
    expect(body.system).toBe("S");
    expect(body.messages).toHaveLength(1);
  });

  test("the vendor's own blocks go back unchanged, in their order", () => {
    const blocks = [
      { type: "thinking", thinking: "Hm", signature: "sig" },
      { type: "redacted_thinking", data: "xyz" },
      { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "x" } },
      { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: [{ encrypted_content: "e" }] },
      { type: "text", text: "So.", citations: [{ type: "web_search_result_location", encrypted_index: "i" }] },
    ];
    const [thinking, redacted, used, found, said] = blocks.map((block) => state(block));
    const parts: Part[] = [
      { type: "reasoning", text: "Hm", ...thinking },
      { type: "reasoning", text: "", redacted: true, ...redacted },
      {
        type: "tool-call",
        id: "srvtoolu_1",
        name: "web_search",
        argumentsJson: "{}",
        executor: "provider",
        ...used,
      },
      { type: "tool-result", toolCallId: "srvtoolu_1", name: "", text: "", media: [], failed: false, ...found },
      { type: "text", text: "So.", ...said },
    ];
    expect(messagesOf(user(text("?")), assistant(...parts), user(text("Ok")))[1].content).toEqual(blocks);
    const edited = messagesOf(user(text("?")), assistant({ ...(parts[4] as Part), ...text("No.") }), user(text("Ok")));
    expect(edited[1].content).toEqual([{ type: "text", text: "No." }]);
  });

  test("what another kind made is dropped, with a warning, and its thoughts stay out", () => {
    const thought: Part = { type: "reasoning", text: "Hm", providerState: writeState("openai", {}) };
    const searched: Part = { type: "tool-call", id: "ws", name: "s", argumentsJson: "{}", executor: "provider" };
    const found: Part = { type: "tool-result", toolCallId: "ws", name: "s", text: "x", media: [], failed: false };
    const messages = [user(text("?")), assistant(thought, searched, found, text("So.")), user(text("Ok"))];
    expect(messagesOf(...messages)[1]).toEqual({ role: "assistant", content: [{ type: "text", text: "So." }] });
    expect(warningsOf({ messages })).toEqual([
      "provider-state-dropped messages[1].parts[0].providerState",
      "part-dropped messages[1].parts[1]",
      "part-dropped messages[1].parts[2]",
    ]);
  });

  test("ids of other vendors' calls are made to fit, alike in call and result", () => {
    const [, asked, answered] = messagesOf(
      user(text("?")),
      assistant(call("call:1|fc.é", "f", "{}")),
      result("call:1|fc.é"),
    );
    expect(asked.content[0].id).toMatch(/^[a-zA-Z0-9_-]+$/);
    expect(answered.content[0].tool_use_id).toBe(asked.content[0].id);
    const other = messagesOf(user(text("?")), assistant(call("call:2|fc.é", "f", "{}")), result("call:2|fc.é"));
    expect(other[1].content[0].id).not.toBe(asked.content[0].id);
  });

  test("the result of a tool of a family names it", () => {
    const block = { type: "tool_use", id: "toolu_1", name: "screenshot", input: {}, toolset_name: "computer" };
    const asked: Part = { ...call("toolu_1", "screenshot", "{}"), ...state(block) };
    const [, turn, answer] = messagesOf(user(text("?")), assistant(asked), result("toolu_1"));
    expect(turn.content).toEqual([block]);
    expect(answer.content[0].toolset_name).toBe("computer");
  });

  test("what has no place is dropped, with a warning", () => {
    const image = media("image/png", { uri: "https://example.com/a.png" });
    const messages = [{ ...user(text("?")), name: "bo" }, assistant(image, text("!")), user(text("Ok"))];
    expect(warningsOf({ messages })).toEqual(["option-ignored messages[0].name", "part-dropped messages[1].parts[0]"]);
  });

  test("a history that the API refuses never reaches it", () => {
    const ask = user(text("?"));
    expect(() => messagesOf(assistant(text("Hello")), ask)).toThrow(unsupported(/^messages\[0\]: /));
    const waiting = [ask, assistant(text("!"), call("a", "f", "{}"), call("b", "f", "{}")), result("a")];
    expect(() => messagesOf(...waiting)).toThrow(unsupported(/^messages\[1\]\.parts\[2\]: /));
    expect(() => messagesOf(...waiting, assistant(text("!")), result("b"))).toThrow(
      unsupported(/^messages\[1\]\.parts\[2\]: /),
    );
    expect(() => messagesOf(ask, assistant(text("It is")))).toThrow(unsupported(/^messages\[1\]: /));
    const older = { model: "claude-haiku-4-5", messages: [ask, assistant(text("It is"))] };
    expect(bodyOf(older).messages).toHaveLength(2);
  });
});

describe("media", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  const contentOf = (part: Part) => messagesOf(user(part))[0].content;

  test.each<[string, Part, object]>([
    [
      "an image",
      media("image/png", { data: bytes }),
      { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } },
    ],
    [
      "an image by its other name",
      media("image/jpg", { data: bytes }),
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AQID" } },
    ],
    [
      "the address of one",
      media("", { uri: "https://example.com/a" }),
      { type: "image", source: { type: "url", url: "https://example.com/a" } },
    ],
    [
      "a PDF",
      media("application/pdf", { data: bytes, filename: "a.pdf" }),
      {
        type: "document",
        source: { type: "base64", media_type: "application/pdf", data: "AQID" },
        title: "a.pdf",
      },
    ],
    [
      "the address of one",
      media("", { uri: "https://example.com/a.pdf?x" }),
      { type: "document", source: { type: "url", url: "https://example.com/a.pdf?x" } },
    ],
    [
      "a text",
      media("text/csv", { data: Buffer.from("a,ü") }),
      { type: "document", source: { type: "text", media_type: "text/plain", data: "a,ü" } },
    ],
  ])("%s: %o", (_, part, expected) => {
    expect(contentOf(part)).toEqual([expected]);
  });

  test.each<[Part, RegExp]>([
    [media("audio/wav", { data: bytes }), /media\.mimeType: .*no audio/],
    [media("video/mp4", { uri: "https://example.com/a.mp4" }), /media\.mimeType: .*no video/],
    [media("image/tiff", { data: bytes }), /media\.mimeType: .*image\/png/],
    [media("application/zip", { data: bytes }), /media\.mimeType: .*PDF or as text/],
    [media("text/plain", { uri: "https://example.com/a.txt" }), /media\.uri: .*as data/],
    [media("text/plain", { data: new Uint8Array([0xff]) }), /media\.data: .*UTF-8/],
    [media("image/png", { uri: "gs://bucket/a.png" }), /media\.uri: .*web addresses/],
  ])("what is not taken is refused before the call: %o", (part, message) => {
    expect(() => contentOf(part)).toThrow(
      unsupported(new RegExp(`^messages\\[0\\]\\.parts\\[0\\]\\.${message.source}`)),
    );
  });

  test("a tool may return it, but a failed one only words: the rest follows", () => {
    const image = { data: bytes, mimeType: "image/png" };
    const asked = [user(text("?")), assistant(call("a", "f", "{}"))];
    const block = { type: "image", source: { type: "base64", media_type: "image/png", data: "AQID" } };
    expect(messagesOf(...asked, result("a", { text: "See:", media: [image] }))[2].content).toEqual([
      { type: "tool_result", tool_use_id: "a", content: [{ type: "text", text: "See:" }, block] },
    ]);
    expect(messagesOf(...asked, result("a", { text: "", media: [image] }))[2].content).toEqual([
      { type: "tool_result", tool_use_id: "a", content: [block] },
    ]);
    expect(messagesOf(...asked, result("a", { text: "", media: [image], failed: true }))[2].content).toEqual([
      { type: "tool_result", tool_use_id: "a", content: "The tool failed.", is_error: true },
      block,
    ]);
    expect(messagesOf(...asked, result("a", { text: "" }))[2].content).toEqual([
      { type: "tool_result", tool_use_id: "a" },
    ]);
    const sound = result("a", { media: [{ data: bytes, mimeType: "audio/wav" }] });
    expect(() => messagesOf(...asked, sound)).toThrow(
      unsupported(/^messages\[2\]\.parts\[0\]\.toolResult\.media\[0\]\.mimeType: /),
    );
  });
});
