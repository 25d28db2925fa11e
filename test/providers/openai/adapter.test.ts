import { describe, expect, test } from "vitest";
import type { Part } from "../../../src/core/chat.ts";
import { openai } from "../../../src/providers/openai/index.ts";
import { writeState } from "../../../src/providers/openai-compatible/provider-state.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { expectAnswersOfAimock, startAimock } from "../openai-compatible/aimock.ts";
import { buildProvider, runStream, runWhole } from "../openai-compatible/provider.ts";
import { assemble, fixture, textOf } from "../openai-compatible/reading.ts";
import { assistant, call, chatRequest, result, user } from "../openai-compatible/request.ts";

const body = (name: string) => fixture(`openai/${name}.sse`);
const say = (text: string) => chatRequest({ model: "gpt-5.6", messages: [user({ type: "text", text })] });

describe("over HTTP", () => {
  test("the Responses API, with our request id", async () => {
    await using vendor = await startVendor({ headers: { "x-request-id": "req_v" }, body: [body("text")] });
    await using provider = buildProvider(openai, { baseUrl: `${vendor.url}/v1`, apiKey: "sk-1" });
    const { events } = await runStream(provider.chat, say("Hi"));
    expect(events[0]).toEqual({ type: "response", model: "gpt-5.6-2026-09-01", requestId: "req_v" });
    expect(textOf(assemble(events))).toBe("Grüezi, 👋🏽 world");
    expect(vendor.calls[0]).toMatchObject({
      path: "/v1/responses",
      headers: { authorization: "Bearer sk-1", "x-client-request-id": "req-1" },
    });
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toMatchObject({ stream: true, store: false });
  });

  test("chat completions when the settings say so", async () => {
    await using vendor = await startVendor({ body: [fixture("openai-compatible/text.sse")] });
    const settings = { api: "chat" };
    await using provider = buildProvider(openai, { baseUrl: `${vendor.url}/v1`, apiKey: "sk-1", settings });
    await runWhole(provider.chat, { ...say("Hi"), instructions: "Be Bo." });
    expect(vendor.calls[0]?.path).toBe("/v1/chat/completions");
    expect(JSON.parse(vendor.calls[0]?.body ?? "").messages[0].role).toBe("developer");
  });

  test.each([
    ["gpt-audio", {}, "/v1/chat/completions"],
    ["gpt-4o-mini-audio-preview-2024-12-17", {}, "/v1/chat/completions"],
    ["gpt-4o-search-preview", {}, "/v1/chat/completions"],
    ["gpt-4o", {}, "/v1/responses"],
    ["gpt-audio", { api: "responses" }, "/v1/responses"],
  ])("%s with the settings %j goes to %s", async (model, settings, path) => {
    const completions = path.endsWith("completions");
    await using vendor = await startVendor({
      body: [completions ? fixture("openai-compatible/text.sse") : body("text")],
    });
    await using provider = buildProvider(openai, { baseUrl: `${vendor.url}/v1`, apiKey: "sk-1", settings });
    const { error } = await runStream(provider.chat, { ...say("Hi"), model });
    expect(error).toBeUndefined();
    expect(vendor.calls[0]?.path).toBe(path);
  });

  test("a request id that is not ASCII stays here", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-1" });
    await runWhole(provider.chat, { ...say("Hi"), requestId: "grüezi" });
    expect(vendor.calls[0]?.headers).not.toHaveProperty("x-client-request-id");
  });

  describe("what one account has encrypted and another cannot read", () => {
    const state = (item: object) => ({ providerState: writeState("openai", item) });
    const thought = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA" };
    const search = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search" } };
    const patch = { type: "apply_patch_call", id: "ap_1", call_id: "call_1", operation: {} };
    const searched = { type: "tool-call", id: "ws_1", name: "web_search", argumentsJson: "{}" } as const;
    const parts: Part[] = [
      { type: "reasoning", text: "", ...state(thought) },
      { ...searched, executor: "provider", ...state(search) },
      { type: "text", text: "So." },
      { ...call("call_1", "apply_patch_call", "{}"), ...state(patch) },
    ];
    const messages = [...say("Hi").messages, assistant(...parts), result("call_1")];
    const refusal = (code: string) => ({
      status: 400,
      body: [JSON.stringify({ error: { message: "The encrypted content gAAA could not be verified.", code } })],
    });
    const unary = { status: "completed", model: "m", output: [{ type: "message", content: [{ text: "Yes." }] }] };
    const inputOf = (made: { readonly body: string } | undefined) =>
      JSON.parse(made?.body ?? "").input.map((item: { type?: string; role?: string }) => item.type ?? item.role);

    test.each(["stream", "generate"] as const)("%s: is left out, with a warning, and the rest stays", async (way) => {
      await using vendor = await startVendor();
      vendor.answerWith(({ body: asked }) => {
        if (asked.includes("gAAA")) return refusal("invalid_encrypted_content");
        return { body: [way === "stream" ? body("text") : JSON.stringify(unary)] };
      });
      await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-2" });
      const request = { ...say("Hi"), messages };
      const { signal } = new AbortController();
      const events =
        way === "stream"
          ? (await runStream(provider.chat, request)).events
          : await provider.chat.generate(request, signal);
      expect(events[0]).toMatchObject({ warnings: [{ code: "provider-state-dropped", field: "messages" }] });
      expect(events.at(-1)?.type).toBe("finished");
      const rest = ["assistant", "apply_patch_call", "apply_patch_call_output"];
      expect(vendor.calls.map(inputOf)).toEqual([
        ["message", "reasoning", "web_search_call", ...rest],
        ["message", ...rest],
      ]);
    });

    test("without any, the refusal is told, and nobody is asked again", async () => {
      await using vendor = await startVendor(refusal("invalid_encrypted_content"));
      await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-2" });
      expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject({ reason: "provider_rejected" });
      expect(vendor.calls).toHaveLength(1);
    });

    test("another refusal is told at once", async () => {
      const answer = { status: 400, body: ['{"error":{"message":"bad"}}'] };
      await using vendor = await startVendor(answer);
      await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-2" });
      expect((await runStream(provider.chat, { ...say("Hi"), messages })).error).toMatchObject({
        code: "invalid_argument",
      });
      expect(vendor.calls).toHaveLength(1);
    });
  });

  test("an answer is the history of the next step, reasoning and all", async () => {
    await using vendor = await startVendor({ body: [body("reasoning-and-tool")] });
    await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-1" });
    const first = await runWhole(provider.chat, say("Weather?"));
    const [question] = say("Weather?").messages;
    const messages = [question ?? user(), { role: "assistant", parts: first.parts } as const, result("call_R")];
    vendor.answerWith({ body: [body("text")] });
    await runWhole(provider.chat, { ...say(""), messages });
    const sent = JSON.parse(vendor.calls[1]?.body ?? "");
    expect(sent.input.map(({ type }: { type: string }) => type)).toEqual([
      "message",
      "reasoning",
      "function_call",
      "function_call_output",
    ]);
    expect(sent.input[1]).toMatchObject({ id: "rs_0", encrypted_content: "gAAAAABencrypted==" });
  });

  test("the key is in no error", async () => {
    const error = { error: { message: "Incorrect API key provided: sk-secret12345", code: "invalid_api_key" } };
    await using vendor = await startVendor({ status: 401, body: [JSON.stringify(error)] });
    await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-secret12345" });
    const failed = (await runStream(provider.chat, say("Hi"))).error;
    expect(failed).toMatchObject({ code: "failed_precondition", reason: "provider_auth" });
    expect(failed?.message).not.toContain("12345");
  });

  test("a server without the Responses API is told from one without the model, and what to set is said", async () => {
    await using vendor = await startVendor({ status: 404, body: ['{"detail":"Not Found"}'] });
    await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-1" });
    const failed = (await runStream(provider.chat, say("Hi"))).error;
    expect(failed).toMatchObject({ code: "not_found", reason: "provider_rejected" });
    expect(failed?.message).toMatch(
      /answered 404: Not Found; set the kind openai-compatible, or the settings {"api": "chat"}/,
    );
    const unknown = { error: { message: "The model `x` does not exist", code: "model_not_found" } };
    vendor.answerWith({ status: 404, body: [JSON.stringify(unknown)] });
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject({ reason: "model_not_found" });
    vendor.answerWith({ body: ['{"object":"chat.completion"}'], headers: { "content-type": "application/json" } });
    const whole = provider.chat?.generate?.(say("Hi"), new AbortController().signal);
    await expect(whole).rejects.toMatchObject({
      reason: "bad_provider_response",
      message: "the provider sent an answer that is none of the Responses API",
    });
  });

  test("warnings come with the response", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(openai, { baseUrl: vendor.url, apiKey: "sk-1" });
    const generation = { ...say("").generation, topK: 3 };
    const { events } = await runStream(provider.chat, { ...say("Hi"), generation });
    expect(events[0]).toMatchObject({ warnings: [{ code: "option-ignored", field: "config.generation.topK" }] });
  });
});

describe("aimock as the vendor", () => {
  test.each(["responses", "chat"])("%s: text, a tool call, reasoning, stream and unary alike", async (api) => {
    await using mock = await startAimock();
    const settings = { api };
    await using provider = buildProvider(openai, { baseUrl: `${mock.url}/v1`, apiKey: "mock", settings });
    for (const answer of await expectAnswersOfAimock(provider.chat, say)) {
      expect(textOf(answer)).toBe("Forty-two.");
      if (api === "responses") expect(textOf(answer, "reasoning")).toBe("Let me think.");
    }
  });
});
