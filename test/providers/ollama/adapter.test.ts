import { describe, expect, test } from "vitest";
import type { ChatRequest, Message } from "../../../src/core/chat.ts";
import { cancelled } from "../../../src/core/error.ts";
import { ollama } from "../../../src/providers/ollama/index.ts";
import { createSettingsCheck } from "../../../src/providers/settings.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { expectAnswersOfAimock, startAimock } from "../openai-compatible/aimock.ts";
import { buildProvider, runStream, runWhole } from "../openai-compatible/provider.ts";
import { assemble, callsOf, fixture, textOf } from "../openai-compatible/reading.ts";
import { call, chatRequest, generation, result, user } from "../openai-compatible/request.ts";
import { body } from "./reading.ts";

const say = (text: string, more: Partial<ChatRequest> = {}) =>
  chatRequest({ model: "qwen3:8b", messages: [user({ type: "text", text })], ...more });
const { signal } = new AbortController();

describe("over HTTP", () => {
  test("sends the request and no more; needs no key", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const answer = await runWhole(provider.chat, say("Hi"));
    expect(textOf(answer)).toBe("Grüezi, 👋🏽 world");
    const [made] = vendor.calls;
    expect(made).toMatchObject({ method: "POST", path: "/api/chat", headers: { "content-type": "application/json" } });
    expect(made?.headers).not.toHaveProperty("authorization");
    expect(JSON.parse(made?.body ?? "")).toEqual({
      model: "qwen3:8b",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
    });
  });

  test.each(["", "/api", "/v1"])("takes a key, headers, and a base URL that ends in %j", async (ending) => {
    await using vendor = await startVendor({ body: [body("text")] });
    const connection = { baseUrl: vendor.url + ending, apiKey: "k-1", headers: { "X-Team": "a" } };
    await using provider = buildProvider(ollama, connection);
    await runWhole(provider.chat, say("Hi"));
    expect(vendor.calls[0]).toMatchObject({
      path: "/api/chat",
      headers: { authorization: "Bearer k-1", "x-team": "a" },
    });
  });

  test("asks for a whole answer without a stream", async () => {
    await using vendor = await startVendor({ body: [fixture("ollama/reasoning-and-tool.json")] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const answer = assemble(await provider.chat.generate(say("Hi"), signal));
    expect(callsOf(answer)).toEqual([{ id: "call_r1", name: "get_weather", argumentsJson: '{"city":"Bern"}' }]);
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toMatchObject({ stream: false });
  });

  test.each(["stream", "generate"] as const)("%s: a model that cannot think is asked again without", async (way) => {
    await using vendor = await startVendor();
    vendor.answerWith(({ body: asked }) =>
      JSON.parse(asked).think
        ? { status: 400, body: ['{"error":"\\"llama3.2\\" does not support thinking"}'] }
        : { body: [way === "stream" ? body("text") : fixture("ollama/reasoning-and-tool.json")] },
    );
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const request = say("Hi", { generation: generation({ reasoning: { effort: "low", hidden: false } }) });
    const events =
      way === "stream"
        ? (await runStream(provider.chat, request)).events
        : await provider.chat.generate(request, signal);
    expect(events[0]).toMatchObject({
      warnings: [{ code: "option-ignored", field: "config.generation.reasoning.effort" }],
    });
    expect(vendor.calls.map((call) => JSON.parse(call.body).think)).toEqual(["low", undefined]);
  });

  test("any other refusal is told, and not asked again", async () => {
    await using vendor = await startVendor({ status: 400, body: ['{"error":"does not support tools"}'] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const request = say("Hi", { generation: generation({ reasoning: { effort: "low", hidden: false } }) });
    expect((await runStream(provider.chat, request)).error).toMatchObject({ reason: "provider_rejected" });
    expect(vendor.calls).toHaveLength(1);
  });

  test("arguments that a model got wrong go back wrapped: Ollama takes objects alone", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const parts = ['{"city":', "[1]", '{"n":12345678901234567890}', ""].map((json, n) => call(`c${n}`, "f", json));
    const messages: Message[] = [...say("Hi").messages, { role: "assistant", parts }];
    await runWhole(provider.chat, say("", { messages }));
    const sent = vendor.calls[0]?.body ?? "";
    expect(JSON.parse(sent).messages[1].tool_calls.map((one: { function: object }) => one.function)).toMatchObject([
      { arguments: { arguments: '{"city":' } },
      { arguments: { arguments: "[1]" } },
      { arguments: {} },
      { arguments: {} },
    ]);
    expect(sent).toContain('{"n":12345678901234567890}');
  });

  test("an answer is the history of the next step, thoughts and all", async () => {
    await using vendor = await startVendor({ body: [body("reasoning-and-tool")] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const first = await runWhole(provider.chat, say("Weather?"));
    const history: Message[] = [...say("Weather?").messages, { role: "assistant", parts: first.parts }];
    vendor.answerWith({ body: [body("text")] });
    const second = await runWhole(provider.chat, say("", { messages: [...history, result("call_r1")] }));
    expect(textOf(second)).toBe("Grüezi, 👋🏽 world");
    expect(JSON.parse(vendor.calls[1]?.body ?? "").messages.slice(1)).toEqual([
      {
        role: "assistant",
        content: "I will check.",
        thinking: "The user wants the weather.",
        tool_calls: [{ id: "call_r1", function: { name: "get_weather", arguments: { city: "Bern" } } }],
      },
      { role: "tool", content: "ok", tool_name: "get_weather", tool_call_id: "call_r1" },
    ]);
  });

  test("cut at every byte on a real socket", async () => {
    const bytes = body("tool-call");
    await using vendor = await startVendor();
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    for (let at = 1; at < bytes.length; at += 5) {
      vendor.answerWith({ body: inTwo(bytes, at) });
      const answer = await runWhole(provider.chat, say("Hi"));
      expect(callsOf(answer)[0]?.argumentsJson, `cut at ${at}`).toBe('{"city":"Zürich"}');
    }
  });

  test("settings are checked", () => {
    const check = createSettingsCheck(new Map([["ollama", ollama]]));
    expect(check("ollama", { pull: "missing" })).toEqual([]);
    expect(check("ollama", { pull: "always" })).toMatchObject([{ field: "provider.settings.pull" }]);
  });
});

/** Two writes, with a turn of the event loop between them, so that they are two reads for the most part. */
async function* inTwo(bytes: Buffer, at: number) {
  yield bytes.subarray(0, at);
  await new Promise((resolve) => setImmediate(resolve));
  yield bytes.subarray(at);
}

describe("trouble", () => {
  test.each(["model 'qwen3:8b' not found", 'model "qwen3:8b" not found, try pulling it first'])(
    "%s: says how to get it",
    async (error) => {
      await using vendor = await startVendor({ status: 404, body: [JSON.stringify({ error })] });
      await using provider = buildProvider(ollama, { baseUrl: vendor.url });
      const failed = (await runStream(provider.chat, say("Hi"))).error;
      expect(failed).toMatchObject({ code: "not_found", reason: "model_not_found", facts: { httpStatus: 404 } });
      expect(failed?.message).toMatch(/no model qwen3:8b; run "ollama pull qwen3:8b".*\{"pull": "missing"\}/);
      expect(vendor.calls).toHaveLength(1);
    },
  );

  test("something else at that address, or nobody", async () => {
    const vendor = await startVendor({ status: 404, body: ["404 page not found"] });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url, settings: { pull: "missing" } });
    const failed = (await runStream(provider.chat, say("Hi"))).error;
    expect(failed).toMatchObject({ code: "not_found", reason: "provider_rejected" });
    expect(failed?.message).toContain("base URL");
    expect(vendor.calls).toHaveLength(1);
    await vendor[Symbol.asyncDispose]();
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject({ code: "unavailable", reason: "network" });
  });

  test("what the vendor cannot take never reaches it", async () => {
    await using vendor = await startVendor();
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const sound = { type: "media", media: { data: new Uint8Array([1]), mimeType: "audio/wav" } } as const;
    const { error } = await runStream(provider.chat, say("", { messages: [user(sound)] }));
    expect(error).toMatchObject({ code: "failed_precondition", reason: "unsupported" });
    expect(vendor.calls).toEqual([]);
  });

  test("cancelling closes the vendor's socket while it is silent", async () => {
    await using vendor = await startVendor({ body: [body("broken")], ending: "hang" });
    await using provider = buildProvider(ollama, { baseUrl: vendor.url });
    const abort = new AbortController();
    const reading = (async () => {
      for await (const event of provider.chat.stream(say("Hi"), abort.signal)) {
        if (event.type === "delta") abort.abort(cancelled());
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "canceled" });
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });
});

test("an independent vendor: text and a tool call, stream and unary alike", async () => {
  await using mock = await startAimock();
  await using provider = buildProvider(ollama, { baseUrl: mock.url });
  await expectAnswersOfAimock(provider.chat, say, expect.any(String));
});
