import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { google } from "../../../src/providers/google/index.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { expectAnswersOfAimock, startAimock } from "../openai-compatible/aimock.ts";
import { buildProvider, runStream, runWhole } from "../openai-compatible/provider.ts";
import { assemble, callsOf, fixture, textOf } from "../openai-compatible/reading.ts";
import { chatRequest, result, user } from "../openai-compatible/request.ts";
import { body } from "./reading.ts";

const say = (text: string) => chatRequest({ model: "gemini-3.8-flash", messages: [user({ type: "text", text })] });
const { signal } = new AbortController();
const errorBody = (error: object) => [JSON.stringify({ error })];

describe("over HTTP", () => {
  test("the key is in a header, never in the address", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(google, { baseUrl: vendor.url, apiKey: "AIza-1" });
    expect(textOf(await runWhole(provider.chat, say("Hi")))).toBe("Grüezi, 👋🏽 world");
    vendor.answerWith({ body: [fixture("google/thinking-and-tool.json")] });
    const answer = assemble(await provider.chat.generate(say("Hi"), signal));
    expect(callsOf(answer)).toEqual([{ id: "fc_R", name: "get_weather", argumentsJson: '{"city":"Chur"}' }]);
    const method = "/v1beta/models/gemini-3.8-flash:";
    expect(vendor.calls.map(({ path }) => path)).toEqual([
      `${method}streamGenerateContent?alt=sse`,
      `${method}generateContent`,
    ]);
    for (const { headers } of vendor.calls) {
      expect(headers).toMatchObject({ "x-goog-api-key": "AIza-1", "content-type": "application/json" });
      expect(headers).not.toHaveProperty("authorization");
    }
  });

  test.each([
    ["", "tunedModels/a b", "/v1beta/tunedModels/a%20b:streamGenerateContent?alt=sse"],
    ["/proxy", "models/m", "/proxy/v1beta/models/m:streamGenerateContent?alt=sse"],
    ["/proxy/v1", "m", "/proxy/v1/models/m:streamGenerateContent?alt=sse"],
  ])("a base URL with %j, a model named %s", async (path, model, expected) => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(google, { baseUrl: vendor.url + path });
    await runWhole(provider.chat, { ...say("Hi"), model });
    expect(vendor.calls[0]?.path).toBe(expected);
  });

  test("configured headers replace any", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    const headers = { "X-Goog-Api-Key": "other", "x-goog-user-project": "p" };
    await using provider = buildProvider(google, { baseUrl: vendor.url, apiKey: "k", headers });
    await runWhole(provider.chat, say("Hi"));
    expect(vendor.calls[0]?.headers).toMatchObject({ "x-goog-api-key": "other", "x-goog-user-project": "p" });
  });

  test("thinking, a call, and the second step with the signature", async () => {
    await using vendor = await startVendor({ body: [body("thinking-and-tool")] });
    await using provider = buildProvider(google, { baseUrl: vendor.url });
    const first = await runWhole(provider.chat, say("Weather?"));
    const [question] = say("Weather?").messages;
    const messages = [question ?? user(), { role: "assistant", parts: first.parts } as const, result("fc_R")];
    vendor.answerWith({ body: [body("second-step")] });
    const second = await runWhole(provider.chat, { ...say(""), messages });
    expect(textOf(second)).toBe("It is sunny.");
    expect(JSON.parse(vendor.calls[1]?.body ?? "").contents).toEqual([
      { role: "user", parts: [{ text: "Weather?" }] },
      {
        role: "model",
        parts: [
          {
            functionCall: { id: "fc_R", name: "get_weather", args: { city: "Chur" } },
            thoughtSignature: "CiwBVKhc7sYp9Vq3Zm==",
          },
        ],
      },
      { role: "user", parts: [{ functionResponse: { id: "fc_R", name: "get_weather", response: { output: "ok" } } }] },
    ]);
  });

  test("every part of an answer goes back as the vendor gave it", async () => {
    for (const name of ["text", "trailing-signature", "code-execution", "server-tools", "parallel-tool-calls"]) {
      await using vendor = await startVendor({ body: [body(name)] });
      await using provider = buildProvider(google, { baseUrl: vendor.url });
      const { parts } = await runWhole(provider.chat, say("Hi"));
      await runWhole(provider.chat, { ...say("Hi"), messages: [{ role: "assistant", parts }] });
      const sent = JSON.parse(vendor.calls[1]?.body ?? "").contents[0].parts;
      expect(joined(sent), name).toEqual(joined(partsIn(body(name))));
    }
  });

  test("warnings come with the response", async () => {
    await using vendor = await startVendor({ body: [body("text")] });
    await using provider = buildProvider(google, { baseUrl: vendor.url });
    const { events } = await runStream(provider.chat, {
      ...say("Hi"),
      parallelToolCalls: false,
      tools: [{ type: "code-execution" }],
    });
    expect(events[0]).toMatchObject({ warnings: [{ code: "option-ignored", field: "config.parallelToolCalls" }] });
  });

  test.each(["reset", "close"] as const)("a body that breaks off (%s), before and after the end", async (ending) => {
    const bytes = body("text");
    await using vendor = await startVendor({ body: [bytes.subarray(0, 600)], ending });
    await using provider = buildProvider(google, { baseUrl: vendor.url });
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject({ reason: "stream_broken" });
    vendor.answerWith({ body: [bytes], ending: "close" });
    expect((await runWhole(provider.chat, say("Hi"))).finished?.finishReason).toBe("stop");
  });

  test("cancelling closes the vendor's socket while it is silent", async () => {
    await using vendor = await startVendor({ body: [body("text").subarray(0, 600)], ending: "hang" });
    await using provider = buildProvider(google, { baseUrl: vendor.url });
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

/** The parts in a stream, as the vendor sent them. */
function partsIn(bytes: Buffer): Record<string, unknown>[] {
  const events = bytes
    .toString()
    .split("\r\n\r\n")
    .filter((event) => event !== "");
  return events.flatMap((event) => JSON.parse(event.slice("data: ".length)).candidates[0].content.parts);
}

/** Unsigned pieces of text joined, as is allowed, and empty ones left out. */
function joined(parts: readonly Record<string, unknown>[]): Record<string, unknown>[] {
  const list: Record<string, unknown>[] = [];
  for (const part of parts) {
    const last = list.at(-1);
    const plain = typeof part.text === "string" && !part.thoughtSignature;
    if (plain && typeof last?.text === "string" && !last.thoughtSignature) last.text += String(part.text);
    else if (!plain || part.text !== "") list.push({ ...part });
  }
  return list;
}

describe("refusals", () => {
  const details = (...list: object[]) => ({ details: list });
  const info = (reason: string) => ({ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason });
  const quota = (quotaId: string) => ({
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    violations: [{ quotaId }],
  });
  const retry = { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "12s" };

  test.each<[number, object, object]>([
    [
      400,
      {
        code: 400,
        message: "API key not valid. Please pass a valid API key.",
        status: "INVALID_ARGUMENT",
        ...details(info("API_KEY_INVALID")),
      },
      {
        code: "failed_precondition",
        reason: "provider_auth",
        facts: { providerCode: "API_KEY_INVALID", httpStatus: 400 },
      },
    ],
    [
      400,
      { code: 400, message: "Not from here", ...details(info("API_KEY_IP_ADDRESS_BLOCKED")) },
      { code: "failed_precondition", reason: "provider_auth" },
    ],
    [
      403,
      { code: 403, message: "Denied", status: "PERMISSION_DENIED" },
      { code: "failed_precondition", reason: "provider_auth", facts: { providerCode: "PERMISSION_DENIED" } },
    ],
    [
      400,
      { code: 400, message: "Invalid JSON payload", status: "INVALID_ARGUMENT" },
      { code: "invalid_argument", reason: "provider_rejected" },
    ],
    [
      400,
      { code: 400, message: "The input token count (9) exceeds the maximum number of tokens allowed (1)." },
      { code: "invalid_argument", reason: "context_too_long" },
    ],
    [404, { code: 404, message: "not found", status: "NOT_FOUND" }, { code: "not_found", reason: "model_not_found" }],
    [
      429,
      { code: 429, message: "Slow", status: "RESOURCE_EXHAUSTED", ...details(quota("RequestsPerMinute"), retry) },
      { code: "resource_exhausted", reason: "rate_limited", facts: { retryAfterMs: 12_000 } },
    ],
    [
      429,
      { code: 429, message: "Slow", status: "RESOURCE_EXHAUSTED", ...details(quota("RequestsPerDayPerProject")) },
      { code: "resource_exhausted", reason: "quota_exhausted" },
    ],
    [
      503,
      { code: 503, message: "busy", status: "UNAVAILABLE" },
      { code: "unavailable", reason: "provider_unavailable" },
    ],
  ])("%i %j", async (status, error, expected) => {
    await using vendor = await startVendor({ status, body: errorBody(error) });
    await using provider = buildProvider(google, { baseUrl: vendor.url, apiKey: "AIzaSecretSecret" });
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject(expected);
    await expect(provider.chat.generate(say("Hi"), signal)).rejects.toMatchObject(expected);
    // A stream that was refused gives a list.
    vendor.answerWith({ status, body: [JSON.stringify([{ error }])] });
    expect((await runStream(provider.chat, say("Hi"))).error).toMatchObject(expected);
  });

  test("a page explains nothing; the key is in no message", async () => {
    await using vendor = await startVendor({ status: 502, body: ["<html>Bad gateway</html>"] });
    await using provider = buildProvider(google, { baseUrl: vendor.url, apiKey: "AIzaSecretSecret" });
    expect((await runStream(provider.chat, say("Hi"))).error?.message).toMatch(/answered 502: no explanation$/);
    vendor.answerWith({ status: 400, body: errorBody({ message: "bad key AIzaSecretSecret" }) });
    expect((await runStream(provider.chat, say("Hi"))).error?.message).not.toContain("Secret");
  });
});

describe("models", () => {
  test("all pages, without the collection's name", async () => {
    await using vendor = await startVendor();
    vendor.answerWith(({ path }) => ({
      body: [
        JSON.stringify(
          path.includes("pageToken=")
            ? { models: [{ name: "models/b", displayName: "b" }, { displayName: "nameless" }] }
            : {
                models: [
                  {
                    name: "models/gemini-3.8-flash",
                    displayName: "Gemini 3.8 Flash",
                    inputTokenLimit: 1_048_576,
                    outputTokenLimit: 65_536,
                  },
                ],
                nextPageToken: "p/2",
              },
        ),
      ],
    }));
    await using provider = buildProvider(google, { baseUrl: vendor.url, apiKey: "AIza-1" });
    expect(await provider.models.list(signal)).toEqual([
      {
        id: "gemini-3.8-flash",
        displayName: "Gemini 3.8 Flash",
        contextWindow: 1_048_576,
        maxOutputTokens: 65_536,
      },
      { id: "b" },
    ]);
    expect(vendor.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1beta/models?pageSize=1000",
      "GET /v1beta/models?pageSize=1000&pageToken=p%2F2",
    ]);
    expect(vendor.calls[0]?.headers["x-goog-api-key"]).toBe("AIza-1");
  });

  test("a server that repeats a page is asked no more; a wrong key is told", async () => {
    await using vendor = await startVendor({ body: [JSON.stringify({ models: [], nextPageToken: "p" })] });
    await using provider = buildProvider(google, { baseUrl: vendor.url });
    expect(await provider.models.list(signal)).toEqual([]);
    expect(vendor.calls).toHaveLength(2);
    const reason = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }];
    vendor.answerWith({ status: 400, body: errorBody({ message: "API key not valid", details: reason }) });
    await expect(provider.models.list(signal)).rejects.toMatchObject({ code: "failed_precondition" });
  });
});

test("aimock as the vendor: text, a tool call, reasoning, stream and unary alike", async () => {
  await using mock = await startAimock();
  await using provider = buildProvider(google, { baseUrl: mock.url, apiKey: "mock" });
  for (const answer of await expectAnswersOfAimock(provider.chat, say)) {
    expect(textOf(answer, "reasoning") + textOf(answer)).toBe("Let me think.Forty-two.");
  }
});
