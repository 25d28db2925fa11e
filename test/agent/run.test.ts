import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LivellmError } from "../../src/core/error.ts";
import { servers, startServer2, type TestMcpServer } from "../tools/mcp-servers.ts";
import { calls, namesOf, type Script, says, startAgentServer } from "./agent-server.ts";

const fails: Script = () => {
  throw new LivellmError("unavailable", "provider_unavailable", "the vendor is down");
};
const hello = [{ text: "What is 40 + 2, and 1 + 1?" }];
const lookUp = { function: { name: "look_up", inputSchema: { type: "object" } } };

describe.each(servers)("tools of an MCP server of the package $version", ({ start }) => {
  let mcp: TestMcpServer;
  beforeAll(async () => {
    mcp = await start();
  });
  afterAll(() => mcp[Symbol.asyncDispose]());
  const tool = () => ({ mcpServer: { url: mcp.url, prefix: "calc_" } });

  test("are run between the steps, two at once, and the events come in the order of the contract", async () => {
    await using server = await startAgentServer({
      scripts: { a: [calls(["calc_add", { a: 40, b: 2 }], ["calc_add", { a: 1, b: 1 }]), says("42 and 2")] },
    });
    const { events, status } = await server.runStream({ messages: hello, config: { tools: [tool()] } });
    expect(status).toMatchObject({ code: "ok" });
    expect(namesOf(events)).toEqual([
      "started",
      "stepStarted",
      "partStarted",
      "toolCallDelta",
      "partFinished",
      "partStarted",
      "toolCallDelta",
      "partFinished",
      "stepFinished",
      "toolResult",
      "toolResult",
      "stepStarted",
      "partStarted",
      "textDelta",
      "partFinished",
      "stepFinished",
      "finished",
    ]);
    expect(events[4]).toMatchObject({
      partFinished: { part: { toolCall: { name: "calc_add", executor: "EXECUTOR_SERVER" } } },
    });
    expect(events[8]).toMatchObject({
      stepFinished: { finishReason: "FINISH_REASON_TOOL_CALLS", usage: { modelCalls: 1 } },
    });
    expect(events[11]).toMatchObject({ stepStarted: { step: 1, routeResult: { provider: "a" } } });
    expect(events[12]).toMatchObject({ partStarted: { index: 2 } });
    expect(events.at(-1)?.finished).toMatchObject({
      text: "42 and 2",
      finishReason: "FINISH_REASON_STOP",
      usage: { modelCalls: 2, inputTokens: 30, outputTokens: 5 },
      messages: [
        { role: "assistant", parts: [{ toolCall: { arguments: { a: 40, b: 2 } } }, { toolCall: {} }] },
        {
          role: "tool",
          parts: [
            { toolResult: { toolCallId: "call_calc_add_0", name: "calc_add", text: "42", structured: { sum: 42 } } },
            { toolResult: { toolCallId: "call_calc_add_1", text: "2" } },
          ],
        },
        { role: "assistant", parts: [{ text: "42 and 2" }] },
      ],
    });
    expect(server.requests[1]?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(server.requests.map(({ tools }) => tools.length)).toEqual([8, 8]);
  });

  test("give the same answer at once", async () => {
    await using server = await startAgentServer({ scripts: { a: [calls(["calc_add", { a: 1, b: 2 }]), says("3")] } });
    const { status, body } = await server.run({ messages: hello, config: { tools: [tool()] } });
    expect([status, body]).toMatchObject([
      200,
      { text: "3", finishReason: "FINISH_REASON_STOP", usage: { modelCalls: 2 } },
    ]);
    expect(body.messages).toHaveLength(3);
  });

  test("run before the run ends for a tool of the caller, and what it added is the next request", async () => {
    await using server = await startAgentServer({
      scripts: { a: [calls(["look_up", { q: "x" }], ["calc_add", { a: 1, b: 2 }]), says("done")] },
    });
    const config = { tools: [lookUp, tool()] };
    const { body } = await server.run({ messages: hello, config });
    expect(body).toMatchObject({
      finishReason: "FINISH_REASON_TOOL_CALLS",
      pendingToolCalls: [{ id: "call_look_up_0", name: "look_up", executor: "EXECUTOR_CLIENT" }],
      messages: [{ role: "assistant" }, { role: "tool", parts: [{ toolResult: { text: "3" } }] }],
    });
    const results = [{ toolResult: { toolCallId: "call_look_up_0", text: "found" } }];
    const messages = [...hello, ...(body.messages as JsonObject[]), { role: "tool", parts: results }];
    const next = await server.run({ messages, config });
    expect(next.body).toMatchObject({ text: "done", finishReason: "FINISH_REASON_STOP" });
    expect(server.requests[1]?.messages.at(-1)).toMatchObject({
      role: "tool",
      parts: [{ name: "calc_add" }, { toolCallId: "call_look_up_0", name: "look_up", text: "found" }],
    });
  });

  test("that fail are results the model can read, and the run goes on", async () => {
    await using server = await startAgentServer({
      scripts: { a: [calls(["calc_fail", {}], ["calc_add", '{"a":'], ["calc_gone", {}]), says("sorry")] },
    });
    const { body } = await server.run({ messages: hello, config: { tools: [tool()] } });
    expect(body).toMatchObject({ text: "sorry", finishReason: "FINISH_REASON_STOP" });
    expect(body.messages).toMatchObject([
      {},
      {
        parts: [
          { toolResult: { text: "the disk is full", failed: true } },
          { toolResult: { failed: true, text: expect.stringMatching(/not a JSON object/) } },
          { toolResult: { failed: true, text: expect.stringMatching(/there is no tool calc_gone/) } },
        ],
      },
      {},
    ]);
  });

  test("are not run again when a later step falls back, and the history moves with it", async () => {
    const before = mcp.ran.length;
    await using server = await startAgentServer({
      scripts: { a: [calls(["calc_add", { a: 1, b: 2 }]), fails], b: [says("three")] },
    });
    const route = { targets: [{ provider: "a" }, { provider: "b" }] };
    const { events } = await server.runStream({ route, messages: hello, config: { tools: [tool()] } });
    expect(namesOf(events).slice(5, 9)).toEqual(["stepFinished", "toolResult", "attemptFailed", "stepStarted"]);
    expect(events.at(-1)?.finished).toMatchObject({
      text: "three",
      routeResult: {
        provider: "b",
        attempts: [
          { provider: "a", outcome: "OUTCOME_ANSWERED" },
          { provider: "a", outcome: "OUTCOME_FAILED" },
          { provider: "b", outcome: "OUTCOME_ANSWERED" },
        ],
      },
    });
    expect(mcp.ran.slice(before)).toEqual(["add"]);
    expect(server.requests.at(-1)).toMatchObject({ provider: "b", messages: [{}, {}, { role: "tool" }] });
  });

  test("are cancelled with the call", async () => {
    await using server = await startAgentServer({ scripts: { a: [calls(["calc_slow", {}])] } });
    const caller = new AbortController();
    const gone = server.runStream({ messages: hello, config: { tools: [tool()] } }, caller.signal).catch(() => "gone");
    await mcp.nextSlowCall();
    const exchange = mcp.of("tools/call").at(-1);
    const cancelledAt = performance.now();
    caller.abort();
    expect(await gone).toBe("gone");
    const closed = await exchange?.closed;
    expect(closed?.complete).toBe(false);
    expect((closed?.at ?? Number.POSITIVE_INFINITY) - cancelledAt).toBeLessThan(500);
  });
});

describe("a run", () => {
  let mcp: TestMcpServer;
  beforeAll(async () => {
    mcp = await startServer2();
  });
  afterAll(() => mcp[Symbol.asyncDispose]());
  const tool = () => ({ mcpServer: { url: mcp.url } });
  const add = calls(["add", { a: 1, b: 2 }, "call_1"]);

  test("ends at max_steps with the results of its last calls, and ids that differ", async () => {
    await using server = await startAgentServer({ scripts: { a: [add] } });
    const { body } = await server.run({ messages: hello, config: { tools: [tool()], maxSteps: 3 } });
    expect(body).toMatchObject({ finishReason: "FINISH_REASON_MAX_STEPS", usage: { modelCalls: 3 } });
    expect((body.messages as JsonObject[]).map(({ role }) => role)).toEqual([
      "assistant",
      "tool",
      "assistant",
      "tool",
      "assistant",
      "tool",
    ]);
    const ids = server.requests[2]?.messages.flatMap(({ parts }) =>
      parts.flatMap((p) => (p.type === "tool-call" ? p.id : [])),
    );
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(2);
  });

  test("takes ten steps when nobody says how many", async () => {
    await using server = await startAgentServer({ scripts: { a: [add] } });
    const { body } = await server.run({ messages: hello, config: { tools: [tool()] } });
    expect(body).toMatchObject({ finishReason: "FINISH_REASON_MAX_STEPS", usage: { modelCalls: 10 } });
  });

  test("must use a tool in its first step only", async () => {
    await using server = await startAgentServer({ scripts: { a: [add, says("3")] } });
    const toolChoice = { mode: "MODE_REQUIRED", toolNames: ["add"] };
    await server.run({ messages: hello, config: { tools: [tool()], toolChoice } });
    expect(server.requests.map((request) => request.toolChoice?.mode)).toEqual(["required", "auto"]);
  });

  test("runs only the tools that the choice allows", async () => {
    const before = mcp.ran.length;
    await using server = await startAgentServer({ scripts: { a: [calls(["slow", {}]), says("ok")] } });
    const toolChoice = { mode: "MODE_AUTO", toolNames: ["add"] };
    const { body } = await server.run({ messages: hello, config: { tools: [tool()], toolChoice } });
    expect(body.messages).toMatchObject([
      {},
      { parts: [{ toolResult: { failed: true, text: expect.stringMatching(/allows only add/) } }] },
      {},
    ]);
    expect(mcp.ran.slice(before)).toEqual([]);
  });

  test("runs nothing of an answer that was cut off, and leaves a history that can be sent back", async () => {
    const before = mcp.ran.length;
    const cutOff: Script = (request, signal) =>
      [...(add(request, signal) as Iterable<never>)].map((event: { type: string }) =>
        event.type === "finished" ? { ...event, finishReason: "length" } : event,
      ) as never;
    await using server = await startAgentServer({ scripts: { a: [cutOff, says("go on")] } });
    const { body } = await server.run({ messages: hello, config: { tools: [tool()] } });
    expect(body).toMatchObject({
      finishReason: "FINISH_REASON_LENGTH",
      messages: [{}, { parts: [{ toolResult: { failed: true, text: expect.stringMatching(/cut off \(length\)/) } }] }],
    });
    expect(mcp.ran.slice(before)).toEqual([]);
    const next = [...hello, ...(body.messages as JsonObject[]), { text: "go on" }];
    expect((await server.run({ messages: next })).status).toBe(200);
  });

  test("fails before a model is called when an MCP server cannot be used", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("never")] } });
    const tools = [lookUp, { mcpServer: { url: "http://127.0.0.1:1/mcp" } }];
    const { events, status } = await server.runStream({ messages: hello, config: { tools } });
    expect(events).toEqual([]);
    expect(status).toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^config\.tools\[1\]\.mcpServer: could not reach 127\.0\.0\.1:1/),
      details: [{ debug: { reason: "REASON_TOOL_FAILED", metadata: { field: "config.tools[1].mcpServer" } } }],
    });
    expect(server.requests).toEqual([]);
  });

  test("tells of an allowed tool that does not exist", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("hi")] } });
    const tools = [{ mcpServer: { url: mcp.url, allowedTools: ["add", "fly"] } }];
    const { events } = await server.runStream({ messages: hello, config: { tools } });
    const warnings = [{ code: "tool-not-found", field: "config.tools[0].mcpServer.allowedTools[1]" }];
    expect(events[0]).toMatchObject({ started: { warnings } });
    expect(events.at(-1)).toMatchObject({ finished: { warnings } });
  });

  test("hands tools of the provider on", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("hi")] } });
    const tools = [
      { webSearch: { maxUses: 2 } },
      { codeExecution: {} },
      { providerTool: { type: "maps", config: { a: 1 } } },
    ];
    await server.run({ messages: hello, config: { tools } });
    expect(server.requests[0]?.tools).toMatchObject([
      { type: "web-search", maxUses: 2 },
      { type: "code-execution" },
      { type: "provider-tool", providerType: "maps", config: { a: 1 } },
    ]);
  });

  test("leaves a function of the caller to the caller, though it is not told of", async () => {
    await using server = await startAgentServer({ scripts: { a: [calls(["unheard_of", {}])] } });
    const { body } = await server.run({ messages: hello, config: { tools: [lookUp] } });
    expect(body).toMatchObject({
      finishReason: "FINISH_REASON_TOOL_CALLS",
      pendingToolCalls: [{ name: "unheard_of" }],
    });
  });
});
