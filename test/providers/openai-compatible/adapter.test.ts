import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { openaiCompatible } from "../../../src/providers/openai-compatible/index.ts";
import { writeState } from "../../../src/providers/openai-compatible/provider-state.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { expectAnswersOfAimock, startAimock } from "./aimock.ts";
import { buildProvider, runStream, runWhole } from "./provider.ts";
import { assemble, callsOf, fixture, textOf } from "./reading.ts";
import { assistant, call, chatRequest, result, user } from "./request.ts";

const body = (name: string) => fixture(`openai-compatible/${name}.sse`);
const say = (text: string) => chatRequest({ model: "gpt-5.6", messages: [user({ type: "text", text })] });

describe("over HTTP", () => {
  test("sends the key, the request and no more; gives the vendor's ids", async () => {
    await using vendor = await startVendor({ headers: { "x-request-id": "req_v" }, body: [body("text")] });
    const baseUrl = `${vendor.url}/v1`;
    await using provider = buildProvider(openaiCompatible, { baseUrl, apiKey: "k-1", headers: { "X-Team": "a" } });
    const { events } = await runStream(provider.chat, say("Hi"));
    expect(events[0]).toEqual({ type: "response", model: "gpt-5.6-2026-09-01", requestId: "req_v" });
    expect(textOf(assemble(events))).toBe("Grüezi, world! 👋🏽 Ça va ?");
    const [made] = vendor.calls;
    expect(made).toMatchObject({
      method: "POST",
      path: "/v1/chat/completions",
      headers: { authorization: "Bearer k-1", "content-type": "application/json", "x-team": "a" },
    });
    expect(made?.headers).not.toHaveProperty("x-client-request-id");
    expect(JSON.parse(made?.body ?? "")).toEqual({
      model: "gpt-5.6",
      messages: [{ role: "user", content: "Hi" }],
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test("what a vendor adds to a call for itself goes back with it, as Gemini's signature has to", async () => {
    const google = { google: { thought_signature: "c2lnbmVk" } };
    const piece = { id: "call_1", type: "function", function: { name: "f", arguments: "{}" }, extra_content: google };
    const chunk = { model: "m", choices: [{ delta: { tool_calls: [piece] }, finish_reason: "stop" }] };
    await using vendor = await startVendor({ body: [`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`] });
    await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url });
    const { parts, finished } = await runWhole(provider.chat, say("Hi"));
    expect(finished?.finishReason).toBe("tool_calls");
    const foreign = { ...call("call_0", "f", "{}"), providerState: writeState("google", { part: {} }) };
    const earlier = [assistant(foreign), result("call_0")];
    const messages = [...say("Hi").messages, ...earlier, assistant(...parts), result("call_1")];
    const { events } = await runStream(provider.chat, { ...say(""), messages });
    const sent = JSON.parse(vendor.calls[1]?.body ?? "").messages;
    expect(sent[3].tool_calls).toEqual([piece]);
    expect(sent[1].tool_calls[0]).not.toHaveProperty("extra_content");
    const field = "messages[1].parts[0].providerState";
    expect(events[0]).toMatchObject({ warnings: [{ code: "provider-state-dropped", field }] });
  });

  test("needs no key, and asks for a whole answer without stream", async () => {
    const completion = { model: "m", choices: [{ message: { content: "Hello" }, finish_reason: "stop" }] };
    await using vendor = await startVendor({ body: [JSON.stringify(completion)] });
    await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url });
    const answer = assemble(await provider.chat.generate(say("Hi"), new AbortController().signal));
    expect(textOf(answer)).toBe("Hello");
    expect(vendor.calls[0]?.headers).not.toHaveProperty("authorization");
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).not.toHaveProperty("stream");
  });

  test("Azure: deployments with an api-version, or the v1 surface; the key in its own header", async () => {
    await using vendor = await startVendor({ body: [body("azure")] });
    const settings = { dialect: "azure", apiVersion: "2025-01-01-preview" };
    await using old = buildProvider(openaiCompatible, { baseUrl: vendor.url, apiKey: "k", settings });
    await runWhole(old.chat, chatRequest({ model: "my gpt" }));
    const baseUrl = `${vendor.url}/openai/v1`;
    await using recent = buildProvider(openaiCompatible, { baseUrl, apiKey: "k", settings: { dialect: "azure" } });
    await runWhole(recent.chat, say("Hi"));
    expect(vendor.calls.map(({ path }) => path)).toEqual([
      "/openai/deployments/my%20gpt/chat/completions?api-version=2025-01-01-preview",
      "/openai/v1/chat/completions",
    ]);
    expect(vendor.calls[0]?.headers).toMatchObject({ "api-key": "k" });
    expect(vendor.calls[0]?.headers).not.toHaveProperty("authorization");
  });

  test("lists models", async () => {
    await using vendor = await startVendor({ body: ['{"data":[{"id":"a"},{"id":"b"}]}'] });
    await using provider = buildProvider(openaiCompatible, { baseUrl: `${vendor.url}/v1` });
    const models = await provider.models.list(new AbortController().signal);
    expect(models.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(vendor.calls[0]).toMatchObject({ method: "GET", path: "/v1/models" });
  });

  test("an error before the stream is explained, with the vendor's own code", async () => {
    const error = { error: { message: "You exceeded your current quota", code: "insufficient_quota" } };
    const headers = { "x-request-id": "req_e", "retry-after": "2" };
    await using vendor = await startVendor({ status: 429, headers, body: [JSON.stringify(error)] });
    await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url });
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject({
      code: "resource_exhausted",
      reason: "quota_exhausted",
      facts: { httpStatus: 429, providerCode: "insufficient_quota", providerRequestId: "req_e", retryAfterMs: 2000 },
    });
  });

  test("what the vendor cannot take never reaches it", async () => {
    await using vendor = await startVendor({});
    await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url, settings: { dialect: "deepseek" } });
    const image = { type: "media", media: { data: new Uint8Array([1]), mimeType: "image/png" } } as const;
    const { error } = await runStream(provider.chat, chatRequest({ messages: [user(image)] }));
    expect(error).toMatchObject({ code: "failed_precondition", reason: "unsupported" });
    expect(vendor.calls).toEqual([]);
  });

  test.each(["close", "reset"] as const)(
    "a %s before finish_reason is a broken stream; after it, an answer",
    async (ending) => {
      const bytes = body("text");
      const end = bytes.indexOf('{"id"', bytes.indexOf('"finish_reason":"stop"'));
      await using vendor = await startVendor({ body: [bytes.subarray(0, 900)], ending });
      await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url });
      const broken = await runStream(provider.chat, say("Hi"));
      expect(broken.error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      vendor.answerWith({ body: [bytes.subarray(0, end)], ending: "close" });
      const answer = await runWhole(provider.chat, say("Hi"));
      expect(answer.finished).toMatchObject({ finishReason: "stop", usage: {} });
    },
  );

  test("cancelling closes the vendor's socket while it is silent", async () => {
    await using vendor = await startVendor({ body: [body("text").subarray(0, 900)], ending: "hang" });
    await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url });
    const abort = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const event of provider.chat.stream(say("Hi"), abort.signal)) {
        seen.push(event.type);
        if (event.type === "delta" && seen.length === 3) abort.abort(cancelled());
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: "canceled" });
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });

  test("cut at every byte on a real socket", async () => {
    const bytes = body("tool-call");
    await using vendor = await startVendor();
    await using provider = buildProvider(openaiCompatible, { baseUrl: vendor.url });
    for (let at = 1; at < bytes.length; at += 7) {
      vendor.answerWith({ body: inTwo(bytes, at) });
      const answer = await runWhole(provider.chat, say("Hi"));
      expect(callsOf(answer)[0]?.argumentsJson, `cut at ${at}`).toBe('{"city":"Zürich"}');
    }
  });
});

/** Two writes, with a turn of the event loop between them, so that they are two reads for the most part. */
async function* inTwo(bytes: Buffer, at: number) {
  yield bytes.subarray(0, at);
  await new Promise((resolve) => setImmediate(resolve));
  yield bytes.subarray(at);
}

test("aimock as the vendor: text, a tool call, reasoning, usage, stream and unary alike", async () => {
  await using mock = await startAimock();
  await using provider = buildProvider(openaiCompatible, { baseUrl: `${mock.url}/v1`, apiKey: "mock" });
  for (const answer of await expectAnswersOfAimock(provider.chat, say)) {
    expect(textOf(answer, "reasoning") + textOf(answer)).toBe("Let me think.Forty-two.");
  }
  expect((await runWhole(provider.chat, say("hello"))).finished?.usage.outputTokens).toBeGreaterThan(0);
});
