import { describe, expect, test } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import { toResponsesRequest } from "../../../src/providers/openai/responses-request.ts";
import { writeJson } from "../../../src/providers/openai-compatible/json-text.ts";
import { writeState } from "../../../src/providers/openai-compatible/provider-state.ts";
import { assistant, call, chatRequest, generation, media, result, user } from "../openai-compatible/request.ts";

const requestOf = (more: Partial<ChatRequest>) => toResponsesRequest(chatRequest({ model: "gpt-5.6", ...more }));
const bodyOf = (more: Partial<ChatRequest> = {}) => JSON.parse(writeJson(requestOf(more).body));
const inputOf = (...messages: ChatRequest["messages"]) => bodyOf({ messages }).input;
const warningsOf = (more: Partial<ChatRequest>) =>
  requestOf(more).warnings.map(({ code, field }) => `${code} ${field}`);

const state = (item: object) => ({ providerState: writeState("openai", item) });

describe("options", () => {
  test("nothing is kept at the vendor's; reasoning comes back encrypted, with a summary", () => {
    expect(bodyOf({ instructions: "Be Bo.", userId: "u" })).toEqual({
      model: "gpt-5.6",
      instructions: "Be Bo.",
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] }],
      store: false,
      include: ["reasoning.encrypted_content"],
      reasoning: { summary: "auto" },
      safety_identifier: "u",
    });
  });

  test("what the API has not is dropped with a warning", () => {
    const config = generation({
      temperature: 0,
      topP: 0.9,
      topK: 5,
      maxOutputTokens: 64,
      seed: 1,
      stopSequences: ["x"],
      presencePenalty: 1,
      frequencyPenalty: 1,
      reasoning: { hidden: true, effort: "max", budgetTokens: 9 },
    });
    expect(bodyOf({ generation: config })).toMatchObject({ max_output_tokens: 64, reasoning: { effort: "max" } });
    const names = [
      "topK",
      "seed",
      "presencePenalty",
      "frequencyPenalty",
      "stopSequences",
      "temperature",
      "topP",
      "reasoning.budgetTokens",
    ];
    expect(warningsOf({ generation: config })).toEqual(names.map((name) => `option-ignored config.generation.${name}`));
  });

  test("the API writes no fewer than 16 tokens", () => {
    const config = (maxOutputTokens: number) => generation({ maxOutputTokens });
    expect(bodyOf({ generation: config(1) }).max_output_tokens).toBe(16);
    expect(warningsOf({ generation: config(1) })).toEqual(["option-clamped config.generation.maxOutputTokens"]);
    expect(warningsOf({ generation: config(16) })).toEqual([]);
  });

  const cool = { temperature: 0.2, topP: 0.9 };
  const thinking = (effort: "disabled" | "low") => ({ reasoning: { hidden: true, effort } });

  test.each([
    ["gpt-4.1-mini", {}],
    ["ft:gpt-4.1:acme::1", {}],
    ["gpt-5-chat-latest", {}],
    ["gpt-5.2", {}],
    ["gpt-5.1", thinking("disabled")],
    ["gpt-5.6-luna", thinking("disabled")],
    ["my-own-model", thinking("low")],
  ])("%s samples as it is asked to, with %j", (model, more) => {
    const config = generation({ ...cool, ...more });
    expect(bodyOf({ model, generation: config })).toMatchObject({ temperature: 0.2, top_p: 0.9 });
    expect(warningsOf({ model, generation: config })).toEqual([]);
  });

  test.each([
    ["gpt-5-mini", {}],
    ["o3", {}],
    ["gpt-5.2", thinking("low")],
    ["gpt-5.6-luna", {}],
    ["gpt-6-sol", thinking("disabled")],
    ["gpt-7", {}],
  ])("%s refuses sampling with %j, which is dropped with a warning", (model, more) => {
    const config = generation({ ...cool, ...more });
    expect(bodyOf({ model, generation: config })).not.toHaveProperty("temperature");
    expect(bodyOf({ model, generation: config })).not.toHaveProperty("top_p");
    const names = ["temperature", "topP"];
    expect(warningsOf({ model, generation: config })).toEqual(
      names.map((name) => `option-ignored config.generation.${name}`),
    );
  });

  test("an effort that the target's options name decides about sampling, too", () => {
    const options = { reasoning: { effort: "none" } };
    expect(bodyOf({ generation: generation(cool), options })).toMatchObject({ temperature: 0.2 });
  });

  test.each([
    ["gpt-6-astra", "max", "max", false],
    ["gpt-6.1-sol", "disabled", "low", true],
    ["gpt-6-luna", "disabled", "none", false],
    ["gpt-5.5", "max", "xhigh", false],
    ["gpt-5.5-pro", "minimal", "medium", false],
    ["gpt-5.1", "max", "high", false],
    ["gpt-5-pro", "low", "high", false],
    ["gpt-5-nano", "disabled", "minimal", true],
    ["gpt-5-nano", "minimal", "minimal", false],
    ["o4-mini", "disabled", "low", true],
    ["o4-mini", "max", "high", false],
    ["gpt-5.6", "minimal", "low", false],
  ] as const)("%s asked to think %s is asked for %s", (model, effort, word, clamped) => {
    const config = generation({ reasoning: { hidden: true, effort } });
    expect(bodyOf({ model, generation: config }).reasoning).toEqual({ effort: word });
    const warning = "option-clamped config.generation.reasoning.effort";
    expect(warningsOf({ model, generation: config })).toEqual(clamped ? [warning] : []);
  });

  test("any JSON object is asked for in words, too, unless the messages speak of it: the API insists", () => {
    const outputFormat = { type: "json-object" } as const;
    const first = {
      type: "message",
      role: "developer",
      content: [{ type: "input_text", text: "Answer with a JSON object." }],
    };
    expect(bodyOf({ outputFormat, instructions: "Speak JSON." }).input[0]).toEqual(first);
    const messages = [user({ type: "text", text: "Give me Json" })];
    expect(bodyOf({ outputFormat, messages }).input).toHaveLength(1);
    expect(bodyOf().input).toHaveLength(1);
  });

  test("a model that cannot reason is not asked to", () => {
    const config = generation({ reasoning: { hidden: false, effort: "high" } });
    const body = bodyOf({ model: "gpt-4.1-mini", generation: config });
    expect(body).not.toHaveProperty("reasoning");
    expect(body.include).toEqual([]);
    expect(warningsOf({ model: "gpt-4.1-mini", generation: config })).toEqual([
      "option-ignored config.generation.reasoning.effort",
    ]);
  });

  test("structured output, and options that go in beside it", () => {
    const schemaJson = '{"type":"object","properties":{"z":{},"a":{}}}';
    const outputFormat = { type: "json-schema", name: "answer", schemaJson } as const;
    const body = bodyOf({ outputFormat, options: { text: { verbosity: "low" }, reasoning: { mode: "pro" } } });
    expect(body.text).toEqual({
      verbosity: "low",
      format: { type: "json_schema", name: "answer", schema: JSON.parse(schemaJson), strict: false },
    });
    expect(body.reasoning).toEqual({ summary: "auto", mode: "pro" });
    expect(writeJson(requestOf({ outputFormat }).body)).toContain(schemaJson);
    expect(bodyOf({ outputFormat: { type: "json-object" } }).text).toEqual({ format: { type: "json_object" } });
  });

  test("options that are ours are refused", () => {
    expect(() => requestOf({ options: { store: true, input: [] } })).toThrow(/route\.targets\[\]\.options\.store/);
  });

  test("answers are text", () => {
    const config = generation({ outputModalities: ["text", "audio"] });
    expect(() => requestOf({ generation: config })).toThrow(
      expect.objectContaining({ code: "failed_precondition", reason: "unsupported" }),
    );
  });
});

describe("the conversation", () => {
  test("reasoning goes back unchanged, in its place, and the call with its result", () => {
    const item = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA", status: "completed" };
    expect(
      inputOf(
        assistant(
          { type: "reasoning", text: "…", ...state(item) },
          { type: "text", text: "Let me look.", ...state({ type: "message", phase: "commentary" }) },
          call("call_1", "f", ""),
        ),
        result("call_1", { text: "", structured: { t: 1 } }),
      ),
    ).toEqual([
      item,
      { role: "assistant", content: "Let me look.", phase: "commentary" },
      { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" },
      { type: "function_call_output", call_id: "call_1", output: '{"t":1}' },
    ]);
  });

  test("reasoning that nothing follows is left out", () => {
    const item = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA" };
    expect(inputOf(assistant({ type: "reasoning", text: "…", ...state(item) }))).toEqual([]);
  });

  test("state of another kind is dropped, with a warning", () => {
    const reasoning = { type: "reasoning", text: "Hm", providerState: writeState("anthropic", {}) } as const;
    const messages = [assistant(reasoning, { type: "text", text: "So." })];
    expect(inputOf(...messages)).toEqual([{ role: "assistant", content: "So." }]);
    expect(warningsOf({ messages })).toEqual(["provider-state-dropped messages[0].parts[0].providerState"]);
  });

  test("ids of other vendors' calls are made to fit", () => {
    const id = `toolu.${"x".repeat(80)}`;
    const [first, second] = inputOf(assistant(call(id, "f", "{}")), result(id));
    expect(first.call_id).toMatch(/^\w{1,64}$/);
    expect(second.call_id).toBe(first.call_id);
  });

  test("system messages are the developer's", () => {
    const [message] = inputOf({ role: "system", parts: [{ type: "text", text: "Be kind." }] });
    expect(message).toMatchObject({ role: "developer", content: [{ text: "Be kind." }] });
  });

  test("calls of the vendor's own tools go back as they came", () => {
    const search = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search" } };
    const image = { type: "image_generation_call", id: "ig_1", status: "completed" };
    const png = { data: new Uint8Array([1]), mimeType: "image/png" };
    expect(
      inputOf(
        assistant(
          { ...(call("ws_1", "web_search", "{}") as object), executor: "provider", ...state(search) } as never,
          { type: "tool-result", toolCallId: "ws_1", name: "web_search", text: "", media: [], failed: false },
          { type: "media", media: png, ...state(image) },
        ),
      ),
    ).toEqual([search, { ...image, result: "AQ==" }]);
    const foreign = { ...(call("x", "web_search", "{}") as object), executor: "provider" } as never;
    expect(warningsOf({ messages: [assistant(foreign)] })).toEqual(["part-dropped messages[0].parts[0]"]);
  });

  test.each<[object, Parameters<typeof result>[1], object]>([
    [
      { type: "custom_tool_call", call_id: "c", name: "sql", input: "SELECT 1" },
      { text: "1" },
      { type: "custom_tool_call_output", call_id: "c", output: "1" },
    ],
    [
      { type: "shell_call", call_id: "c", action: { commands: ["ls"] } },
      { text: "a.txt" },
      {
        type: "shell_call_output",
        call_id: "c",
        output: [{ stdout: "a.txt", stderr: "", outcome: { type: "exit", exit_code: 0 } }],
      },
    ],
    [
      { type: "shell_call", call_id: "c" },
      { structured: { output: [{ stdout: "", stderr: "", outcome: { type: "timeout" } }], max_output_length: 9 } },
      {
        type: "shell_call_output",
        call_id: "c",
        output: [{ stdout: "", stderr: "", outcome: { type: "timeout" } }],
        max_output_length: 9,
      },
    ],
    [
      { type: "apply_patch_call", call_id: "c" },
      { text: "no such file", failed: true },
      { type: "apply_patch_call_output", call_id: "c", status: "failed", output: "no such file" },
    ],
    [
      { type: "local_shell_call", call_id: "c", id: "lsh_1" },
      { text: "ok" },
      { type: "local_shell_call_output", id: "lsh_1", output: "ok" },
    ],
    [
      { type: "mcp_approval_request", id: "c" },
      { text: "not today", structured: { approve: false } },
      { type: "mcp_approval_response", approval_request_id: "c", approve: false, reason: "not today" },
    ],
    [
      { type: "computer_call", call_id: "c" },
      { text: "", media: [{ data: new Uint8Array([1]), mimeType: "image/png" }] },
      {
        type: "computer_call_output",
        call_id: "c",
        output: { type: "computer_screenshot", image_url: "data:image/png;base64,AQ==" },
      },
    ],
  ])("the caller's result of %j", (item, more, expected) => {
    const part = { ...(call("c", (item as { type: string }).type, "{}") as object), ...state(item) } as never;
    expect(inputOf(assistant(part), result("c", more))).toEqual([item, expected]);
  });

  test("media that a tool returned is in its result", () => {
    const png = { data: new Uint8Array([1]), mimeType: "image/png" };
    expect(inputOf(assistant(call("c", "f", "{}")), result("c", { text: "A shot:", media: [png] }))[1]).toEqual({
      type: "function_call_output",
      call_id: "c",
      output: [
        { type: "input_text", text: "A shot:" },
        { type: "input_image", image_url: "data:image/png;base64,AQ==", detail: "auto" },
      ],
    });
  });
});

describe("content", () => {
  const data = new Uint8Array([1]);
  test("images and files, by data and by address", () => {
    const parts = [
      media("image/png", { data }),
      media("", { uri: "https://x.test/a.png" }),
      media("application/pdf", { data, filename: "a.pdf" }),
      media("application/pdf", { uri: "https://x.test/a.pdf" }),
    ];
    expect(inputOf(user(...parts))[0].content).toEqual([
      { type: "input_image", image_url: "data:image/png;base64,AQ==", detail: "auto" },
      { type: "input_image", image_url: "https://x.test/a.png", detail: "auto" },
      { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,AQ==" },
      { type: "input_file", file_url: "https://x.test/a.pdf" },
    ]);
  });

  test.each([media("audio/wav", { data }), media("video/mp4", { data }), media("image/png", { uri: "gs://b/a" })])(
    "%j is refused before the vendor is called",
    (part) => {
      expect(() => requestOf({ messages: [user(part)] })).toThrow(
        expect.objectContaining({ code: "failed_precondition", reason: "unsupported" }),
      );
    },
  );
});

describe("tools", () => {
  const f = { type: "function", name: "f", inputSchemaJson: '{"type":"object"}', strict: false } as const;
  const g = { type: "function", name: "g" } as const;
  const search = { type: "web-search", allowedDomains: [], blockedDomains: [] } as const;

  test("functions, the vendor's own, and what has to be included for them", () => {
    const tools: ChatRequest["tools"] = [
      f,
      { ...search, contextSize: "high", allowedDomains: ["a.test"], regionCode: "CH", timeZone: "Europe/Zurich" },
      { type: "code-execution" },
      { type: "provider-tool", providerType: "file_search", config: { vector_store_ids: ["vs_1"] } },
    ];
    const body = bodyOf({ tools, parallelToolCalls: false });
    expect(body.tools).toEqual([
      { type: "function", name: "f", parameters: { type: "object" }, strict: false },
      {
        type: "web_search",
        search_context_size: "high",
        filters: { allowed_domains: ["a.test"] },
        user_location: { type: "approximate", country: "CH", timezone: "Europe/Zurich" },
      },
      { type: "code_interpreter", container: { type: "auto" } },
      { type: "file_search", vector_store_ids: ["vs_1"] },
    ]);
    expect(body.include).toEqual([
      "reasoning.encrypted_content",
      "web_search_call.action.sources",
      "code_interpreter_call.outputs",
      "file_search_call.results",
    ]);
    expect(body.parallel_tool_calls).toBe(false);
  });

  test("a limit of searches where the API can count them apart", () => {
    expect(bodyOf({ tools: [f, { ...search, maxUses: 3 }] }).max_tool_calls).toBe(3);
    expect(warningsOf({ tools: [{ ...search, maxUses: 3 }, { type: "code-execution" }] })).toEqual([
      "option-ignored config.tools[0].webSearch.maxUses",
    ]);
  });

  test.each<[ChatRequest["toolChoice"], unknown]>([
    [{ mode: "disabled", toolNames: [] }, "none"],
    [{ mode: "required", toolNames: [] }, "required"],
    [
      { mode: "required", toolNames: ["g"] },
      { type: "function", name: "g" },
    ],
    [
      { mode: "required", toolNames: ["f", "web_search"] },
      { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "f" }, { type: "web_search" }] },
    ],
    [
      { mode: "auto", toolNames: ["f"] },
      { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "f" }] },
    ],
  ])("choice %j", (toolChoice, expected) => {
    expect(bodyOf({ tools: [f, g, search], toolChoice }).tool_choice).toEqual(expected);
  });
});
