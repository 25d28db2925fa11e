import { describe, expect, test } from "vitest";
import type { ChatRequest, Message, Part } from "../../../src/core/chat.ts";
import { toGenerateContentRequest } from "../../../src/providers/google/chat-request.ts";
import { writeJson } from "../../../src/providers/openai-compatible/json-text.ts";
import { writeState } from "../../../src/providers/openai-compatible/provider-state.ts";
import { assistant, call, chatRequest, generation, media, result, user } from "../openai-compatible/request.ts";

const model = "gemini-3.8-flash";
const requestOf = (more: Partial<ChatRequest>) => toGenerateContentRequest(chatRequest({ model, ...more }), "google");
const bodyOf = (more: Partial<ChatRequest> = {}) => JSON.parse(writeJson(requestOf(more).body));
const contentsOf = (...messages: Message[]) => bodyOf({ messages }).contents;
const warningsOf = (more: Partial<ChatRequest>) =>
  requestOf(more).warnings.map(({ code, field }) => `${code} ${field}`);
const text = (said: string): Part => ({ type: "text", text: said });
const state = (value: object) => ({ providerState: writeState("google", value) });
const unsupported = expect.objectContaining({ code: "failed_precondition", reason: "unsupported" });

/** What every request to a thinking model asks for. */
const thinks = { thinkingConfig: { includeThoughts: true } };
const data = new Uint8Array([1]);

describe("the body", () => {
  test("a plain question, exactly", () => {
    expect(bodyOf({ instructions: "Be Bo.", userId: "u" })).toEqual({
      contents: [{ role: "user", parts: [{ text: "Hi" }] }],
      systemInstruction: { parts: [{ text: "Be Bo." }] },
      generationConfig: thinks,
    });
    expect(bodyOf({ model: "gemini-2.0-flash" })).toEqual({ contents: [{ role: "user", parts: [{ text: "Hi" }] }] });
  });

  test("all options, exactly", () => {
    const config = generation({
      temperature: 0,
      topP: 0.9,
      topK: 5,
      maxOutputTokens: 64,
      seed: 0,
      stopSequences: ["x", "y"],
      presencePenalty: 1,
      frequencyPenalty: -1,
      reasoning: { hidden: true, effort: "low" },
      outputModalities: ["text", "image"],
    });
    expect(bodyOf({ generation: config }).generationConfig).toEqual({
      temperature: 0,
      topP: 0.9,
      topK: 5,
      maxOutputTokens: 64,
      seed: 0,
      stopSequences: ["x", "y"],
      thinkingConfig: { thinkingLevel: "LOW" },
      responseModalities: ["TEXT", "IMAGE"],
    });
    const refused = ["presencePenalty", "frequencyPenalty"];
    expect(warningsOf({ generation: config })).toEqual(
      refused.map((name) => `option-ignored config.generation.${name}`),
    );
    expect(bodyOf({ model: "gemini-2.0-flash", generation: config }).generationConfig).toMatchObject({
      presencePenalty: 1,
      frequencyPenalty: -1,
    });
  });

  test("no more stop sequences than there may be", () => {
    const config = generation({ stopSequences: ["1", "2", "3", "4", "5", "6"] });
    expect(bodyOf({ generation: config }).generationConfig.stopSequences).toEqual(["1", "2", "3", "4", "5"]);
    expect(warningsOf({ generation: config })).toEqual(["option-clamped config.generation.stopSequences"]);
  });

  test("safety settings and more go in beside it", () => {
    const safetySettings = [{ category: "HARM_CATEGORY_HARASSMENT", threshold: "BLOCK_NONE" }];
    const options = { safetySettings, generationConfig: { imageConfig: { aspectRatio: "16:9" } } };
    expect(bodyOf({ options })).toMatchObject({
      safetySettings,
      generationConfig: { ...thinks, imageConfig: { aspectRatio: "16:9" } },
    });
  });

  test.each(["contents", "tools", "systemInstruction", "system_instruction", "model"])("%s is ours", (name) => {
    expect(() => requestOf({ options: { [name]: [] } })).toThrow(`route.targets[].options.${name}`);
  });

  test("documents are not made", () => {
    expect(() => requestOf({ generation: generation({ outputModalities: ["document"] }) })).toThrow(unsupported);
  });
});

describe("thinking", () => {
  type Reasoning = NonNullable<ChatRequest["generation"]["reasoning"]>;
  const thinkingOf = (name: string, reasoning: Partial<Reasoning>) =>
    bodyOf({ model: name, generation: generation({ reasoning: { hidden: false, ...reasoning } }) }).generationConfig
      ?.thinkingConfig;

  test.each<[string, Partial<Reasoning>, object | undefined]>([
    ["gemini-3.8-flash", { effort: "disabled" }, { thinkingLevel: "MINIMAL", includeThoughts: true }],
    ["gemini-3.8-flash", { effort: "max", hidden: true }, { thinkingLevel: "HIGH" }],
    ["gemini-3.1-pro-preview", { effort: "minimal" }, { thinkingLevel: "LOW", includeThoughts: true }],
    ["gemini-flash-latest", { effort: "medium" }, { thinkingLevel: "MEDIUM", includeThoughts: true }],
    ["gemini-3-pro-image", {}, { includeThoughts: true }],
    ["gemini-2.5-flash", { effort: "disabled" }, { thinkingBudget: 0 }],
    ["gemini-2.5-flash", { effort: "medium" }, { thinkingBudget: 8192, includeThoughts: true }],
    ["gemini-2.5-pro", { effort: "disabled" }, { thinkingBudget: 128, includeThoughts: true }],
    ["gemini-3.8-flash", { effort: "low", budgetTokens: 99 }, { thinkingBudget: 99, includeThoughts: true }],
    ["gemini-2.5-pro", { budgetTokens: 0, hidden: true }, { thinkingBudget: 128 }],
    ["gemini-2.5-pro", { budgetTokens: 99_999, hidden: true }, { thinkingBudget: 32_768 }],
    ["gemini-2.5-flash", { budgetTokens: 0 }, { thinkingBudget: 0 }],
    ["gemini-2.5-flash-lite", { budgetTokens: 5, hidden: true }, { thinkingBudget: 512 }],
    ["gemini-3.1-flash-image", { effort: "medium", hidden: true }, { thinkingLevel: "HIGH" }],
    ["gemini-3.1-flash-image", { effort: "low", hidden: true }, { thinkingLevel: "MINIMAL" }],
    ["gemini-3-pro-image", { effort: "low" }, { includeThoughts: true }],
    ["gemini-2.5-flash-image", { effort: "low" }, undefined],
    ["gemma-3-27b-it", { effort: "low" }, undefined],
    ["gemini-robotics-er-1.6", { effort: "low" }, undefined],
    ["tunedModels/mine", {}, undefined],
  ])("%s %j", (name, reasoning, expected) => expect(thinkingOf(name, reasoning)).toEqual(expected));

  test("what a model cannot do is said", () => {
    const config = (effort: "disabled" | "high") =>
      generation({ reasoning: { hidden: false, effort, budgetTokens: 1 } });
    const fields = ["effort", "budgetTokens"].map((name) => `option-ignored config.generation.reasoning.${name}`);
    expect(warningsOf({ model: "gemini-2.0-flash", generation: config("high") })).toEqual(fields);
    const disabled = generation({ reasoning: { hidden: false, effort: "disabled" } });
    expect(warningsOf({ generation: disabled })).toEqual(["option-clamped config.generation.reasoning.effort"]);
    expect(warningsOf({ model: "gemini-2.5-flash", generation: disabled })).toEqual([]);
    const much = generation({ reasoning: { hidden: false, budgetTokens: 99_999 } });
    expect(warningsOf({ model: "gemini-2.5-pro", generation: much })).toEqual([
      "option-clamped config.generation.reasoning.budgetTokens",
    ]);
  });
});

describe("structured output", () => {
  const schemaJson = '{"type":"object","properties":{"z":{"const":12345678901234567890},"a":{"$ref":"#/$defs/b"}}}';
  const outputFormat = { type: "json-schema", name: "reply", schemaJson } as const;

  test("a JSON schema goes out byte for byte", () => {
    const { body } = requestOf({ outputFormat });
    expect(writeJson(body)).toContain(`"responseMimeType":"application/json","responseJsonSchema":${schemaJson}`);
    expect(bodyOf({ outputFormat: { type: "json-object" } }).generationConfig).toEqual({
      ...thinks,
      responseMimeType: "application/json",
    });
  });

  test("before Gemini 3 it is a function when there are functions", () => {
    const tools = [{ type: "function", name: "f" }] as const;
    const old = { model: "gemini-2.5-flash", tools, outputFormat };
    expect(requestOf(old).answerTool).toBe("reply");
    expect(bodyOf(old)).toMatchObject({
      tools: [{ functionDeclarations: [{ name: "f" }, { name: "reply", description: "Gives the answer." }] }],
      toolConfig: { functionCallingConfig: { mode: "ANY" } },
    });
    expect(writeJson(requestOf(old).body)).toContain(`"parametersJsonSchema":${schemaJson}`);
    expect(bodyOf(old).generationConfig).toEqual(thinks);
    expect(warningsOf(old)).toEqual(["output-format-emulated config.outputFormat.jsonSchema"]);
    expect(bodyOf({ tools, outputFormat }).generationConfig).toHaveProperty("responseJsonSchema");
    const toolChoice = { mode: "disabled", toolNames: [] } as const;
    expect(bodyOf({ ...old, toolChoice }).toolConfig.functionCallingConfig.allowedFunctionNames).toEqual(["reply"]);
  });

  test("before Gemini 3 any JSON object is asked for in words when there are functions", () => {
    const format = { type: "json-object" } as const;
    const old = { model: "gemini-2.5-flash", tools: [{ type: "function", name: "f" }] as const, outputFormat: format };
    expect(bodyOf({ ...old, instructions: "Be Bo." })).toMatchObject({
      systemInstruction: { parts: [{ text: "Be Bo.\n\nAnswer with a JSON object." }] },
      generationConfig: thinks,
    });
    expect(bodyOf(old).generationConfig).not.toHaveProperty("responseMimeType");
    expect(warningsOf(old)).toEqual(["output-format-emulated config.outputFormat"]);
  });

  test("no JSON is refused, with its path", () => {
    const broken = { ...outputFormat, schemaJson: "{" };
    expect(() => requestOf({ outputFormat: broken })).toThrow(/config\.outputFormat\.jsonSchema\.schemaJson/);
  });
});

describe("the conversation", () => {
  test("neighbours of one role are one turn, responses first; names come from the calls", () => {
    expect(
      contentsOf(
        user(text("Weather?")),
        user(text("And time?")),
        assistant(
          text("Looking."),
          call("a", "get_weather", '{"city": "Bern", "n": 12345678901234567}'),
          call("b", "now", ""),
        ),
        result("a", { text: "sunny" }),
        result("b", { structured: { time: "12:00" }, text: "" }),
        user(text("Thanks")),
        result("b", { text: "no clock", failed: true }),
      ),
    ).toEqual([
      { role: "user", parts: [{ text: "Weather?" }, { text: "And time?" }] },
      {
        role: "model",
        parts: [
          { text: "Looking." },
          {
            functionCall: { id: "a", name: "get_weather", args: { city: "Bern", n: expect.any(Number) } },
            thoughtSignature: "skip_thought_signature_validator",
          },
          { functionCall: { id: "b", name: "now", args: {} } },
        ],
      },
      {
        role: "user",
        parts: [
          { functionResponse: { id: "a", name: "get_weather", response: { output: "sunny" } } },
          { functionResponse: { id: "b", name: "now", response: { time: "12:00" } } },
          { functionResponse: { id: "b", name: "now", response: { error: "no clock" } } },
          { text: "Thanks" },
        ],
      },
    ]);
  });

  test("arguments go out as they were written; what is no object is wrapped", () => {
    const { body } = requestOf({ messages: [assistant(call("a", "f", '{"n": 12345678901234567890}'))] });
    expect(writeJson(body)).toContain('"args":{"n": 12345678901234567890}');
    for (const written of ["[1]", '{"a":']) {
      const [turn] = contentsOf(assistant(call("a", "f", written)));
      expect(turn.parts[0].functionCall.args).toEqual({ arguments: written });
    }
  });

  test("signatures go back where they came from, unchanged", () => {
    expect(
      contentsOf(
        assistant(
          { type: "reasoning", text: "Hm" },
          { type: "reasoning", text: "", redacted: true, ...state({ thoughtSignature: "r" }) },
          { type: "reasoning", text: "So", ...state({ thoughtSignature: "t", thought: true }) },
          { type: "text", text: "Hello world", ...state({ thoughtSignature: "s", offset: 6 }) },
          { type: "text", text: "Bye", ...state({ thoughtSignature: "e", offset: 3 }) },
          { type: "media", media: { data, mimeType: "image/png" }, ...state({ thoughtSignature: "m" }) },
          { ...call("a", "f", "{}"), ...state({ thoughtSignature: "c" }) },
        ),
      ),
    ).toEqual([
      {
        role: "model",
        parts: [
          { text: "", thoughtSignature: "r" },
          { text: "So", thought: true, thoughtSignature: "t" },
          { text: "Hello " },
          { text: "world", thoughtSignature: "s" },
          { text: "Bye" },
          { text: "", thoughtSignature: "e" },
          { inlineData: { mimeType: "image/png", data: "AQ==" }, thoughtSignature: "m" },
          { functionCall: { id: "a", name: "f", args: {} }, thoughtSignature: "c" },
        ],
      },
    ]);
  });

  test("state of another kind, or damaged, is dropped with one warning; old models need no signature", () => {
    const foreign = { providerState: writeState("anthropic", {}) };
    const messages = [assistant({ ...text("So."), ...foreign }, { ...call("a", "f", "{}"), ...foreign })];
    expect(warningsOf({ messages })).toEqual(["provider-state-dropped messages[0].parts[0].providerState"]);
    const [turn] = bodyOf({ messages, model: "gemini-2.5-pro" }).contents;
    expect(turn.parts).toEqual([{ text: "So." }, { functionCall: { id: "a", name: "f", args: {} } }]);
    const damaged = { providerState: { providerKind: "google", data: new Uint8Array([255]) } };
    expect(warningsOf({ messages: [assistant({ ...text("x"), ...damaged })] })).toHaveLength(1);
  });

  test("state that makes no sense does no harm", () => {
    const odd = { thoughtSignature: 7, offset: "x", part: [] };
    expect(contentsOf(assistant({ ...text("So."), ...state(odd) }))[0].parts).toEqual([{ text: "So." }]);
    const far = { thoughtSignature: "s", offset: 99 };
    const parts = [{ text: "So." }, { text: "", thoughtSignature: "s" }];
    expect(contentsOf(assistant({ ...text("So."), ...state(far) }))[0].parts).toEqual(parts);
  });

  test("the provider's own calls go back as they came; another's are left out", () => {
    const code = { executableCode: { language: "PYTHON", code: "1" }, thoughtSignature: "s" };
    const output = { codeExecutionResult: { outcome: "OUTCOME_OK", output: "1" } };
    const ran = {
      type: "tool-call",
      id: "c",
      name: "code_execution",
      argumentsJson: "{}",
      executor: "provider",
    } as const;
    const got = { type: "tool-result", toolCallId: "c", name: "", text: "1", media: [], failed: false } as const;
    expect(contentsOf(assistant({ ...ran, ...state({ part: code }) }, { ...got, ...state({ part: output }) }))).toEqual(
      [{ role: "model", parts: [code, output] }],
    );
    const messages = [assistant(ran, got, text("Done."))];
    expect(bodyOf({ messages }).contents).toEqual([{ role: "model", parts: [{ text: "Done." }] }]);
    expect(warningsOf({ messages })).toEqual(["part-dropped messages[0].parts[0]"]);
  });

  test("system messages join the instructions; the late ones with a warning", () => {
    const system = (said: string): Message => ({ role: "system", parts: [text(said)] });
    const messages = [system("One."), user(text("Hi")), system("Two."), user(text("Go"))];
    expect(bodyOf({ instructions: "Zero.", messages })).toMatchObject({
      systemInstruction: { parts: [{ text: "Zero." }, { text: "One." }, { text: "Two." }] },
      contents: [{ role: "user", parts: [{ text: "Hi" }, { text: "Go" }] }],
    });
    expect(warningsOf({ messages })).toEqual(["option-clamped messages[2]"]);
  });

  test("names of speakers are not for Gemini", () => {
    expect(warningsOf({ messages: [{ ...user(text("Hi")), name: "Ann" }] })).toEqual([
      "option-ignored messages[0].name",
    ]);
  });

  test("media that a tool returned is inside the response, or with old models beside it", () => {
    const returned = result("a", { text: "A shot:", media: [{ data, mimeType: "image/png" }] });
    const messages = [assistant(call("a", "shoot", "{}")), returned];
    const response = { id: "a", name: "shoot", response: { output: "A shot:" } };
    const inlineData = { mimeType: "image/png", data: "AQ==" };
    expect(bodyOf({ messages }).contents[1].parts).toEqual([
      { functionResponse: { ...response, parts: [{ inlineData }] } },
    ]);
    expect(bodyOf({ messages, model: "gemini-2.5-flash" }).contents[1].parts).toEqual([
      { functionResponse: response },
      { text: "Returned by the function shoot:" },
      { inlineData },
    ]);
  });
});

describe("content", () => {
  test("images, sound, video and documents, by data and by address", () => {
    const parts = [
      media("image/png", { data }),
      media("audio/wav", { data }),
      media("video/mp4", { uri: "gs://bucket/a" }),
      media("application/pdf", { uri: "https://x.test/a" }),
      media("", { uri: "https://x.test/a.JPG?x=1" }),
      media("", { uri: "https://www.youtube.com/watch?v=1" }),
      media("", { uri: "https://generativelanguage.googleapis.com/v1beta/files/abc" }),
    ];
    expect(contentsOf(user(...parts))[0].parts).toEqual([
      { inlineData: { mimeType: "image/png", data: "AQ==" } },
      { inlineData: { mimeType: "audio/wav", data: "AQ==" } },
      { fileData: { fileUri: "gs://bucket/a", mimeType: "video/mp4" } },
      { fileData: { fileUri: "https://x.test/a", mimeType: "application/pdf" } },
      { fileData: { fileUri: "https://x.test/a.JPG?x=1", mimeType: "image/jpeg" } },
      { fileData: { fileUri: "https://www.youtube.com/watch?v=1" } },
      { fileData: { fileUri: "https://generativelanguage.googleapis.com/v1beta/files/abc" } },
    ]);
  });

  test.each(["http://x.test/a.png", "file:///a.png", "https://x.test/a"])("%s is refused before the call", (uri) => {
    expect(() => requestOf({ messages: [user(text("x"), media("", { uri }))] })).toThrow(unsupported);
    expect(() => requestOf({ messages: [user(text("x"), media("", { uri }))] })).toThrow("messages[0].parts[1].media");
  });
});

describe("tools", () => {
  const schema = '{"type":"object","properties":{"z":{},"a":{"maximum":12345678901234567890}}}';
  const f = { type: "function", name: "f", description: "F.", inputSchemaJson: schema } as const;
  const g = { type: "function", name: "g" } as const;
  const search = { type: "web-search", allowedDomains: [], blockedDomains: [] } as const;

  test("functions are one tool, their schemas as they are; the provider's own beside them", () => {
    const tools: ChatRequest["tools"] = [
      f,
      search,
      g,
      { type: "code-execution" },
      { type: "provider-tool", providerType: "urlContext", config: {} },
    ];
    const body = bodyOf({ tools });
    expect(body.tools).toEqual([
      {
        functionDeclarations: [
          { name: "f", description: "F.", parametersJsonSchema: expect.anything() },
          { name: "g" },
        ],
      },
      { googleSearch: {} },
      { codeExecution: {} },
      { urlContext: {} },
    ]);
    expect(body.toolConfig).toEqual({ includeServerSideToolInvocations: true });
    expect(writeJson(requestOf({ tools }).body)).toContain(`"parametersJsonSchema":${schema}`);
    expect(bodyOf({ tools, model: "gemini-2.5-flash" })).not.toHaveProperty("toolConfig");
  });

  test("what Google does not take is said", () => {
    const tools: ChatRequest["tools"] = [
      { ...f, strict: true },
      { ...search, maxUses: 3, city: "Bern", allowedDomains: ["a.test"], blockedDomains: ["b.test"] },
    ];
    expect(warningsOf({ tools, parallelToolCalls: false })).toEqual([
      "option-ignored config.parallelToolCalls",
      "option-ignored config.tools[0].function.strict",
      "option-ignored config.tools[1].webSearch.allowedDomains",
      "option-ignored config.tools[1].webSearch.blockedDomains",
      "option-ignored config.tools[1].webSearch.maxUses",
      "option-ignored config.tools[1].webSearch.city",
    ]);
    expect(warningsOf({ tools: [f], parallelToolCalls: true })).toEqual([]);
  });

  test.each<[ChatRequest["toolChoice"], unknown, readonly string[]]>([
    [{ mode: "auto", toolNames: [] }, { mode: "AUTO" }, ["f", "g"]],
    [{ mode: "auto", toolNames: ["g"] }, { mode: "AUTO" }, ["g"]],
    [{ mode: "disabled", toolNames: [] }, { mode: "NONE" }, ["f", "g"]],
    [{ mode: "required", toolNames: [] }, { mode: "ANY" }, ["f", "g"]],
    [{ mode: "required", toolNames: ["f"] }, { mode: "ANY", allowedFunctionNames: ["f"] }, ["f", "g"]],
  ])("choice %j", (toolChoice, functionCallingConfig, names) => {
    const body = bodyOf({ tools: [f, g], toolChoice });
    expect(body.toolConfig).toEqual({ functionCallingConfig });
    expect(body.tools[0].functionDeclarations.map(({ name }: { name: string }) => name)).toEqual(names);
  });

  test("disabled means the provider's own too; they cannot be required", () => {
    const toolNames: string[] = [];
    expect(bodyOf({ tools: [search], toolChoice: { mode: "disabled", toolNames } })).not.toHaveProperty("tools");
    const required = { tools: [search], toolChoice: { mode: "required", toolNames } } as const;
    expect(bodyOf(required)).not.toHaveProperty("toolConfig");
    expect(warningsOf(required)).toEqual(["option-ignored config.toolChoice"]);
  });

  test("a schema that is no JSON is refused, with its path", () => {
    expect(() => requestOf({ tools: [{ ...f, inputSchemaJson: "{" }] })).toThrow(
      /config\.tools\[0\]\.function\.inputSchemaJson/,
    );
  });
});
