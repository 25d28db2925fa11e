import { GoogleGenAI } from "@google/genai";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { google } from "../../../src/providers/google/index.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { base64, imageRequest, png, warningsOf } from "../images-driving.ts";
import { build, never, readUntil, runToEnd, typesOf } from "../speech-driving.ts";

const json = { "content-type": "application/json" };
const inline = (mark: number, mimeType = "image/png") => ({ inlineData: { mimeType, data: base64(png(mark)) } });
const usageMetadata = {
  promptTokenCount: 8,
  candidatesTokenCount: 1290,
  thoughtsTokenCount: 10,
  totalTokenCount: 1308,
};
const answerOf = (parts: readonly object[], finishReason: string | undefined = "STOP") => ({
  candidates: [{ content: { role: "model", parts }, ...(finishReason && { finishReason }), index: 0 }],
  usageMetadata,
  modelVersion: "gemini-3-pro-image",
  responseId: "r-1",
});

const model = "gemini-3-pro-image";

async function make(request: Parameters<typeof imageRequest>[0] = {}, value: unknown = answerOf([inline(1)])) {
  await using vendor = await startVendor({ headers: json, body: [JSON.stringify(value)] });
  await using provider = build(google, { baseUrl: vendor.url });
  const run = await runToEnd(provider.images.stream(imageRequest({ model, ...request }), never));
  const [call] = vendor.calls;
  return { ...run, call, body: call ? JSON.parse(call.body) : undefined };
}

describe("what is asked", () => {
  test("words and images, of the model that draws", async () => {
    const { call, body } = await make();
    expect(call).toMatchObject({
      path: `/v1beta/models/${model}:generateContent`,
      headers: { "x-goog-api-key": "key-1234" },
    });
    expect(body).toEqual({
      contents: [{ role: "user", parts: [{ text: "A cat" }] }],
      generationConfig: { responseModalities: ["TEXT", "IMAGE"] },
    });
  });

  test("an edit has its images before the prompt, as Google's own SDK sends it", async () => {
    const images = [
      { data: png(1), mimeType: "image/png" },
      { uri: "gs://bucket/b.jpg", mimeType: "image/jpeg" },
    ];
    const config = { size: "16:9", resolution: "4K" };
    await using vendor = await startVendor({ headers: json, body: [JSON.stringify(answerOf([inline(1)]))] });
    await using provider = build(google, { baseUrl: vendor.url });
    await runToEnd(provider.images.stream(imageRequest({ model, images, config }), never));
    const httpOptions = { baseUrl: vendor.url };
    const sdk = new GoogleGenAI({ apiKey: "key-1234", apiVersion: "v1beta", httpOptions });
    const file = { fileData: { fileUri: "gs://bucket/b.jpg", mimeType: "image/jpeg" } };
    await sdk.models.generateContent({
      model,
      contents: [{ role: "user", parts: [inline(1), file, { text: "A cat" }] }],
      config: {
        responseModalities: ["TEXT", "IMAGE"],
        imageConfig: { aspectRatio: "16:9", imageSize: "4K" },
        automaticContinuation: false,
      },
    });
    const [ours, theirs] = vendor.calls.map(({ path, body }) => ({ path, body: JSON.parse(body) }));
    expect(ours).toEqual(theirs);
  });

  test.each([
    [model, "1024x1024", { aspectRatio: "1:1", imageSize: "1K" }, []],
    [model, "3840x2160", { aspectRatio: "16:9", imageSize: "2K" }, ["option-clamped config.size"]],
    [model, "21:9", { aspectRatio: "21:9" }, []],
    [model, "42:18", { aspectRatio: "21:9" }, []],
    ["gemini-2.5-flash-image", "1024x1024", { aspectRatio: "1:1" }, []],
    ["gemini-2.5-flash-image", "2048x2048", { aspectRatio: "1:1" }, ["option-clamped config.size"]],
    ["gemini-3.1-flash-image", "1:8", { aspectRatio: "1:8" }, []],
    ["gemini-9-image", "7:5", { aspectRatio: "7:5" }, []],
  ])("%s is asked for %s as %j", async (name, size, imageConfig, warnings) => {
    const { body, events } = await make({ model: name, config: { size } });
    expect(body.generationConfig.imageConfig).toEqual(imageConfig);
    expect(warningsOf(events)).toEqual(warnings);
  });

  test.each([
    [model, { size: "1:8" }, /config\.size: .* it takes the proportions 1:1, .*21:9$/],
    [model, { resolution: "8K" }, /config\.resolution: .* it takes 1K, 2K, 4K$/],
    [model, { mimeType: "image/webp" }, /config\.mimeType: /],
    [model, { background: "transparent" as const }, /config\.background: /],
  ])("%s refuses %j, and says what it takes", async (name, config, message) => {
    const { error, call } = await make({ model: name, config });
    expect(error).toMatchObject({ code: "failed_precondition", reason: "unsupported" });
    expect(error?.message).toMatch(message);
    expect(call).toBeUndefined();
  });

  test("a mask is refused", async () => {
    const { error } = await make({ mask: { data: png(1), mimeType: "image/png" } });
    expect(error?.message).toMatch(/^mask: /);
  });

  test("what there is not is told", async () => {
    const config = { quality: "high", style: "vivid", inputFidelity: "low", compression: 3, count: 2 } as const;
    const { events } = await make({ config });
    expect(warningsOf(events).toSorted()).toEqual([
      "option-clamped config.count",
      "option-ignored config.compression",
      "option-ignored config.inputFidelity",
      "option-ignored config.quality",
      "option-ignored config.style",
    ]);
  });
});

describe("what comes", () => {
  test("the image, what was said, and the cost; thoughts and their drafts are left out", async () => {
    const parts = [
      { text: "Thinking of cats", thought: true },
      { ...inline(8), thought: true },
      { text: "Here it is." },
      inline(1, "image/jpeg"),
    ];
    const { events } = await make({}, answerOf(parts));
    expect(events).toEqual([
      { type: "response", model: "gemini-3-pro-image", requestId: "r-1", warnings: [] },
      { type: "image", image: { data: Buffer.from(png(1)), mimeType: "image/jpeg" } },
      {
        type: "finished",
        text: "Here it is.",
        usage: {
          inputTokens: 8,
          outputTokens: 1300,
          reasoningTokens: 10,
          outputImages: 1,
          providerUsage: usageMetadata,
        },
      },
    ]);
  });

  test.each([
    ["IMAGE_SAFETY", "invalid_argument", "content_blocked"],
    ["NO_IMAGE", "internal", "bad_provider_response"],
    ["STOP", "internal", "bad_provider_response"],
  ])("no image: %s", async (word, code, reason) => {
    const { error } = await make({}, answerOf([{ text: "No." }], word));
    expect(error).toMatchObject({ code, reason, facts: { providerCode: word } });
    expect(error?.message).not.toContain("No.");
  });

  test("a prompt that was blocked", async () => {
    const { error } = await make({}, { promptFeedback: { blockReason: "PROHIBITED_CONTENT" } });
    expect(error).toMatchObject({ code: "invalid_argument", reason: "content_blocked" });
  });

  const chunks = [answerOf([{ text: "Here." }], ""), answerOf([inline(4)], ""), answerOf([], "STOP")];
  const stream = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join("");

  test("a stream", async () => {
    await using vendor = await startVendor({ body: [stream] });
    await using provider = build(google, { baseUrl: vendor.url });
    const { events } = await runToEnd(provider.images.stream(imageRequest({ model, stream: true }), never));
    expect(vendor.calls[0]?.path).toBe(`/v1beta/models/${model}:streamGenerateContent?alt=sse`);
    expect(typesOf(events)).toEqual(["response", "image", "finished"]);
    expect(events.at(-1)).toMatchObject({ text: "Here.", usage: { outputImages: 1 } });
  });

  test("cut at every byte it never ends as if it were whole", async () => {
    let cut = 0;
    await using vendor = await startVendor();
    vendor.answerWith(() => ({ body: [stream.slice(0, cut)] }));
    await using provider = build(google, { baseUrl: vendor.url });
    for (cut = 0; cut < stream.length - 4; cut++) {
      const { events, error } = await runToEnd(provider.images.stream(imageRequest({ model, stream: true }), never));
      expect(typesOf(events), `cut at ${cut}`).not.toContain("finished");
      expect(error, `cut at ${cut}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    }
  });

  test("cancelling closes the socket", async () => {
    await using vendor = await startVendor({ body: [stream.slice(0, stream.lastIndexOf("data:"))], ending: "hang" });
    await using provider = build(google, { baseUrl: vendor.url });
    const abort = new AbortController();
    const events = provider.images.stream(imageRequest({ model, stream: true }), abort.signal)[Symbol.asyncIterator]();
    await readUntil(events, ({ type }) => type === "image");
    const pending = events.next();
    abort.abort(cancelled());
    await expect(pending).rejects.toMatchObject({ code: "canceled" });
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });
});
