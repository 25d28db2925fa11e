import { describe, expect, test } from "vitest";
import { type Script, says, startAgentServer } from "./agent-server.ts";

const messages = [{ text: "A person, please." }];
const person = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    name: { type: "string" },
    children: { type: "array", items: { $ref: "#" } },
    age: { $ref: "#/$defs/age" },
  },
  $defs: { age: { type: "integer", minimum: 0 } },
  required: ["name"],
  additionalProperties: false,
};
const schemaFormat = (schema: object) => ({ outputFormat: { jsonSchema: { schemaJson: JSON.stringify(schema) } } });
const config = schemaFormat(person);

async function run(answer: string | Script, format: object = config) {
  await using server = await startAgentServer({ scripts: { a: [typeof answer === "string" ? says(answer) : answer] } });
  const { status, body } = await server.run({ messages, config: format });
  return { status, body, asked: server.requests[0]?.outputFormat, calls: server.requests.length };
}

describe("an answer that has to be JSON", () => {
  test("goes through without a word when it keeps to its schema", async () => {
    const answer = '{"name":"Ada","age":36,"children":[{"name":"B"}]}';
    const { body } = await run(answer);
    expect([body.text, body.warnings]).toEqual([answer, undefined]);
  });

  test.each([
    ['{"name":"Ada","age":-1}', "the answer breaks its schema: /age must be >= 0"],
    ['{"name":"Ada","children":[{"name":1}]}', "the answer breaks its schema: /children/0/name must be string"],
    ['{"age":1}', "the answer breaks its schema: / must have required property 'name'"],
    ['{"name":"Ada","pet":1}', "the answer breaks its schema: / must NOT have additional properties: pet"],
    ['{"name":"SECRET-NAME"', "the answer is not JSON from character 21"],
    ["Sure! Here is SECRET-NAME", "the answer is not JSON"],
    ["", "the answer is not JSON"],
  ])("is delivered as it is when it does not: %s", async (answer, message) => {
    const { status, body } = await run(answer);
    expect([status, body.text ?? ""]).toEqual([200, answer]);
    expect(body.warnings).toEqual([{ code: "output-invalid", message, field: "config.outputFormat" }]);
  });

  test("of any object is held to that", async () => {
    const format = { outputFormat: { jsonObject: {} } };
    expect((await run('{"a":1}', format)).body.warnings).toBeUndefined();
    expect((await run("[1]", format)).body.warnings).toMatchObject([{ code: "output-invalid" }]);
  });

  test("is not looked for in a refusal, or in a call of a tool", async () => {
    const refuses: Script = () => [
      { type: "response" },
      { type: "finished", finishReason: "refusal", providerFinishReason: "refusal", usage: {} },
    ];
    expect((await run(refuses)).body.warnings).toBeUndefined();
  });

  test("takes its schema to the model byte for byte", async () => {
    const schemaJson = '{ "type":"object", "properties":{"b":{"const":1},"a":{"anyOf":[{"format":"date"},{}]}} }';
    const { asked } = await run("{}", { outputFormat: { jsonSchema: { schemaJson } } });
    expect(asked).toMatchObject({ type: "json-schema", schemaJson });
  });

  test.each([
    ["a pattern without end", { properties: { a: { pattern: "^(a+)+$" } } }],
    ["references that double at every step", doubling(40)],
  ])("is not checked for ever: %s is stopped", async (_, schema) => {
    const started = performance.now();
    const { body } = await run(JSON.stringify({ a: `${"a".repeat(60)}!` }), schemaFormat(schema));
    expect(body.warnings).toMatchObject([
      { code: "output-unchecked", message: expect.stringMatching(/took more than/) },
    ]);
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  test.each(["http://json-schema.org/draft-07/schema#", "https://json-schema.org/draft/2019-09/schema"])(
    "may have a schema of %s",
    async ($schema) => {
      const format = schemaFormat({ $schema, type: "array", items: [{ type: "string" }] });
      expect((await run("[1]", format)).body.warnings).toMatchObject([
        { message: expect.stringMatching(/\/0 must be string/) },
      ]);
    },
  );
});

describe("a schema that is none is refused before a model is called", () => {
  const cases: readonly (readonly [what: string, schemaJson: string, problem: RegExp])[] = [
    ["a word that is no type", '{"type":"objekt"}', /is no JSON Schema: \/type must be/],
    ["no object", "[]", /is no JSON Schema/],
    ["no JSON", '{"type":', /is no JSON Schema/],
    [
      "a reference to elsewhere",
      '{"$ref":"https://example.com/schema.json"}',
      /can't resolve reference.*a \$ref points inside/,
    ],
    ["a broken pattern", '{"type":"string","pattern":"("}', /Invalid regular expression/],
    ["an asynchronous one", '{"$async":true,"type":"object"}', /\$async/],
    ["an unknown draft", '{"$schema":"http://json-schema.org/draft-04/schema#"}', /\$schema that is not known/],
    ["too long", JSON.stringify({ description: "x".repeat(140_000) }), /longer than 131072 characters/],
  ];
  test.each(cases)("%s", async (_, schemaJson, problem) => {
    const { status, body, calls } = await run("{}", { outputFormat: { jsonSchema: { schemaJson } } });
    const { details } = body as { details: { debug: { fieldViolations: { field: string; description: string }[] } }[] };
    const [violation] = details[0]?.debug.fieldViolations ?? [];
    expect([status, calls]).toEqual([400, 0]);
    expect(violation?.field).toBe("config.outputFormat.jsonSchema.schemaJson");
    expect(violation?.description).toMatch(problem);
  });

  test("given as an object has the path of that", async () => {
    const { body } = await run("{}", { outputFormat: { jsonSchema: { schema: { type: "objekt" } } } });
    expect(JSON.stringify(body)).toContain('config.outputFormat.jsonSchema.schema"');
  });
});

/** A schema of a few lines whose check takes 2 to the power of `depth` steps. */
function doubling(depth: number): object {
  const twice = (i: number) => ({ allOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] });
  const levels = Array.from({ length: depth }, (_, i) => [`d${i}`, twice(i)]);
  return { $ref: "#/$defs/d0", $defs: { ...Object.fromEntries(levels), [`d${depth}`]: { type: "object" } } };
}
