import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { says, startAgentServer } from "../agent/agent-server.ts";

const user = { text: "Hi." };
const call = (id: string, more: object = {}) => ({ toolCall: { id, name: "look_up", ...more } });
const result = (toolCallId: string, more: object = {}) => ({ toolResult: { toolCallId, text: "found", ...more } });
const asks = (...parts: object[]) => ({ role: "assistant", parts });
const tells = (...parts: object[]) => ({ role: "tool", parts });

interface Found {
  readonly field: string;
  readonly reason: string;
  readonly description: string;
}

/** The violations of a request, and how often a model was called. */
async function refused(
  request: object,
): Promise<{ readonly found: readonly Found[]; readonly status: number; readonly calls: number }> {
  await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
  const { status, body } = await server.run(request);
  const [detail] = (body.details ?? []) as { debug?: { fieldViolations?: readonly Found[] } }[];
  return { status, found: detail?.debug?.fieldViolations ?? [], calls: server.requests.length };
}

describe("is refused with its path before a model is called:", () => {
  const tooMuch = `data:text/plain;base64,${Buffer.alloc(2_000, 97).toString("base64")}`;
  const image = (source: object) => ({ messages: [{ parts: [{ media: source }] }] });
  const mcp = (more: object) => ({
    messages: [user],
    config: { tools: [{ mcpServer: { url: "https://example.com", ...more } }] },
  });
  const fn = (more: object) => ({ messages: [user], config: { tools: [{ function: { name: "f", ...more } }] } });
  const cases: readonly (readonly [what: string, request: object, field: string, reason: string, words: RegExp])[] = [
    [
      "a result without its call",
      { messages: [user, tells(result("x"))] },
      "messages[1].parts[0].toolResult.toolCallId",
      "UNKNOWN",
      /no tool call before it has the id x/,
    ],
    [
      "a call without its result, at the end",
      { messages: [user, asks(call("1"))] },
      "messages[1].parts[0].toolCall",
      "REQUIRED",
      /the call 1 has no result/,
    ],
    [
      "one of two calls without its result",
      { messages: [user, asks(call("1"), call("2")), tells(result("2"))] },
      "messages[1].parts[0].toolCall",
      "REQUIRED",
      /the call 1 has no result/,
    ],
    [
      "a call without its result, in the middle",
      { messages: [user, asks(call("1")), user] },
      "messages[1].parts[0].toolCall",
      "REQUIRED",
      /directly after/,
    ],
    [
      "a result that comes too late",
      { messages: [user, asks(call("1")), user, tells(result("1"))] },
      "messages[1].parts[0].toolCall",
      "REQUIRED",
      /directly after/,
    ],
    [
      "two calls of one id",
      { messages: [user, asks(call("1")), tells(result("1")), asks(call("1")), tells(result("1"))] },
      "messages[3].parts[0].toolCall.id",
      "CONFLICT",
      /a call 1 before it/,
    ],
    [
      "two results of one call",
      { messages: [user, asks(call("1")), tells(result("1"), result("1"))] },
      "messages[2].parts[1].toolResult.toolCallId",
      "CONFLICT",
      /a result of 1 before it/,
    ],
    [
      "a call by the user",
      { messages: [{ parts: [call("1")] }] },
      "messages[0].parts[0]",
      "UNSUPPORTED",
      /only a message of the role assistant/,
    ],
    [
      "a result by the assistant",
      { messages: [user, asks(call("1"), result("1"))] },
      "messages[1].parts[1]",
      "UNSUPPORTED",
      /role tool/,
    ],
    [
      "text among results",
      { messages: [user, asks(call("1")), tells(result("1"), { text: "so" })] },
      "messages[2].parts[1]",
      "UNSUPPORTED",
      /tool results only/,
    ],
    [
      "arguments that are no object",
      { messages: [user, asks(call("1", { argumentsJson: "[1]" })), tells(result("1"))] },
      "messages[1].parts[0].toolCall.argumentsJson",
      "PATTERN",
      /JSON object/,
    ],
    [
      "a picture in a system message",
      { messages: [{ role: "system", parts: [{ media: { data: "AAAA", mimeType: "image/png" } }] }, user] },
      "messages[0].parts[0]",
      "UNSUPPORTED",
      /text only/,
    ],
    [
      "nothing but system messages",
      { messages: [{ role: "system", text: "Be brief." }] },
      "messages",
      "REQUIRED",
      /nothing to answer/,
    ],
    ["an empty message", { messages: [{ parts: [{ text: "" }] }] }, "messages[0].parts", "REQUIRED", /empty/],
    ["a file without a type", image({ data: "AAAA" }), "messages[0].parts[0].media.mimeType", "REQUIRED", /image\/png/],
    [
      "an empty file",
      image({ data: "", mimeType: "image/png" }),
      "messages[0].parts[0].media.data",
      "REQUIRED",
      /empty/,
    ],
    [
      "a file over the limit",
      image({ data: Buffer.alloc(2_000).toString("base64"), mimeType: "image/png" }),
      "messages[0].parts[0].media.data",
      "TOO_LONG",
      /1024/,
    ],
    [
      "a data: URI over the limit",
      image({ uri: tooMuch }),
      "messages[0].parts[0].media.uri",
      "TOO_LONG",
      /2000 bytes long; 1024/,
    ],
    [
      "a data: URI that is none",
      image({ uri: "data:image/png;base64,***" }),
      "messages[0].parts[0].media.uri",
      "PATTERN",
      /base64/,
    ],
    [
      "a file of a result over the limit",
      { messages: [user, asks(call("1")), tells(result("1", { media: [{ uri: tooMuch }] }))] },
      "messages[2].parts[0].toolResult.media[0].uri",
      "TOO_LONG",
      /1024/,
    ],
    ["a tool whose name has spaces", fn({ name: "look up" }), "config.tools[0].function.name", "PATTERN", /letters/],
    [
      "a schema that is no JSON",
      fn({ inputSchemaJson: "{" }),
      "config.tools[0].function.inputSchemaJson",
      "PATTERN",
      /is no JSON Schema/,
    ],
    [
      "a schema that is none",
      fn({ inputSchema: { type: "objekt" } }),
      "config.tools[0].function.inputSchema",
      "PATTERN",
      /\/type must be/,
    ],
    [
      "parameters that are no object",
      fn({ inputSchema: { type: "string" } }),
      "config.tools[0].function.inputSchema",
      "PATTERN",
      /type object/,
    ],
    [
      "two functions of one name",
      { messages: [user], config: { tools: [{ function: { name: "f" } }, { function: { name: "f" } }] } },
      "config.tools[1].function.name",
      "CONFLICT",
      /names of their own/,
    ],
    [
      "a choice of a tool that is not there",
      { messages: [user], config: { toolChoice: { toolNames: ["g"] }, tools: [{ function: { name: "f" } }] } },
      "config.toolChoice.toolNames[0]",
      "UNKNOWN",
      /the tools are: f/,
    ],
    [
      "a tool that must be called, and none to call",
      { messages: [user], config: { toolChoice: { mode: "MODE_REQUIRED" } } },
      "config.toolChoice.mode",
      "CONFLICT",
      /there is none: add it to config.tools/,
    ],
    [
      "a key in the address of an MCP server",
      mcp({ url: "https://me:secret-1@example.com" }),
      "config.tools[0].mcpServer.url",
      "UNSUPPORTED",
      /use headers/,
    ],
    [
      "a header with a line break",
      mcp({ headers: { "x-key": "secret-1\r\nx: y" } }),
      'config.tools[0].mcpServer.headers["x-key"]',
      "PATTERN",
      /line breaks/,
    ],
    [
      "a header that is a line",
      mcp({ headers: { "x-key: secret-1": "" } }),
      "config.tools[0].mcpServer.headers",
      "PATTERN",
      /HTTP token/,
    ],
    [
      "a header of the connection",
      mcp({ headers: { Host: "secret-1" } }),
      'config.tools[0].mcpServer.headers["Host"]',
      "UNSUPPORTED",
      /belongs to the connection/,
    ],
  ];
  test.each(cases)("%s", async (_, request, field, reason, words) => {
    const { status, found, calls } = await refused(request);
    expect([status, calls]).toEqual([400, 0]);
    expect(found).toContainEqual({ field, reason, description: expect.stringMatching(words) });
    expect(JSON.stringify(found)).not.toContain("secret-1");
  });

  test("all of it at once", async () => {
    const messages = [tells(result("x")), { role: "system", text: "between" }, asks(call("1"))];
    const { found } = await refused({
      messages,
      config: {
        tools: [{ function: { name: "f", inputSchemaJson: "1" } }],
        outputFormat: { jsonSchema: { schemaJson: "1" } },
      },
    });
    expect(found.map(({ field }) => field)).toEqual([
      "messages[0].parts[0].toolResult.toolCallId",
      "messages[2].parts[0].toolCall",
      "config.tools[0].function.inputSchemaJson",
      "config.outputFormat.jsonSchema.schemaJson",
    ]);
  });
});

describe("is taken as it is meant:", () => {
  async function sent(messages: readonly object[]) {
    await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
    const { status, body } = await server.run({ messages });
    expect([status, body.code]).toEqual([200, undefined]);
    return server.requests[0]?.messages ?? [];
  }

  test("a message of results alone is of the role tool, and results have the names of their calls", async () => {
    const messages = await sent([
      user,
      asks(call("1"), call("2", { name: "other" })),
      { parts: [result("1")] },
      tells(result("2")),
    ]);
    expect(messages).toMatchObject([
      { role: "user" },
      { role: "assistant" },
      {
        role: "tool",
        parts: [
          { toolCallId: "1", name: "look_up" },
          { toolCallId: "2", name: "other" },
        ],
      },
    ]);
  });

  test("results beside what the user says come before it", async () => {
    const messages = await sent([user, asks(call("1")), { parts: [{ text: "and?" }, result("1")] }]);
    expect(messages.slice(2)).toMatchObject([
      { role: "tool", parts: [{ type: "tool-result" }] },
      { role: "user", parts: [{ type: "text", text: "and?" }] },
    ]);
  });

  test("a call that the provider ran has its result beside it, or none", async () => {
    const searched = call("1", { executor: "EXECUTOR_PROVIDER" });
    await sent([user, asks(searched, result("1"), { text: "so" }), user]);
    await sent([user, asks(searched, { text: "so" }), user]);
  });

  test("system messages anywhere, and an answer to be gone on with", async () => {
    const messages = await sent([
      { role: "system", text: "a" },
      { role: "user", text: "Hello" },
      { role: "system", text: "b" },
      user,
      asks({ text: "Once" }),
    ]);
    expect(messages.map(({ role }) => role)).toEqual(["system", "user", "system", "user", "assistant"]);
  });

  test("a schema of an older draft", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
    const inputSchema: JsonObject = {
      $schema: "http://json-schema.org/draft-07/schema#",
      type: "object",
      definitions: {},
    };
    const { status } = await server.run({
      messages: [user],
      config: { tools: [{ function: { name: "f", inputSchema } }] },
    });
    expect(status).toBe(200);
  });
});
