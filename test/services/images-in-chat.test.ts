import { describe, expect, test } from "vitest";
import { Modality } from "../../gen/livellm/v1/common_pb.ts";
import type { ProviderKind } from "../../src/core/provider.ts";
import { google } from "../../src/providers/google/index.ts";
import { openai } from "../../src/providers/openai/index.ts";
import { toResponsesRequest } from "../../src/providers/openai/responses-request.ts";
import { openaiCompatible } from "../../src/providers/openai-compatible/index.ts";
import { fixture } from "../providers/openai-compatible/reading.ts";
import { chatRequest, generation } from "../providers/openai-compatible/request.ts";
import { startVendor } from "../support/vendor-server.ts";
import { routeTo, startImagesGateway } from "./images-gateway.ts";

/** Asks for words and images, and gives the first image of the answer and what the vendor was sent. */
async function draw(kind: ProviderKind, model: string, file: string, settings = {}) {
  await using vendor = await startVendor({ body: [fixture(file)] });
  await using gateway = await startImagesGateway({ p: { kind, baseUrl: vendor.url, settings } });
  const events = gateway.agent.runStream({
    route: routeTo(`p/${model}`),
    messages: [{ text: "Draw a cat" }],
    config: { generation: { outputModalities: [Modality.TEXT, Modality.IMAGE] } },
  });
  const parts = [];
  for await (const { event } of events) if (event.case === "partFinished") parts.push(event.value.part?.content);
  const image = parts.find((part) => part?.case === "media");
  return { image: image?.value, body: JSON.parse(vendor.calls[0]?.body ?? "") };
}

describe("an answer with an image in it", () => {
  test("of Gemini", async () => {
    const { image, body } = await draw(google, "gemini-3-pro-image", "google/image.sse");
    expect(body.generationConfig.responseModalities).toEqual(["TEXT", "IMAGE"]);
    expect(image).toMatchObject({ source: { case: "data" }, mimeType: expect.stringMatching(/^image\//) });
  });

  test("of OpenAI, whose tool draws it", async () => {
    const { image, body } = await draw(openai, "gpt-5.6", "openai/image.sse");
    expect(body.tools).toEqual([{ type: "image_generation" }]);
    expect(image).toMatchObject({ source: { case: "data" }, mimeType: "image/png" });
    expect([...(image?.source.value ?? [])].slice(1, 4)).toEqual([...Buffer.from("PNG")]);
  });

  test("of OpenRouter", async () => {
    const settings = { dialect: "openrouter" };
    const { image, body } = await draw(openaiCompatible, "m", "openai-compatible/openrouter.sse", settings);
    expect(body.modalities).toEqual(["text", "image"]);
    expect(image).toMatchObject({ source: { case: "data" }, mimeType: "image/png" });
  });
});

describe("the tool that draws", () => {
  const bodyOf = (more: Parameters<typeof chatRequest>[0]) =>
    toResponsesRequest(chatRequest({ model: "gpt-5.6", ...more })).body;
  const images = { generation: generation({ outputModalities: ["image"] }) };
  const both = { generation: generation({ outputModalities: ["text", "image"] }) };
  const weather = { type: "function", name: "weather" } as const;
  const drawing = { type: "image_generation" };

  test("has to be used when there is to be nothing else", () => {
    expect(bodyOf(images)).toMatchObject({ tools: [drawing], tool_choice: drawing });
    expect(bodyOf(both)).not.toHaveProperty("tool_choice");
  });

  test("is the caller's own where he gave it", () => {
    const config = { quality: "low" };
    const tools = [{ type: "provider-tool", providerType: "image_generation", config } as const];
    expect(bodyOf({ ...both, tools }).tools).toEqual([{ ...drawing, quality: "low" }]);
  });

  test("stands beside the caller's tools, and what he says of those holds", () => {
    expect(bodyOf({ ...both, tools: [weather], toolChoice: { mode: "disabled", toolNames: [] } })).toMatchObject({
      tools: [{ name: "weather" }, drawing],
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [drawing] },
    });
    expect(bodyOf({ ...both, tools: [weather], toolChoice: { mode: "auto", toolNames: ["weather"] } })).toMatchObject({
      tool_choice: { type: "allowed_tools", mode: "auto", tools: [{ name: "weather" }, drawing] },
    });
  });

  test("sound is still refused", () => {
    expect(() => bodyOf({ generation: generation({ outputModalities: ["text", "audio"] }) })).toThrow(
      /outputModalities\[1\]: the Responses API answers with text and images/,
    );
  });
});
