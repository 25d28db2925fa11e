import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ToolCallPart } from "../../src/core/chat.ts";
import { LivellmError } from "../../src/core/error.ts";
import { Secret } from "../../src/core/secret.ts";
import { openToolSet, type ToolSet } from "../../src/tools/tool-set.ts";
import type { McpServer, ToolSource } from "../../src/tools/tool-source.ts";
import { createFetch, type Fetch, type FetchPool } from "../../src/upstream/fetch.ts";
import { startVendor } from "../support/vendor-server.ts";
import { pixel, servers, startServer2, type TestMcpServer } from "./mcp-servers.ts";

let pool: FetchPool;
beforeAll(() => {
  pool = createFetch({ connectTimeoutMs: 2_000, maxBodyBytes: 1024 * 1024 });
});
afterAll(() => pool.close());

const never = new AbortController().signal;

function serverAt(url: string, options: Partial<McpServer> = {}): McpServer {
  return { type: "mcp-server", url, headers: {}, prefix: "", timeoutMs: 5_000, allowedTools: [], ...options };
}

function open(sources: readonly ToolSource[], signal = never, toolNames: readonly string[] = []): Promise<ToolSet> {
  return openToolSet({ sources, fetch: pool.fetch, toolChoice: { mode: "auto", toolNames } }, signal);
}

function callOf(name: string, input: object | string = {}): ToolCallPart {
  const argumentsJson = typeof input === "string" ? input : JSON.stringify(input);
  return { type: "tool-call", id: `call-${name}`, name, argumentsJson, executor: "server" };
}

async function failureOf(promise: Promise<unknown>): Promise<LivellmError> {
  const error = await promise.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (error instanceof LivellmError) return error;
  throw error;
}

function namesOf(tools: ToolSet): readonly string[] {
  return tools.modelTools.map((tool) => ("name" in tool ? tool.name : tool.type));
}

describe.each(servers)("an MCP server of the package $version", ({ start }) => {
  let server: TestMcpServer;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("its tools become functions with its own schemas, behind the prefix", async () => {
    using tools = await open([serverAt(server.url, { prefix: "calc_", allowedTools: ["add"] })]);
    expect(namesOf(tools)).toEqual(["calc_add"]);
    expect(tools.modelTools[0]).toMatchObject({ type: "function", description: "Adds two numbers." });
    const [first] = tools.modelTools;
    const schema = first?.type === "function" ? first.inputSchemaJson : undefined;
    expect(JSON.parse(schema ?? "")).toMatchObject({ type: "object", required: ["a", "b"] });
    expect(tools.runs("calc_add")).toBe(true);
    expect(tools.warnings).toEqual([]);
  });

  test("are listed once, with the headers of the request, and called with them", async () => {
    await using own = await start();
    using tools = await open([serverAt(own.url, { headers: { "x-key": new Secret("k-1") } })]);
    await tools.call(callOf("add", { a: 1, b: 2 }), never);
    await tools.call(callOf("add", { a: 1, b: 3 }), never);
    const during = own.exchanges;
    expect(during.filter(({ rpc }) => rpc === "tools/list")).toHaveLength(1);
    expect(during.filter(({ rpc }) => rpc === "tools/call")).toHaveLength(2);
    expect(during.every(({ headers }) => headers["x-key"] === "k-1")).toBe(true);
    expect(during.every(({ headers }) => headers["x-livellm-call"] === undefined)).toBe(true);
    expect(during.map(({ method }) => method)).not.toContain("GET");
    expect(new Set(during.map(({ clientPort }) => clientPort)).size).toBeLessThan(during.length);
  });

  test("a result has its text and its JSON", async () => {
    using tools = await open([serverAt(server.url)]);
    expect(await tools.call(callOf("add", { a: 40, b: 2 }), never)).toEqual({
      type: "tool-result",
      toolCallId: "call-add",
      name: "add",
      text: "42",
      structured: { sum: 42 },
      media: [],
      failed: false,
    });
  });

  test("a result has its files, and what is embedded as text is text", async () => {
    using tools = await open([serverAt(server.url)]);
    const result = await tools.call(callOf("picture"), never);
    expect(result.text).toBe("one pixel\nembedded notes\nmore: https://example.com/more");
    expect(
      result.media.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data ?? []).toString("base64") })),
    ).toEqual([
      { mimeType: "image/png", data: pixel },
      { mimeType: "application/x-bin", data: "AAEC", filename: "b.bin" },
    ]);
    expect(result.failed).toBe(false);
  });

  test("a tool that fails is a result that says so", async () => {
    using tools = await open([serverAt(server.url)]);
    expect(await tools.call(callOf("fail"), never)).toMatchObject({ text: "the disk is full", failed: true });
  });

  test("a tool that wants input from a person fails", async () => {
    using tools = await open([serverAt(server.url)]);
    const answer = await tools.call(callOf("ask"), never);
    expect(answer).toMatchObject({ failed: true });
    expect(answer.text).toMatch(/input|elicit/i);
  });

  test("arguments that the tool refuses, or that are no JSON, are a result that says so", async () => {
    using tools = await open([serverAt(server.url)]);
    const refused = await tools.call(callOf("add", { a: "one" }), never);
    expect(refused).toMatchObject({ failed: true });
    expect(refused.text).toMatch(/\bb\b/);
    expect(await tools.call(callOf("add", '{"a":'), never)).toMatchObject({
      failed: true,
      text: "the arguments are not a JSON object; call the tool again with one",
    });
    expect(await tools.call(callOf("nothing"), never)).toMatchObject({
      failed: true,
      text: /there is no tool nothing/,
    });
  });

  test("a name that vendors refuse is rewritten, and leads back to the tool", async () => {
    using tools = await open([serverAt(server.url)]);
    const name = namesOf(tools).find((one) => one.startsWith("look")) ?? "";
    expect(name).toMatch(/^look_up_the_thing_[0-9a-f]{8}$/);
    expect(await tools.call(callOf(name), never)).toMatchObject({ text: "found", name, failed: false });
    using again = await open([serverAt(server.url)]);
    expect(namesOf(again)).toContain(name);
  });

  test("a result that is too long is cut, and says so", async () => {
    using tools = await open([serverAt(server.url)]);
    const { text } = await tools.call(callOf("large"), never);
    expect(text.length).toBeLessThan(263_000);
    expect(text).toMatch(/\[cut: the first 262144 of 400000 characters\]$/);
  });

  test("calls run at the same time", async () => {
    using tools = await open([serverAt(server.url)]);
    const answers = [tools.call(callOf("slow"), never), tools.call(callOf("slow"), never)];
    const calls = [await server.nextSlowCall(), await server.nextSlowCall()];
    calls[1]?.finish("second");
    calls[0]?.finish("first");
    const texts = (await Promise.all(answers)).map(({ text }) => text);
    expect(texts.toSorted()).toEqual(["first", "second"]);
  });

  test("a cancelled call closes its request at once", async () => {
    using tools = await open([serverAt(server.url)]);
    const caller = new AbortController();
    const answer = tools.call(callOf("slow"), caller.signal);
    await server.nextSlowCall();
    const exchange = server.of("tools/call").at(-1);
    const cancelledAt = performance.now();
    caller.abort(new LivellmError("canceled", "cancelled", "gone"));
    expect((await failureOf(answer)).message).toBe("gone");
    const closed = await exchange?.closed;
    expect(closed?.complete).toBe(false);
    expect((closed?.at ?? Number.POSITIVE_INFINITY) - cancelledAt).toBeLessThan(100);
  });

  test("a call that takes longer than the timeout is a result that says so, and its request is closed", async () => {
    using tools = await open([serverAt(server.url, { timeoutMs: 300 })]);
    const answer = await tools.call(callOf("slow"), never);
    await server.nextSlowCall();
    expect(answer).toMatchObject({
      failed: true,
      text: expect.stringMatching(/gave no answer within its timeout of 0.3 s/),
    });
    expect((await server.of("tools/call").at(-1)?.closed)?.complete).toBe(false);
  });

  test("a server that dies in the middle of a run is a result that says so", async () => {
    await using other = await start();
    using tools = await open([serverAt(other.url)]);
    const answer = tools.call(callOf("slow"), never);
    await other.nextSlowCall();
    other.crash();
    expect(await answer).toMatchObject({ failed: true });
    expect(await tools.call(callOf("add", { a: 1, b: 2 }), never)).toMatchObject({
      failed: true,
      text: expect.stringMatching(/could not be called: could not reach 127\.0\.0\.1:\d+: connection refused/),
    });
  });

  test("an answer that breaks off in the middle is a result that says so, long before the timeout", async () => {
    await using other = await start();
    const begun = Promise.withResolvers<void>();
    const fetch: Fetch = async (url, init) => {
      const response = await pool.fetch(url, init);
      if (String(init?.body).includes('"tools/call"')) begun.resolve();
      return response;
    };
    using tools = await openToolSet({ sources: [serverAt(other.url, { timeoutMs: 60_000 })], fetch }, never);
    const answer = tools.call(callOf("chatter"), never);
    await begun.promise;
    other.crash();
    expect(await answer).toMatchObject({ failed: true, text: expect.stringMatching(/broke off/) });
  });

  test("two tools of one name are refused, and the prefix is the remedy", async () => {
    const error = await failureOf(
      open([{ type: "function", name: "add" }, serverAt(server.url, { allowedTools: ["add"] })]),
    );
    expect(error).toMatchObject({ code: "invalid_argument", reason: "invalid_request" });
    expect(error.facts.violations).toEqual([
      {
        field: "config.tools[1].mcpServer.prefix",
        reason: "CONFLICT",
        description: expect.stringMatching(/two tools add, the other of config\.tools\[0\]\.function; set a prefix/),
      },
    ]);
    using apart = await open([{ type: "function", name: "add" }, serverAt(server.url, { prefix: "calc_" })]);
    expect(namesOf(apart)).toContain("calc_add");
  });

  test("a tool that is allowed and does not exist is a warning, one that must be chosen from is refused", async () => {
    using tools = await open([serverAt(server.url, { allowedTools: ["add", "subtract"] })]);
    expect(tools.warnings).toMatchObject([
      { code: "tool-not-found", field: "config.tools[0].mcpServer.allowedTools[1]" },
    ]);
    const error = await failureOf(open([serverAt(server.url)], never, ["subtract"]));
    expect(error.facts.violations).toMatchObject([{ field: "config.toolChoice.toolNames[0]", reason: "UNKNOWN" }]);
  });
});

test("a session is ended when the run is over", async () => {
  await using server = await servers[0].start();
  (await open([serverAt(server.url)]))[Symbol.dispose]();
  await expect.poll(() => server.exchanges.some(({ method }) => method === "DELETE")).toBe(true);
});

test("the latest version of the protocol is spoken where the server speaks it", async () => {
  await using server = await startServer2();
  using tools = await open([serverAt(server.url)]);
  await tools.call(callOf("add", { a: 1, b: 1 }), never);
  expect(server.exchanges.map(({ rpc }) => rpc)).toEqual(["server/discover", "tools/list", "tools/call"]);
  expect(server.exchanges.at(-1)?.headers["mcp-protocol-version"]).toBe("2026-07-28");
});

describe("a server that cannot be used", () => {
  const cases = [
    ["asks for a key", { status: 401 }, "failed_precondition", /answered 401: check its headers/],
    ["is not there", { status: 404 }, "failed_precondition", /answered 404: check its url/],
    ["is overloaded", { status: 503 }, "unavailable", /answered 503/],
    [
      "redirects",
      { status: 307, headers: { location: "http://169.254.169.254/" } },
      "failed_precondition",
      /redirects are not followed/,
    ],
    [
      "is something else",
      { headers: { "content-type": "text/html" }, body: ["<html>"] },
      "failed_precondition",
      /does not answer as an MCP server/,
    ],
    ["is cut off", { ending: "reset" }, "unavailable", /broke off: connection closed|broke off: connection reset/],
  ] as const;
  test.each(cases)("because it %s fails the run before it begins", async (_, answer, code, message) => {
    await using vendor = await startVendor(answer);
    const headers = { authorization: new Secret("Bearer secret-token-1") };
    const error = await failureOf(open([{ type: "function", name: "f" }, serverAt(vendor.url, { headers })]));
    expect(error).toMatchObject({ code, reason: "tool_failed" });
    expect(error.message).toMatch(/^config\.tools\[1\]\.mcpServer: /);
    expect(error.message).toMatch(message);
    expect(error.facts.metadata).toEqual({ field: "config.tools[1].mcpServer" });
    expect(JSON.stringify([error.message, error.facts])).not.toContain("secret-token-1");
  });

  test("because nobody listens fails the run, and names the host", async () => {
    const vendor = await startVendor();
    await vendor[Symbol.asyncDispose]();
    const error = await failureOf(open([serverAt(vendor.url)]));
    expect(error).toMatchObject({ code: "unavailable", reason: "tool_failed" });
    expect(error.message).toMatch(/could not reach 127\.0\.0\.1:\d+: connection refused/);
  });

  test("because it is silent fails the run at its timeout, and the connection is closed", async () => {
    await using vendor = await startVendor({ ending: "hang" });
    const error = await failureOf(open([serverAt(vendor.url, { timeoutMs: 200 })]));
    expect(error).toMatchObject({ code: "unavailable", reason: "tool_failed" });
    expect(error.message).toMatch(/gave no answer within its timeout of 0\.2 s/);
    expect((await vendor.calls[0]?.closed)?.complete).toBe(false);
  });

  test("is left when the caller goes", async () => {
    await using vendor = await startVendor({ ending: "hang" });
    const caller = new AbortController();
    const opening = open([serverAt(vendor.url)], caller.signal);
    const call = await vendor.nextCall();
    caller.abort(new LivellmError("canceled", "cancelled", "gone"));
    expect((await failureOf(opening)).message).toBe("gone");
    expect((await call.closed).complete).toBe(false);
  });

  test("does not keep the others waiting", async () => {
    await using silent = await startVendor({ ending: "hang" });
    await using broken = await startVendor({ status: 404 });
    const error = await failureOf(open([serverAt(silent.url, { timeoutMs: 60_000 }), serverAt(broken.url)]));
    expect(error.facts.metadata).toEqual({ field: "config.tools[1].mcpServer" });
    expect((await silent.calls[0]?.closed)?.complete).toBe(false);
  });
});

test("an answer without end is broken off at the limit", async () => {
  await using vendor = await startVendor({
    headers: { "content-type": "application/json" },
    body: ['{"jsonrpc":"2.0","id":0,"result":"', "x".repeat(2_000_000)],
    ending: "hang",
  });
  const error = await failureOf(open([serverAt(vendor.url)]));
  expect(error).toMatchObject({ reason: "tool_failed", message: expect.stringMatching(/larger than 1024 KiB/) });
});
