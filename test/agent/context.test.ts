import { describe, expect, test } from "vitest";
import { countTokens } from "../../src/agent/tokens.ts";
import type { ChatRequest, Message } from "../../src/core/chat.ts";
import { LivellmError } from "../../src/core/error.ts";
import { startServer2 } from "../tools/mcp-servers.ts";
import { calls, namesOf, type Script, says, startAgentServer } from "./agent-server.ts";
import { refusalsOf } from "./strict-vendor.ts";

const words = (count: number, word = "word") => Array.from({ length: count }, (_, i) => `${word}${i}`).join(" ");
const turns = (count: number) =>
  Array.from({ length: count }, (_, i) => [
    { text: `question ${i}: ${words(20)}` },
    { role: "assistant", text: `answer ${i}: ${words(20)}` },
  ]).flat();
const truncate = (maxInputTokens: number) => ({ contextPolicy: { strategy: "STRATEGY_TRUNCATE", maxInputTokens } });
const recycle = (maxInputTokens: number) => ({ contextPolicy: { strategy: "STRATEGY_RECYCLE", maxInputTokens } });

function textOf(message: Message | undefined): string {
  return (message?.parts ?? []).map((part) => (part.type === "text" ? part.text : "")).join("");
}

describe("a conversation that is too long", () => {
  const messages = [...turns(60), { text: "the last question" }];

  test("is cut to what the caller allows, and a warning says what was left out", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
    const config = { instructions: "Be brief.", ...truncate(1_000) };
    const { events } = await server.runStream({ messages, config });
    const [sent] = server.requests;
    expect(sent?.instructions).toBe("Be brief.");
    expect(textOf(sent?.messages[0])).toMatch(/^question 0/);
    expect(textOf(sent?.messages.at(-1))).toBe("the last question");
    expect(refusalsOf(sent?.messages ?? [])).toEqual([]);
    expect(await countTokens(sent as ChatRequest, "estimate")).toBeLessThanOrEqual(1_000);
    const left = 121 - (sent?.messages.length ?? 0);
    const warning = {
      code: "context-truncated",
      field: "messages",
      message: `left out ${left} of 121 messages from the middle of the conversation, to fit 1000 tokens`,
    };
    expect(events[0]).toMatchObject({ started: { warnings: [warning] } });
    expect(events.at(-1)).toMatchObject({ finished: { warnings: [warning] } });
  });

  test("is cut by the policy of the model of the provider, unless the caller has one", async () => {
    const policy = { strategy: "truncate", maxInputTokens: 1_000 } as const;
    const models = [{ model: "m*", fallbacks: [], contextPolicy: policy }];
    await using server = await startAgentServer({ scripts: { a: [says("ok")] }, models });
    await server.run({ messages });
    await server.run({ messages, config: { contextPolicy: { strategy: "STRATEGY_DISABLED" } } });
    expect(server.requests[0]?.messages.length).toBeLessThan(121);
    expect(server.requests[1]?.messages.length).toBe(121);
  });

  test("is cut by the target's own policy before that of its model, unless the call has one", async () => {
    const models = [
      { model: "m*", fallbacks: [], contextPolicy: { strategy: "disabled", maxInputTokens: 0 } as const },
    ];
    await using server = await startAgentServer({ scripts: { a: [says("ok")] }, models });
    const route = { targets: [{ provider: "a", model: "m", ...truncate(1_000) }] };
    await server.run({ messages, route });
    await server.run({ messages, route, config: { contextPolicy: { strategy: "STRATEGY_DISABLED" } } });
    expect(server.requests[0]?.messages.length).toBeLessThan(121);
    expect(server.requests[1]?.messages.length).toBe(121);
  });

  test("is cut to the model's context window less the room for the answer, where that is known", async () => {
    const modelFacts = {
      contextWindowOf: (provider: string, model: string) => (`${provider}/${model}` === "a/m" ? 2_000 : undefined),
      tokenizerOf: () => "o200k" as const,
    };
    await using server = await startAgentServer({ scripts: { a: [says("ok")] }, modelFacts });
    await server.run({ messages, config: { ...truncate(0), generation: { maxOutputTokens: 700 } } });
    const tokens = await countTokens(server.requests[0] as ChatRequest, "o200k");
    expect(tokens).toBeLessThanOrEqual(1_300);
    expect(tokens).toBeGreaterThan(1_000);
  });

  test("is sent as it is, with a warning, where the window is not known", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
    const { body } = await server.run({ messages, config: truncate(0) });
    expect(server.requests[0]?.messages).toHaveLength(121);
    expect(body.warnings).toMatchObject([{ code: "context-window-unknown" }]);
  });

  test("is sent as it is when it fits, or when nobody asks for it to be cut", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
    const fits = await server.run({ messages, config: truncate(100_000) });
    const plain = await server.run({ messages });
    expect([fits.body.warnings, plain.body.warnings]).toEqual([undefined, undefined]);
    expect(server.requests.map((request) => request.messages.length)).toEqual([121, 121]);
  });

  test("fails one target when it cannot be cut enough, and the next one is tried", async () => {
    const models = [
      { model: "small", fallbacks: [], contextPolicy: { strategy: "truncate", maxInputTokens: 100 } as const },
    ];
    await using server = await startAgentServer({ scripts: { a: [says("never")], b: [says("b")] }, models });
    const targets = [
      { provider: "a", model: "small" },
      { provider: "b", model: "large" },
    ];
    const { body } = await server.run({
      route: { targets },
      messages: [{ text: "hi" }],
      config: { instructions: words(500) },
    });
    expect(body).toMatchObject({
      text: "b",
      routeResult: { attempts: [{ provider: "a", failure: { reason: "REASON_CONTEXT_TOO_LONG" } }, { provider: "b" }] },
    });
    expect(server.requests.map(({ provider }) => provider)).toEqual(["b"]);
  });

  test("is cut anew in each step of a run, and what was left out last is told", async () => {
    await using mcp = await startServer2();
    await using server = await startAgentServer({ scripts: { a: [calls(["large", {}]), says("ok")] } });
    const config = { ...truncate(3_000), tools: [{ mcpServer: { url: mcp.url, allowedTools: ["large"] } }] };
    const { body } = await server.run({ messages, config });
    expect(body).toMatchObject({
      text: "ok",
      warnings: [{ message: expect.stringMatching(/characters from the middle/) }],
    });
    const second = server.requests[1];
    expect(refusalsOf(second?.messages ?? [])).toEqual([]);
    expect(second?.messages.at(-1)?.role).toBe("tool");
    expect(await countTokens(second as ChatRequest, "estimate")).toBeLessThanOrEqual(3_000);
    const whole = (body.messages as { parts: { toolResult?: { text: string } }[] }[])[1]?.parts[0]?.toolResult?.text;
    expect(whole?.length).toBeGreaterThan(260_000);
  });
});

describe("a message that is worked through in chunks", () => {
  const long = `Who did it? ${words(3_000)} It was the butler.`;
  /** Says how many words of the message it has seen so far. */
  const reads: Script = (request, signal) => {
    const prompt = textOf(request.messages.at(-1));
    const [, before = "0"] = /from the parts before:\nseen (\d+)/.exec(prompt) ?? [];
    const [, chunk = ""] = /Part \d+:\n([\s\S]*)$/.exec(prompt) ?? [];
    const seen = Number(before) + (chunk.match(/word\d+/g) ?? []).length;
    return says(`seen ${seen}`)(request, signal);
  };

  test("gives each chunk the answer so far, and answers with that of the last", async () => {
    await using server = await startAgentServer({ scripts: { a: [reads] } });
    const { body } = await server.run({ messages: [...turns(2), { text: long }], config: recycle(2_000) });
    const count = server.requests.length;
    expect(count).toBeGreaterThan(3);
    expect(body).toMatchObject({
      text: "seen 3000",
      finishReason: "FINISH_REASON_STOP",
      usage: { modelCalls: count, inputTokens: 10 * count, outputTokens: 2 * count },
    });
    expect(body.messages).toEqual([{ role: "assistant", parts: [{ text: "seen 3000" }] }]);
    for (const request of server.requests) {
      expect(await countTokens(request, "estimate")).toBeLessThanOrEqual(2_000);
      expect(refusalsOf(request.messages)).toEqual([]);
      expect(textOf(request.messages[0])).toMatch(/^question 0/);
      expect(textOf(request.messages.at(-1))).toMatch(/Who did it\?[\s\S]*It was the butler\.|Part 1:/);
    }
  });

  test("streams only the last chunk's answer, and tells how far it is before", async () => {
    await using server = await startAgentServer({ scripts: { a: [reads] } });
    const { events } = await server.runStream({ messages: [{ text: long }], config: recycle(2_000) });
    expect(namesOf(events)).toEqual([
      "started",
      "stepStarted",
      "partStarted",
      "textDelta",
      "partFinished",
      "stepFinished",
      "finished",
    ]);
    expect(events[3]).toMatchObject({ textDelta: { text: "seen 3000" } });
  });

  test("falls back as a whole when a chunk fails", async () => {
    const fails: Script = () => {
      throw new LivellmError("unavailable", "provider_unavailable", "down");
    };
    await using server = await startAgentServer({ scripts: { a: [reads, fails], b: [reads] } });
    const route = { targets: [{ provider: "a" }, { provider: "b" }] };
    const { body } = await server.run({ route, messages: [{ text: long }], config: recycle(2_000) });
    expect(body).toMatchObject({ text: "seen 3000", routeResult: { provider: "b" } });
  });

  test("calls tools for the last chunk only, and is not worked through again in the next step", async () => {
    await using mcp = await startServer2();
    const callsAtTheEnd: Script = (request, signal) =>
      (request.tools.length > 0 && request.messages.at(-1)?.role === "user" ? calls(["add", { a: 1, b: 1 }]) : reads)(
        request,
        signal,
      );
    await using server = await startAgentServer({ scripts: { a: [callsAtTheEnd] } });
    const config = { ...recycle(2_000), tools: [{ mcpServer: { url: mcp.url, allowedTools: ["add"] } }] };
    const { body } = await server.run({ messages: [{ text: long }], config });
    const offered = server.requests.map(({ tools }) => tools.length);
    expect(offered.slice(0, -2).every((tools) => tools === 0)).toBe(true);
    expect(offered.slice(-2)).toEqual([1, 1]);
    expect(server.requests.at(-1)?.messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool"]);
    expect(textOf(server.requests.at(-1)?.messages[0])).toBe(textOf(server.requests.at(-2)?.messages[0]));
    expect(body).toMatchObject({ usage: { modelCalls: server.requests.length } });
  });

  test("of a long history leaves room for the chunks by cutting the history", async () => {
    await using server = await startAgentServer({ scripts: { a: [reads] } });
    const { body } = await server.run({ messages: [...turns(60), { text: long }], config: recycle(2_500) });
    expect(body).toMatchObject({ text: "seen 3000", warnings: [{ code: "context-truncated" }] });
  });

  test("is only one that is long: of a long history and a short question the history is cut", async () => {
    await using server = await startAgentServer({ scripts: { a: [says("ok")] } });
    const { body } = await server.run({ messages: [...turns(60), { text: "And now?" }], config: recycle(1_000) });
    expect(body).toMatchObject({ text: "ok", usage: { modelCalls: 1 }, warnings: [{ code: "context-truncated" }] });
    expect(textOf(server.requests[0]?.messages.at(-1))).toBe("And now?");
  });

  test("is refused when it would take too many calls", async () => {
    await using server = await startAgentServer({ scripts: { a: [reads] } });
    const { status, body } = await server.run({ messages: [{ text: words(100_000) }], config: recycle(800) });
    expect([status, body]).toMatchObject([
      400,
      { message: expect.stringMatching(/takes \d+ model calls; at most 100/) },
    ]);
    expect(server.requests).toEqual([]);
  });
});
