import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentDialects, stateOf } from "../support/agent-dialects.ts";
import { type AgentVendor, type Script, startAgentVendor } from "../support/agent-vendor.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, type GrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { createProvider } from "../support/json-call.ts";
import { servers, type TestMcpServer } from "../tools/mcp-servers.ts";

const kinds = Object.keys(agentDialects);
/** The kinds whose models sign what they thought: what they signed means nothing to another. */
const signing = ["anthropic", "google", "openai"];

let gateway: Gateway;
let client: GrpcClient;
let providers = 0;

beforeAll(async () => {
  gateway = await startGateway();
  client = createGrpcClient(gateway.url);
});

afterAll(async () => {
  client[Symbol.dispose]();
  await gateway.stop();
});

/** A vendor of this kind, and the target that reaches it. */
async function connect(kind: string, script: Script): Promise<AgentVendor & { readonly target: object }> {
  const vendor = await startAgentVendor(kind, script);
  const id = `${kind}-${++providers}`;
  await createProvider(gateway.url, { id, kind, apiKey: "key-of-the-test", baseUrl: vendor.baseUrl });
  return Object.assign(vendor, { target: { provider: id, model: "m-1" } });
}

/** Runs through gRPC; returns the events, heartbeats left out, and what finished. */
async function run(request: object): Promise<{ readonly names: readonly string[]; readonly finished: LoadedMessage }> {
  const stream = client.stream("AgentService/RunStream", request);
  const all = (await Array.fromAsync(stream as AsyncIterable<LoadedMessage>)).filter(
    ({ event }) => event !== "heartbeat",
  );
  return { names: all.map(({ event }) => String(event)), finished: all.at(-1)?.finished as LoadedMessage };
}

const add = (a: number, b: number) => ({ name: "calc_add", args: { a, b } });
const slow = { name: "calc_slow", args: {} };
const question = [{ text: "What is 40 + 2, what is one more, and what does the slow one say?" }];
const toolsOf = ({ url }: TestMcpServer) => [{ mcpServer: { url, prefix: "calc_", allowedTools: ["add", "slow"] } }];

/** Two tools at once, one of them again, and an answer. */
const script: Script = [
  { reasoning: "Both at once.", text: "Let me see.", calls: [add(40, 2), slow] },
  { calls: [add(42, 1)] },
  { text: "It is 42, and then 43." },
];

const messagesOf = (value: LoadedMessage | undefined, field: string) =>
  (value?.[field] ?? []) as readonly LoadedMessage[];
const partsOf = (messages: readonly LoadedMessage[]) => messages.flatMap((message) => messagesOf(message, "parts"));

describe.each(servers)("tools of an MCP server of the official package $version", ({ start }) => {
  let mcp: TestMcpServer;
  beforeAll(async () => {
    mcp = await start();
  });
  afterAll(() => mcp[Symbol.asyncDispose]());

  /** The slow tool answers only when the other tool of its step has run: one after the other it would never. */
  async function runWithSlow(request: object) {
    const ran = mcp.ran.length;
    const going = run(request);
    const call = await mcp.nextSlowCall();
    await expect.poll(() => mcp.ran.slice(ran).toSorted()).toEqual(["add", "slow"]);
    call.finish("no hurry");
    return { ...(await going), ran: mcp.ran.slice(ran) };
  }

  test.each(kinds)("two tools, in a step of both and a step of one, on %s", async (kind) => {
    await using vendor = await connect(kind, script);
    const request = { route: { targets: [vendor.target] }, messages: question, config: { tools: toolsOf(mcp) } };
    const { names, finished, ran } = await runWithSlow(request);
    expect(vendor.refusals).toEqual([]);
    expect(names.filter((name) => /^(step|toolResult|finished)/.test(name))).toEqual([
      "stepStarted",
      "stepFinished",
      "toolResult",
      "toolResult",
      "stepStarted",
      "stepFinished",
      "toolResult",
      "stepStarted",
      "stepFinished",
      "finished",
    ]);
    expect(finished).toMatchObject({
      text: "It is 42, and then 43.",
      finishReason: "FINISH_REASON_STOP",
      routeResult: { providerKind: kind },
      usage: { modelCalls: 3, inputTokens: 33, outputTokens: 21 },
    });
    expect(ran.toSorted()).toEqual(["add", "add", "slow"]);
    const results = partsOf(messagesOf(finished, "messages")).flatMap(({ toolResult }) => toolResult ?? []);
    expect(results).toMatchObject([
      { name: "calc_add", text: "42" },
      { name: "calc_slow", text: "no hurry" },
      { name: "calc_add", text: "43" },
    ]);
    expect(vendor.requests).toHaveLength(3);
    const [, , third] = vendor.requests.map((sent) => vendor.conversation(sent));
    expect(third?.map(({ side, calls, results }) => [side, calls.length, results.length])).toEqual([
      ["user", 0, 0],
      ["model", 2, 0],
      ["user", 0, 2],
      ["model", 1, 0],
      ["user", 0, 1],
    ]);
    expect(new Set(third?.flatMap(({ calls }) => calls)).size, "ids that differ").toBe(3);
  });

  test.each(kinds.map((kind, i) => [kind, kinds[(i + 1) % kinds.length] ?? ""]))(
    "a conversation begun on %s goes on on %s, and then back",
    async (first, second) => {
      await using one = await connect(first, script);
      await using two = await connect(second, [{ calls: [add(43, 1)] }, { text: "And now 44." }]);
      const config = { tools: toolsOf(mcp) };
      const begun = await runWithSlow({ route: { targets: [one.target] }, messages: question, config });
      const history = [...question, ...messagesOf(begun.finished, "messages"), { text: "And one more?" }];
      const { finished } = await run({ route: { targets: [two.target] }, messages: history, config });
      expect([...one.refusals, ...two.refusals]).toEqual([]);
      expect(finished).toMatchObject({ text: "And now 44.", routeResult: { providerKind: second } });
      const sent = JSON.stringify(two.requests);
      for (const text of ["What is 40 + 2", "Let me see.", "no hurry", "It is 42, and then 43.", "And one more?"]) {
        expect(sent).toContain(text);
      }
      expect(sent).not.toContain(stateOf(first));
      const dropped = messagesOf(finished, "warnings").filter(({ code }) => code === "provider-state-dropped");
      expect(dropped.length > 0, "a warning that state was dropped").toBe(signing.includes(first));
      for (const { message } of dropped) expect(message).toContain(first);

      const whole = [...history, ...messagesOf(finished, "messages"), { text: "Thank you." }];
      await run({ route: { targets: [one.target] }, messages: whole, config });
      expect(one.refusals).toEqual([]);
      const back = JSON.stringify(one.requests.at(-1));
      expect(back.includes(stateOf(first)), "its own state comes back unchanged").toBe(signing.includes(first));
    },
  );

  test.each(kinds.map((kind, i) => [kind, kinds[(i + 2) % kinds.length] ?? ""]))(
    "%s dies in the middle of a run, and %s takes over: no tool runs twice",
    async (first, second) => {
      await using one = await connect(first, [...script.slice(0, 1), "dies"]);
      await using two = await connect(second, script.slice(1));
      const route = { targets: [one.target, two.target] };
      const { finished, ran, names } = await runWithSlow({
        route,
        messages: question,
        config: { tools: toolsOf(mcp) },
      });
      expect([...one.refusals, ...two.refusals]).toEqual([]);
      expect(ran.toSorted()).toEqual(["add", "add", "slow"]);
      expect(names.filter((name) => name === "attemptFailed").length).toBeGreaterThan(0);
      expect(finished).toMatchObject({ text: "It is 42, and then 43.", routeResult: { providerKind: second } });
      expect(JSON.stringify(two.requests[0])).toContain("no hurry");
    },
  );

  test.each(kinds)("a caller that goes while a tool runs closes the tool's socket, on %s", async (kind) => {
    await using vendor = await connect(kind, [{ calls: [slow] }]);
    const stream = client.stream("AgentService/RunStream", {
      route: { targets: [vendor.target] },
      messages: question,
      config: { tools: toolsOf(mcp) },
    });
    const gone = Array.fromAsync(stream as AsyncIterable<LoadedMessage>).catch(({ code }) => code);
    await mcp.nextSlowCall();
    const exchange = mcp.of("tools/call").at(-1);
    const left = performance.now();
    stream.cancel();
    const closed = await exchange?.closed;
    expect(closed?.complete).toBe(false);
    expect((closed?.at ?? Number.POSITIVE_INFINITY) - left).toBeLessThan(500);
    expect(await gone).toBe(1);
  });
});

describe("a conversation of 200 turns with tools", () => {
  /** Each turn: a question, a call, its result, an answer. */
  const turns = Array.from({ length: 200 }, (_, i) => [
    { text: `Question ${i}: ${"what about this? ".repeat(10)}` },
    {
      role: "assistant",
      parts: [
        { text: "Let me look." },
        { toolCall: { id: `call-of/${i}`, name: "look_up", argumentsJson: `{"n":${i}}` } },
      ],
    },
    {
      role: "tool",
      parts: [{ toolResult: { toolCallId: `call-of/${i}`, name: "look_up", text: `Found ${i} `.repeat(20) } }],
    },
    { role: "assistant", parts: [{ text: `Answer ${i}.` }] },
  ]);
  const tools = [
    { function: { name: "look_up", inputSchemaJson: '{"type":"object","properties":{"n":{"type":"integer"}}}' } },
  ];

  test.each(kinds)("is cut to what fits, and %s takes it", async (kind) => {
    await using vendor = await connect(kind, [{ text: "Short." }]);
    const config = { tools, contextPolicy: { strategy: "STRATEGY_TRUNCATE", maxInputTokens: 4_000 } };
    const messages = [...turns.flat(), { text: "And the last question?" }];
    const { finished } = await run({ route: { targets: [vendor.target] }, messages, config });
    expect(vendor.refusals).toEqual([]);
    expect(finished).toMatchObject({ text: "Short.", finishReason: "FINISH_REASON_STOP" });
    const [warning] = messagesOf(finished, "warnings").filter(({ code }) => code === "context-truncated");
    expect(warning).toMatchObject({ field: "messages" });
    const [sent = {}] = vendor.requests;
    const body = JSON.stringify(sent);
    expect(vendor.conversation(sent).length).toBeGreaterThan(20);
    // By the rule of thumb of four letters to a token, of which JSON's own signs are some.
    expect(body.length / 4).toBeLessThan(8_000);
    expect(body).toContain("Question 0:");
    expect(body).not.toContain("Question 50:");
    expect(body).toContain("Question 199:");
    expect(body).toContain("And the last question?");
  });
});

describe("an answer in a form", () => {
  const schemaJson =
    '{"type":"object","properties":{"city":{"type":"string"},"people":{"type":"integer"}},"required":["city","people"]}';
  const config = { outputFormat: { jsonSchema: { name: "place", schemaJson } } };
  const request = (target: object) => ({ route: { targets: [target] }, messages: [{ text: "A place?" }], config });

  test.each(kinds)("that keeps to its schema comes without a warning from %s", async (kind) => {
    await using vendor = await connect(kind, [{ text: '{"city": "Bern", "people": 137000}' }]);
    const { finished } = await run(request(vendor.target));
    expect(JSON.parse(String(finished.text))).toEqual({ city: "Bern", people: 137000 });
    expect(messagesOf(finished, "warnings").map(({ code }) => code)).not.toContain("output-invalid");
    expect(JSON.stringify(vendor.requests)).toContain("people");
  });

  test.each(kinds)("that breaks it is delivered with a warning that says where, from %s", async (kind) => {
    await using vendor = await connect(kind, [{ text: '{"city": "Bern", "people": "many"}' }]);
    const { finished } = await run(request(vendor.target));
    expect(finished).toMatchObject({ text: '{"city": "Bern", "people": "many"}', finishReason: "FINISH_REASON_STOP" });
    const [warning] = messagesOf(finished, "warnings").filter(({ code }) => code === "output-invalid");
    expect(warning).toMatchObject({ field: "config.outputFormat", message: expect.stringContaining("/people") });
    expect(warning?.message).not.toContain("many");
  });
});

test("the vendors of these tests refuse a call without its result, in a form that the gateway reads", async () => {
  await using vendor = await startAgentVendor("anthropic", [{ text: "never said" }]);
  const toolUse = { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "add", input: {} }] };
  const user = { role: "user", content: [{ type: "text", text: "Go on." }] };
  const post = (messages: readonly object[]) =>
    fetch(`${vendor.baseUrl}/v1/messages`, { method: "POST", body: JSON.stringify({ messages }) });
  expect((await post([user, toolUse, user])).status).toBe(400);
  expect((await post([user, user])).status).toBe(400);
  expect((await post([toolUse, user])).status).toBe(400);
  expect((await post([user])).status).toBe(200);
  expect(vendor.refusals).toHaveLength(3);
});
