import { create, type DescMessage, equals, fromJson, type JsonValue, toJson, toJsonString } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RunRequestSchema } from "../../gen/livellm/v1/agent_service_pb.ts";
import { CreateProviderRequestSchema, UpdateProviderRequestSchema } from "../../gen/livellm/v1/providers_service_pb.ts";
import { LivellmError } from "../../src/core/error.ts";
import { findJsonSyntaxError } from "../../src/transport/json-syntax.ts";
import { decodeUtf8, parseStrictJson } from "../../src/transport/strict-json.ts";

function failureOf(desc: DescMessage, json: unknown): LivellmError {
  try {
    parseStrictJson(desc, typeof json === "string" ? json : JSON.stringify(json));
  } catch (error) {
    expect(error).toBeInstanceOf(LivellmError);
    expect(error).toMatchObject({ code: "invalid_argument", reason: "invalid_request" });
    return error as LivellmError;
  }
  throw new Error("it was accepted");
}

function violationsOf(json: unknown, desc: DescMessage = RunRequestSchema) {
  return failureOf(desc, json).facts.violations ?? [];
}

const part = (content: object) => ({ messages: [{ parts: [content] }] });
const media = (source: object) => part({ media: source });
const generation = (fields: object) => ({ config: { generation: fields } });

describe("a violation has the path, the reason, and what would be right", () => {
  test.each<[string, unknown, string, string, string]>([
    [
      "unknown field",
      generation({ temprature: 1 }),
      "config.generation.temprature",
      "UNKNOWN",
      'did you mean "temperature"?',
    ],
    ["unknown field in a list", { messages: [{}, { txt: "" }] }, "messages[1].txt", "UNKNOWN", 'did you mean "text"?'],
    [
      "unknown field like none",
      { config: { zzzzzz: 1 } },
      "config.zzzzzz",
      "UNKNOWN",
      "AgentConfig has instructions, tools",
    ],
    [
      "unknown field with two letters swapped",
      { route: { targets: [{ modle: "x" }] } },
      "route.targets[0].modle",
      "UNKNOWN",
      'did you mean "model"?',
    ],
    ["unknown field at the top", { rout: {} }, "rout", "UNKNOWN", 'did you mean "route"?'],
    [
      "field of an empty message",
      { config: { outputFormat: { jsonObject: { a: 1 } } } },
      "config.outputFormat.jsonObject.a",
      "UNKNOWN",
      "has none",
    ],
    [
      "unknown word",
      { route: { strategy: "parallel" } },
      "route.strategy",
      "UNKNOWN",
      'did you mean "STRATEGY_PARALLEL"? use one of STRATEGY_UNSPECIFIED, STRATEGY_SEQUENTIAL, STRATEGY_PARALLEL',
    ],
    [
      "unknown word in a list",
      generation({ outputModalities: ["MODALITY_TEXT", "smell"] }),
      "config.generation.outputModalities[1]",
      "UNKNOWN",
      "use one of MODALITY_UNSPECIFIED",
    ],
    [
      "word of the wrong type",
      { route: { strategy: true } },
      "route.strategy",
      "PATTERN",
      "must be a word, not a boolean",
    ],
    [
      "text for a number",
      generation({ temperature: "warm" }),
      "config.generation.temperature",
      "PATTERN",
      "must be a number, not a string",
    ],
    [
      "fraction for an integer",
      generation({ topK: 1.5 }),
      "config.generation.topK",
      "PATTERN",
      "must be a whole number",
    ],
    [
      "integer too large",
      generation({ maxOutputTokens: 2 ** 31 }),
      "config.generation.maxOutputTokens",
      "OUT_OF_RANGE",
      "between -2147483648 and 2147483647",
    ],
    ["half a character", { messages: [{ text: "a\ud83d" }] }, "messages[0].text", "PATTERN", "cut within a character"],
    ["number for a text", { messages: [{ text: 5 }] }, "messages[0].text", "PATTERN", "must be a string, not a number"],
    [
      "text for a bool",
      { config: { parallelToolCalls: "true" } },
      "config.parallelToolCalls",
      "PATTERN",
      "must be true or false",
    ],
    ["object for a list", { messages: {} }, "messages", "PATTERN", "must be an array, not an object"],
    ["list for an object", { route: [] }, "route", "PATTERN", "must be a JSON object (Route), not an array"],
    ["null in a list", { messages: [null] }, "messages[0]", "PATTERN", "must not be null"],
    ["list for a map", { caller: { labels: [] } }, "caller.labels", "PATTERN", "must be a JSON object, not an array"],
    [
      "number in a map of texts",
      { caller: { labels: { "a b": 1 } } },
      'caller.labels["a b"]',
      "PATTERN",
      "must be a string",
    ],
    [
      "bare number for a duration",
      { route: { attemptTimeout: 20 } },
      "route.attemptTimeout",
      "PATTERN",
      'did you mean "20s"?',
    ],
    [
      "duration without its unit",
      { route: { attemptTimeout: "20" } },
      "route.attemptTimeout",
      "PATTERN",
      'such as "20s" or "1.5s"',
    ],
    [
      "duration with more than its unit",
      { route: { attemptTimeout: "20seconds" } },
      "route.attemptTimeout",
      "PATTERN",
      'such as "20s"',
    ],
    [
      "duration beyond measure",
      { route: { attemptTimeout: "999999999999s" } },
      "route.attemptTimeout",
      "OUT_OF_RANGE",
      "315576000000s",
    ],
    [
      "array for a struct",
      { route: { targets: [{ options: [] }] } },
      "route.targets[0].options",
      "PATTERN",
      "must be a JSON object, not an array",
    ],
    ["what is not base64", media({ data: "***" }), "messages[0].parts[0].media.data", "PATTERN", "must be base64"],
    [
      "a data: URI for bytes",
      media({ data: "data:image/png;base64,AAAA" }),
      "messages[0].parts[0].media.data",
      "PATTERN",
      "`uri`",
    ],
    [
      "two members of a oneof",
      part({ text: "a", reasoning: { text: "b" } }),
      "messages[0].parts[0].reasoning",
      "CONFLICT",
      'together with "text"',
    ],
    [
      "a field by both its names",
      generation({ topP: 1, top_p: 1 }),
      "config.generation.topP",
      "CONFLICT",
      'the same field as "topP"',
    ],
    ["no object at all", "[]", "", "PATTERN", "must be a JSON object (RunRequest), not an array"],
    ["a key twice", '{"config":{"instructions":"a","instructions":"b"}}', "instructions", "CONFLICT", "twice"],
  ])("%s", (_, json, field, reason, description) => {
    expect(violationsOf(json)).toEqual([{ field, reason, description: expect.stringContaining(description) }]);
  });

  test.each<[string, unknown, string, string]>([
    ["snake_case in a mask", { updateMask: "api_key" }, "updateMask", '"displayName,apiKey"'],
    ["a mask as a list", { updateMask: ["apiKey"] }, "updateMask", '"displayName,apiKey"'],
    ["a mask as an object", { update_mask: { paths: ["x"] } }, "updateMask", '"displayName,apiKey"'],
    ["a time that is none", { provider: { createTime: "yesterday" } }, "provider.createTime", "2026-11-30T12:00:00Z"],
  ])("%s", (_, json, field, description) => {
    expect(violationsOf(json, UpdateProviderRequestSchema)).toEqual([
      { field, reason: "PATTERN", description: expect.stringContaining(description) },
    ]);
  });

  test("all of them at once, in the order of the text", () => {
    const json = {
      route: { strategy: "parallel", attemptTimeout: 20, targets: [{ modle: "x" }] },
      messages: [{ text: 1 }],
      config: { generation: { temprature: 1 } },
    };
    expect(violationsOf(json).map(({ field }) => field)).toEqual([
      "route.strategy",
      "route.attemptTimeout",
      "route.targets[0].modle",
      "messages[0].text",
      "config.generation.temprature",
    ]);
    expect(failureOf(RunRequestSchema, json).message).toMatch(/^route\.strategy: .*\(and 4 more\)$/);
  });

  test("nesting deeper than 100 levels, in a struct and beside it", () => {
    const nested = (levels: number): object => (levels === 0 ? {} : { a: nested(levels - 1) });
    const request = (levels: number) => ({ route: { targets: [{ options: nested(levels) }] } });
    expect(violationsOf(request(200))).toEqual([
      { field: "route.targets[0].options", reason: "OUT_OF_RANGE", description: expect.stringContaining("100 levels") },
    ]);
    expect(parseStrictJson(RunRequestSchema, JSON.stringify(request(50))).route?.targets).toHaveLength(1);
    expect(
      violationsOf(`{"route":{"targets":[{"options":{"a":${"[".repeat(50_000)}${"]".repeat(50_000)}}}]}}`),
    ).toHaveLength(1);
  });
});

describe("what is right is accepted", () => {
  test.each<[string, unknown, DescMessage]>([
    [
      "both ways to write a name",
      { config: { generation: { top_p: 1, topK: 2, max_output_tokens: 3 } } },
      RunRequestSchema,
    ],
    ["words and numbers of an enum", { route: { strategy: 2, targets: [] } }, RunRequestSchema],
    ["null for what is not set", { route: null, config: { generation: { temperature: null } } }, RunRequestSchema],
    [
      "durations",
      { route: { attemptTimeout: "1.5s", stagger: "0s", stallTimeout: "-0.000000001s" } },
      RunRequestSchema,
    ],
    ["a text that looks like a loose duration", { messages: [{ text: "20s of silence" }] }, RunRequestSchema],
    ["masks", { updateMask: "displayName,apiKey" }, UpdateProviderRequestSchema],
    ["the mask of everything", { updateMask: "*" }, UpdateProviderRequestSchema],
    ["times", { provider: { createTime: "2026-11-30T12:00:00.5+01:00" } }, CreateProviderRequestSchema],
    ["structs", { provider: { settings: { a: [1, null, { b: "c" }] } } }, CreateProviderRequestSchema],
    ["base64, standard", media({ data: "+/+/" }), RunRequestSchema],
    ["base64, URL-safe and without padding", media({ data: "-_-_AA" }), RunRequestSchema],
    ["numbers in quotes", generation({ topK: "5", temperature: "0.5" }), RunRequestSchema],
    ["nothing", {}, RunRequestSchema],
  ])("%s", (_, json, desc) => {
    expect(equals(desc, parseStrictJson(desc, JSON.stringify(json)), fromJson(desc, json as JsonValue))).toBe(true);
  });

  test("what the library writes, it reads", () => {
    const message = create(RunRequestSchema, {
      messages: [{ text: "hi", role: "user" }],
      route: { targets: [{ model: "m" }] },
    });
    expect(
      toJson(RunRequestSchema, parseStrictJson(RunRequestSchema, toJsonString(RunRequestSchema, message))),
    ).toEqual(toJson(RunRequestSchema, message));
  });
});

test("every refusal of the library is explained by a violation or a sentence", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const key = fc.constantFrom(
    "route",
    "messages",
    "config",
    "caller",
    "targets",
    "parts",
    "text",
    "strategy",
    "labels",
  );
  const request = fc.dictionary(
    key,
    fc.oneof(value, fc.dictionary(key, fc.oneof(value, fc.array(fc.dictionary(key, value))))),
  );
  fc.assert(
    fc.property(request, (json) => {
      try {
        parseStrictJson(RunRequestSchema, JSON.stringify(json));
      } catch (error) {
        expect(error).toBeInstanceOf(LivellmError);
        expect((error as LivellmError).facts.violations?.length, JSON.stringify(json)).toBeGreaterThan(0);
      }
    }),
    { numRuns: 100 },
  );
});

describe("malformed JSON", () => {
  test.each([
    ["", 0, "the text ends where a value is expected"],
    ["{", 1, 'the text ends where a property name in double quotes or "}" is expected'],
    ['{"a"', 4, 'the text ends where ":" is expected'],
    ['{"a":1,}', 7, 'there is "}" where a property name in double quotes is expected'],
    ["{a:1}", 1, 'there is "a" where a property name'],
    ["[1 2]", 3, 'there is "2" where "," or "]" is expected'],
    ["[1,]", 3, 'there is "]" where a value is expected'],
    ["{}x", 2, 'there is "x" where nothing more is expected'],
    ["[01]", 2, 'there is "1" where "," or "]" is expected'],
    ["['a']", 1, 'there is "\'" where a value or "]" is expected'],
    ['["\t"]', 1, 'there is "\\"" where a value or "]" is expected'],
    ['["\\x"]', 1, 'there is "\\"" where'],
    ['["abc', 1, 'there is "\\"" where'],
    ["nul", 0, 'there is "n" where a value is expected'],
    ["[1}", 2, 'there is "}" where "," or "]" is expected'],
  ])("%j stops at %i", (text, position, problem) => {
    expect(findJsonSyntaxError(text)).toMatchObject({ position, problem: expect.stringContaining(problem) });
  });

  test("counts lines and columns", () => {
    expect(findJsonSyntaxError('{\n  "a": 1,\n  b\n}')).toMatchObject({ line: 3, column: 3 });
  });

  test("is found exactly where JSON.parse finds some", () => {
    const pieces = fc.array(fc.constantFrom(...'{}[]:,"\\ax01-.e \n'.split(""), "true", "null", '"k"', '"a":'), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(pieces, (all) => {
        const text = all.join("");
        expect(findJsonSyntaxError(text) === undefined, text).toBe(isJson(text));
      }),
      { numRuns: 5_000 },
    );
  });

  test("is looked for in reasonable time and space, whatever it is", () => {
    for (const text of ["[".repeat(1_000_000), `["${"a".repeat(5_000_000)}`, `[${"1,".repeat(500_000)}`]) {
      expect(findJsonSyntaxError(text)).toBeDefined();
    }
  });

  test("is reported without its text", () => {
    const error = failureOf(RunRequestSchema, '{"messages": [{"text": "my secret" "x"}]}');
    expect(error.message).toMatch(/^malformed JSON at position 35 \(line 1, column 36\)/);
    expect(error.message).not.toContain("secret");
  });
});

test("bytes that are not UTF-8 are refused", () => {
  expect(() => decodeUtf8(new Uint8Array([0xc3, 0x28]))).toThrow("UTF-8");
  expect(decodeUtf8(Buffer.from("ü"))).toBe("ü");
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
