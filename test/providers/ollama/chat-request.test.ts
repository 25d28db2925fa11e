import { describe, expect, test } from "vitest";
import type { ChatRequest } from "../../../src/core/chat.ts";
import { toOllamaRequest } from "../../../src/providers/ollama/chat-request.ts";
import { writeJson } from "../../../src/providers/openai-compatible/json-text.ts";
import { assistant, call, chatRequest, generation, media, result, user } from "../openai-compatible/request.ts";

/** What goes out, as the vendor parses it. */
function bodyFor(request: Partial<ChatRequest>) {
  const { model, ...rest } = JSON.parse(writeJson(toOllamaRequest(chatRequest(request)).body));
  return rest;
}

function warningsFor(request: Partial<ChatRequest>): readonly (string | undefined)[] {
  return toOllamaRequest(chatRequest(request)).warnings.map(({ code, field }) => `${code} ${field}`);
}

const png = new Uint8Array([137, 80]);

describe("messages", () => {
  test("instructions, text and images as base64", () => {
    const messages = [
      { role: "system", parts: [{ type: "text", text: "More." }] } as const,
      user({ type: "text", text: "What" }, media("image/png", { data: png }), { type: "text", text: "is this?" }),
    ];
    expect(bodyFor({ instructions: "Be brief.", messages }).messages).toEqual([
      { role: "system", content: "Be brief." },
      { role: "system", content: "More." },
      { role: "user", content: "What\nis this?", images: ["iVA="] },
    ]);
  });

  test("thoughts, calls with arguments as objects, and results by name", () => {
    const messages = [
      user({ type: "text", text: "Go" }),
      assistant(
        { type: "reasoning", text: "Hm." },
        { type: "text", text: "Look" },
        { type: "text", text: "ing." },
        call("call_1", "get_weather", '{"id":9007199254740993,"b":1,"a":2}'),
        call("call_2", "now", ""),
      ),
      result("call_1", { text: "", structured: { c: 21 } }),
      result("call_2", { name: "now", failed: true, text: "" }),
    ];
    const { body } = toOllamaRequest(chatRequest({ messages }));
    expect(writeJson(body.messages[1])).toContain('"arguments":{"id":9007199254740993,"b":1,"a":2}');
    expect(bodyFor({ messages }).messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: "Looking.",
        thinking: "Hm.",
        tool_calls: [
          { id: "call_1", function: { name: "get_weather", arguments: expect.objectContaining({ a: 2 }) } },
          { id: "call_2", function: { name: "now", arguments: {} } },
        ],
      },
      { role: "tool", content: '{"c":21}', tool_name: "get_weather", tool_call_id: "call_1" },
      { role: "tool", content: "The tool failed.", tool_name: "now", tool_call_id: "call_2" },
    ]);
  });

  test("pictures that a tool returned follow as the user's", () => {
    const shot = { mimeType: "image/png", data: png };
    const messages = [assistant(call("c", "shoot", "{}")), result("c", { media: [shot] })];
    expect(bodyFor({ messages }).messages.slice(1)).toEqual([
      { role: "tool", content: "ok", tool_name: "shoot", tool_call_id: "c" },
      { role: "user", content: "Returned by the tools.", images: ["iVA="] },
    ]);
  });

  test.each([
    ["a PDF", media("application/pdf", { data: png })],
    ["sound", media("audio/wav", { data: png })],
    ["an image by address", media("image/png", { uri: "https://example.com/a.png" })],
  ])("%s is refused, with its path", (_, part) => {
    expect(() => bodyFor({ messages: [user({ type: "text", text: "See" }, part)] })).toThrow(
      expect.objectContaining({
        code: "failed_precondition",
        facts: {
          violations: [expect.objectContaining({ field: "messages[0].parts[1].media", reason: "UNSUPPORTED" })],
        },
      }),
    );
  });

  test("what another vendor left in the history is left out, with warnings", () => {
    const providerState = { providerKind: "anthropic", data: new Uint8Array() };
    const hosted = { ...call("s", "web_search", "{}"), executor: "provider" } as const;
    const found = result("s").parts;
    const messages = [
      { ...user({ type: "text", text: "Go" }), name: "Ann" },
      assistant({ type: "reasoning", text: "", providerState }, hosted, ...found, media("image/png", { data: png })),
    ];
    expect(bodyFor({ messages }).messages).toEqual([{ role: "user", content: "Go" }]);
    expect(warningsFor({ messages })).toEqual([
      "option-ignored messages[0].name",
      "provider-state-dropped messages[1].parts[0].providerState",
      "part-dropped messages[1].parts[1]",
      "part-dropped messages[1].parts[3]",
    ]);
  });
});

describe("tools", () => {
  const schema = '{"type":"object","properties":{"n":{"const":9007199254740993}}}';
  const functions = [
    { type: "function", name: "f", description: "Does.", inputSchemaJson: schema },
    { type: "function", name: "g", strict: true },
  ] as const;

  test("go out with their schemas, byte for byte", () => {
    expect(writeJson(toOllamaRequest(chatRequest({ tools: functions })).body.tools)).toBe(
      `[{"type":"function","function":{"name":"f","description":"Does.","parameters":${schema}}},` +
        '{"type":"function","function":{"name":"g","parameters":{"type":"object","properties":{}}}}]',
    );
    expect(warningsFor({ tools: functions })).toEqual(["option-ignored config.tools[1].function.strict"]);
  });

  test("which may be called; that one must be called is said to be out of reach", () => {
    const names = (toolChoice: ChatRequest["toolChoice"]) =>
      (bodyFor({ tools: functions, toolChoice }).tools ?? []).map((tool: (typeof functions)[0]) => tool);
    expect(names({ mode: "auto", toolNames: ["g"] })).toHaveLength(1);
    expect(names({ mode: "disabled", toolNames: [] })).toEqual([]);
    const tools = [functions[0]];
    expect(warningsFor({ tools, toolChoice: { mode: "required", toolNames: [] }, parallelToolCalls: false })).toEqual([
      "option-ignored config.toolChoice.mode",
      "option-ignored config.parallelToolCalls",
    ]);
  });

  test.each([
    { type: "web-search", allowedDomains: [], blockedDomains: [] },
    { type: "code-execution" },
    { type: "provider-tool", providerType: "x", config: {} },
  ] as const)("$type is refused", (tool) => {
    expect(() => bodyFor({ tools: [tool] })).toThrow(
      expect.objectContaining({ reason: "unsupported", message: expect.stringContaining("config.tools[0]") }),
    );
  });
});

describe("options", () => {
  test("all that Ollama has, zeros too; nothing when nothing is said", () => {
    expect(
      bodyFor({
        generation: generation({
          temperature: 0,
          topP: 0.5,
          topK: 0,
          maxOutputTokens: 7,
          seed: 0,
          stopSequences: ["a", "b"],
          presencePenalty: 0.1,
          frequencyPenalty: 0.2,
        }),
      }).options,
    ).toEqual({
      temperature: 0,
      top_p: 0.5,
      top_k: 0,
      num_predict: 7,
      seed: 0,
      stop: ["a", "b"],
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
    });
    expect(Object.keys(bodyFor({}))).toEqual(["messages"]);
  });

  test("a target's own go where Ollama reads them, and win", () => {
    const options = { num_ctx: 8192, repeat_penalty: 1.2, keep_alive: "1h", options: { brand_new: 1, temperature: 1 } };
    expect(bodyFor({ options, generation: generation({ temperature: 0, seed: 3 }) })).toMatchObject({
      keep_alive: "1h",
      options: { temperature: 1, seed: 3, num_ctx: 8192, repeat_penalty: 1.2, brand_new: 1 },
    });
  });

  test("names that Ollama would ignore are refused, all at once, and so are ours", () => {
    expect(() => bodyFor({ options: { temprature: 1, num_ctx: 1, reasoning_effort: "low" } })).toThrow(
      expect.objectContaining({
        code: "invalid_argument",
        facts: {
          violations: [
            expect.objectContaining({ field: "route.targets[].options.temprature", reason: "UNKNOWN" }),
            expect.objectContaining({ field: "route.targets[].options.reasoning_effort", reason: "UNKNOWN" }),
          ],
        },
      }),
    );
    expect(() => bodyFor({ options: { stream: false } })).toThrow(
      expect.objectContaining({ facts: { violations: [expect.objectContaining({ reason: "CONFLICT" })] } }),
    );
  });

  test.each([
    ["disabled", false],
    ["minimal", "low"],
    ["medium", "medium"],
    ["max", "high"],
  ] as const)("effort %s is think %j", (effort, think) => {
    expect(bodyFor({ generation: generation({ reasoning: { effort, hidden: false } }) }).think).toBe(think);
  });

  test("a budget of thoughts is ignored, with a warning, and no effort says nothing", () => {
    const config = { generation: generation({ reasoning: { budgetTokens: 100, hidden: true } }) };
    expect(bodyFor(config)).not.toHaveProperty("think");
    expect(warningsFor(config)).toEqual(["option-ignored config.generation.reasoning.budgetTokens"]);
  });

  test("JSON answers, with a schema byte for byte", () => {
    expect(bodyFor({ outputFormat: { type: "json-object" } }).format).toBe("json");
    const schemaJson = '{"b":1,"a":{"$ref":"#"}}';
    const outputFormat = { type: "json-schema", name: "x", schemaJson } as const;
    expect(writeJson(toOllamaRequest(chatRequest({ outputFormat })).body.format)).toBe(schemaJson);
  });

  test("an answer in pictures is refused", () => {
    expect(() => bodyFor({ generation: generation({ outputModalities: ["text", "image"] }) })).toThrow(
      expect.objectContaining({ reason: "unsupported", message: expect.stringContaining("outputModalities[1]") }),
    );
  });
});
