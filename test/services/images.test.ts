import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { GenerateImageStreamResponse } from "../../gen/livellm/v1/images_service_pb.ts";
import { ImageConfig_Background as Background } from "../../gen/livellm/v1/images_service_pb.ts";
import { google } from "../../src/providers/google/index.ts";
import { openai } from "../../src/providers/openai/index.ts";
import { openaiCompatible } from "../../src/providers/openai-compatible/index.ts";
import { base64, imageEvent, png } from "../providers/images-driving.ts";
import { readUntil } from "../providers/speech-driving.ts";
import { callJson } from "../support/json-call.ts";
import { startVendor, type VendorAnswer } from "../support/vendor-server.ts";
import { routeTo, startImagesGateway } from "./images-gateway.ts";

const json = { "content-type": "application/json" };
const usage = { input_tokens: 12, output_tokens: 272, total_tokens: 284 };
const drawn = (...marks: readonly number[]): VendorAnswer => ({
  headers: json,
  body: [JSON.stringify({ data: marks.map((mark) => ({ b64_json: base64(png(mark)) })), usage, size: "1024x1024" })],
});
const drawnByGemini = (mark: number): VendorAnswer => ({
  headers: json,
  body: [
    JSON.stringify({
      candidates: [
        {
          content: { parts: [{ text: "Here." }, { inlineData: { mimeType: "image/png", data: base64(png(mark)) } }] },
          finishReason: "STOP",
        },
      ],
      usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 1290 },
    }),
  ],
});
const partial = (mark: number, index: number) =>
  imageEvent("image_generation.partial_image", {
    b64_json: base64(png(mark)),
    partial_image_index: index,
    output_format: "png",
  });
const completed = imageEvent("image_generation.completed", {
  b64_json: base64(png(7)),
  output_format: "png",
  size: "1024x1024",
  usage,
});
const overloaded: VendorAnswer = {
  status: 503,
  headers: json,
  body: [JSON.stringify({ error: { message: "The server is overloaded" } })],
};

type Event = GenerateImageStreamResponse["event"];

/** Everything that came, and what ended it. */
async function readAll(stream: AsyncIterable<{ readonly event: Event }>) {
  const events: Event[] = [];
  try {
    for await (const { event } of stream) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error: ConnectError.from(error) };
  }
}

const casesOf = (events: readonly Event[]) => events.map((event) => event.case);
const picture = (mark: number) => ({ source: { case: "data" as const, value: png(mark) }, mimeType: "image/png" });

describe("GenerateImage", () => {
  test("over gRPC: the images, their cost, and who made them", async () => {
    await using vendor = await startVendor({ ...drawn(1, 2), headers: { ...json, "x-request-id": "req_v" } });
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const answer = await gateway.images.generateImage({
      route: routeTo("oa/gpt-image-2"),
      prompt: "Two cats",
      config: { size: "3:2", count: 2, background: Background.OPAQUE },
      caller: { userId: "u-1", requestId: "req-7" },
    });
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toEqual({
      model: "gpt-image-2",
      prompt: "Two cats",
      size: "1536x1024",
      background: "opaque",
      n: 2,
      safety_identifier: "u-1",
    });
    expect(vendor.calls[0]?.headers["x-client-request-id"]).toBe("req-7");
    expect(answer.images.map(({ media }) => [...(media?.source.value ?? [])].at(-1))).toEqual([1, 2]);
    expect(answer).toMatchObject({
      images: [{ media: { mimeType: "image/png" }, size: "1024x1024" }, {}],
      usage: { inputTokens: 12, outputTokens: 272, outputImages: 2 },
      routeResult: {
        targetIndex: 0,
        provider: "oa",
        providerKind: "openai",
        model: "gpt-image-2",
        providerRequestId: "req_v",
        attempts: [{}],
      },
      warnings: [],
    });
  });

  test("as plain JSON", async () => {
    await using vendor = await startVendor(drawn(1));
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const { status, body } = await callJson(gateway.url, "ImagesService/GenerateImage", {
      route: routeTo("oa/gpt-image-1.5"),
      prompt: "A cat",
      config: { quality: "max", background: "BACKGROUND_TRANSPARENT", mimeType: "image/webp" },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      images: [{ media: { data: base64(png(1)), mimeType: "image/png" } }],
      warnings: [{ code: "option-clamped", field: "config.quality" }],
    });
  });

  test("the next target takes over, and an unary answer that breaks off is lost to nobody", async () => {
    await using broken = await startVendor({ ...drawn(1), body: ['{"data": [{"b64_json": "iVBO'], ending: "reset" });
    await using down = await startVendor(overloaded);
    await using good = await startVendor(drawnByGemini(5));
    await using gateway = await startImagesGateway({
      oa: { kind: openai, baseUrl: broken.url },
      any: { kind: openaiCompatible, baseUrl: down.url },
      gem: { kind: google, baseUrl: good.url },
    });
    const answer = await gateway.images.generateImage({
      route: routeTo("oa/gpt-image-2", "any/flux", "gem/gemini-3-pro-image"),
      prompt: "A cat",
    });
    expect(answer.images[0]?.media?.source.value?.at(-1)).toBe(5);
    expect(answer.text).toBe("Here.");
    expect(answer.routeResult).toMatchObject({ targetIndex: 2, provider: "gem", model: "gemini-3-pro-image" });
    expect(answer.routeResult?.attempts.map(({ failure }) => failure?.httpStatus)).toEqual([0, 503, undefined]);
  });

  test("a model that does not take the size is passed over for one that does", async () => {
    await using first = await startVendor(drawn(1));
    await using second = await startVendor(drawn(2));
    await using gateway = await startImagesGateway({
      a: { kind: openai, baseUrl: first.url },
      b: { kind: openai, baseUrl: second.url },
    });
    const route = routeTo("a/gpt-image-1.5", "b/gpt-image-2");
    const answer = await gateway.images.generateImage({ route, prompt: "A cat", config: { size: "16:9" } });
    expect(first.calls).toEqual([]);
    expect(JSON.parse(second.calls[0]?.body ?? "").size).toBe("1536x864");
    expect(answer.routeResult?.attempts[0]?.failure?.message).toContain("1024x1024");
    const alone = gateway.images.generateImage({
      route: routeTo("a/gpt-image-1.5"),
      prompt: "A cat",
      config: { size: "16:9" },
    });
    await expect(alone).rejects.toMatchObject({ code: Code.FailedPrecondition });
  });

  test("fewer images than were asked for are told", async () => {
    await using vendor = await startVendor(drawn(1));
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const { warnings } = await gateway.images.generateImage({
      route: routeTo("oa/gpt-image-2"),
      prompt: "Three cats",
      config: { count: 3 },
    });
    expect(warnings).toMatchObject([{ code: "images-missing", field: "config.count" }]);
  });

  test("what is wrong with the request is all said before anybody is called", async () => {
    await using vendor = await startVendor(drawn(1));
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const { status, body } = await callJson(gateway.url, "ImagesService/GenerateImage", {
      route: routeTo("oa/gpt-image-2"),
      config: { size: "huge", count: 11 },
    });
    expect(status).toBe(400);
    const text = JSON.stringify(body);
    for (const field of ["prompt", "config.size", "config.count"]) expect(text).toContain(`"field":"${field}"`);
    const jpeg = gateway.images.generateImage({
      route: routeTo("oa/gpt-image-2"),
      prompt: "A cat",
      config: { background: Background.TRANSPARENT, mimeType: "image/jpeg" },
    });
    await expect(jpeg).rejects.toMatchObject({ code: Code.InvalidArgument });
    expect(vendor.calls).toEqual([]);
  });

  test("a caller who leaves closes the vendor's socket", async () => {
    await using vendor = await startVendor({ headers: json, ending: "hang" });
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const abort = new AbortController();
    const next = vendor.nextCall();
    const request = { route: routeTo("oa/gpt-image-2"), prompt: "A cat" };
    const work = gateway.images.generateImage(request, { signal: abort.signal });
    const call = await next;
    abort.abort();
    await expect(work).rejects.toMatchObject({ code: Code.Canceled });
    expect(await call.closed).toMatchObject({ complete: false });
  });
});

describe("EditImage", () => {
  test("several images and a mask reach the vendor", async () => {
    await using vendor = await startVendor(drawn(1));
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const answer = await gateway.images.editImage({
      route: routeTo("oa/gpt-image-1.5"),
      prompt: "With a hat",
      images: [picture(1), { source: { case: "uri", value: `data:image/webp;base64,${base64(png(2))}` } }],
      mask: picture(9),
    });
    const [call] = vendor.calls;
    expect(call?.path).toBe("/images/edits");
    const names = [...(call?.body ?? "").matchAll(/name="([^"]+)"; filename="([^"]+)"\r\ncontent-type: (\S+)/g)];
    expect(names.map(([, name, file, type]) => [name, file, type])).toEqual([
      ["image[]", "image-1.png", "image/png"],
      ["image[]", "image-2.webp", "image/webp"],
      ["mask", "mask.png", "image/png"],
    ]);
    expect(answer.images).toHaveLength(1);
  });

  test("as plain JSON, of a model that takes them as parts", async () => {
    await using vendor = await startVendor(drawnByGemini(3));
    await using gateway = await startImagesGateway({ gem: { kind: google, baseUrl: vendor.url } });
    const { status, body } = await callJson(gateway.url, "ImagesService/EditImage", {
      route: routeTo("gem/gemini-3-pro-image"),
      prompt: "With a hat",
      images: [{ data: base64(png(1)), mimeType: "image/png" }],
    });
    expect([status, body.images]).toMatchObject([200, [{ media: { data: base64(png(3)) } }]]);
    const [content] = JSON.parse(vendor.calls[0]?.body ?? "").contents;
    expect(content.parts).toEqual([
      { inlineData: { mimeType: "image/png", data: base64(png(1)) } },
      { text: "With a hat" },
    ]);
  });

  test.each([
    ["no images", { images: [] }, "images"],
    ["an empty one", { images: [{ data: "", mimeType: "image/png" }] }, "images[0].data"],
    ["what is no image", { images: [{ data: "AAAA", mimeType: "text/plain" }] }, "images[0].mimeType"],
    ["a data: URI that cannot be read", { images: [{ uri: "data:image/png;base64,?" }] }, "images[0].uri"],
    ["a data: URI of no image", { images: [{ uri: "data:text/plain,hi" }] }, "images[0].mimeType"],
    ["one that is too large", { images: [{ uri: `data:image/png;base64,${"AAAA".repeat(400)}` }] }, "images[0].uri"],
    ["a mask that is empty", { mask: { data: "", mimeType: "image/png" } }, "mask.data"],
  ])("%s", async (_, fields, field) => {
    await using vendor = await startVendor(drawn(1));
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const { status, body } = await callJson(gateway.url, "ImagesService/EditImage", {
      route: routeTo("oa/gpt-image-2"),
      prompt: "With a hat",
      images: [{ data: base64(png(1)), mimeType: "image/png" }],
      ...fields,
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain(`"field":"${field}"`);
    expect(vendor.calls).toEqual([]);
  });

  test("as a stream", async () => {
    const edited = completed.replaceAll("image_generation", "image_edit");
    await using vendor = await startVendor({ body: [edited] });
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const request = { route: routeTo("oa/gpt-image-2"), prompt: "With a hat", images: [picture(1)] };
    const events = await Array.fromAsync(gateway.images.editImageStream(request));
    expect(events.map(({ event }) => event.case)).toEqual(["started", "image", "finished"]);
  });
});

describe("GenerateImageStream", () => {
  const ask = (...names: readonly string[]) => ({
    route: routeTo(...names),
    prompt: "A cat",
    config: { partialImages: 2 },
  });

  test("is started, partial images, images, and finished, in this order", async () => {
    await using vendor = await startVendor({ body: [partial(1, 0), partial(2, 1), completed] });
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const { events } = await readAll(gateway.images.generateImageStream(ask("oa/gpt-image-2")));
    expect(casesOf(events)).toEqual(["started", "partialImage", "partialImage", "image", "finished"]);
    expect(events).toMatchObject([
      { value: { routeResult: { provider: "oa", model: "gpt-image-2" } } },
      { value: { imageIndex: 0, partialIndex: 0, media: { mimeType: "image/png" } } },
      { value: { imageIndex: 0, partialIndex: 1 } },
      { value: { imageIndex: 0, image: { size: "1024x1024" } } },
      { value: { usage: { outputTokens: 272, outputImages: 1 }, warnings: [] } },
    ]);
  });

  test("as server-sent events, image by image", async () => {
    await using vendor = await startVendor(drawn(1, 2));
    await using gateway = await startImagesGateway({ any: { kind: openaiCompatible, baseUrl: vendor.url } });
    const response = await fetch(`${gateway.url}/livellm.v1.ImagesService/GenerateImageStream`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: JSON.stringify({ route: routeTo("any/flux"), prompt: "Two cats", config: { count: 2 } }),
    });
    const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
    const events = lines.map((line) => JSON.parse(line.slice("data: ".length)) as Record<string, unknown>);
    expect(events.map((event) => Object.keys(event)[0])).toEqual(["started", "image", "image", "finished", "status"]);
    expect(events[2]).toMatchObject({ image: { imageIndex: 1, image: { media: { data: base64(png(2)) } } } });
  });

  test("the next target takes over until the first partial image", async () => {
    await using down = await startVendor(overloaded);
    await using good = await startVendor({ body: [partial(1, 0), completed] });
    await using gateway = await startImagesGateway({
      a: { kind: openai, baseUrl: down.url },
      b: { kind: openai, baseUrl: good.url },
    });
    const request = ask("a/gpt-image-2", "b/gpt-image-2");
    const { events } = await readAll(gateway.images.generateImageStream(request));
    expect(casesOf(events)).toEqual(["attemptFailed", "started", "partialImage", "image", "finished"]);
    expect(events.at(-1)).toMatchObject({ value: { routeResult: { targetIndex: 1, attempts: [{}, {}] } } });
  });

  test("a stream that breaks off after that ends the call, with what was tried", async () => {
    await using broken = await startVendor({ body: [partial(1, 0)] });
    await using good = await startVendor({ body: [completed] });
    await using gateway = await startImagesGateway({
      a: { kind: openai, baseUrl: broken.url },
      b: { kind: openai, baseUrl: good.url },
    });
    const request = ask("a/gpt-image-2", "b/gpt-image-2");
    const { events, error } = await readAll(gateway.images.generateImageStream(request));
    expect(casesOf(events)).toEqual(["started", "partialImage"]);
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(error?.rawMessage).toContain("a/gpt-image-2 broke off");
    expect(good.calls).toEqual([]);
  });

  test("a silent vendor is waited for with heartbeats, and given up after the stall timeout", async () => {
    await using vendor = await startVendor({ body: [partial(1, 0)], ending: "hang" });
    const limits = { heartbeatIntervalMs: 20, stallTimeoutMs: 200 };
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } }, limits);
    const { events, error } = await readAll(gateway.images.generateImageStream(ask("oa/gpt-image-2")));
    expect(casesOf(events)).toContain("heartbeat");
    expect(error).toMatchObject({ code: Code.Unavailable });
  });

  test("a caller who leaves in the middle closes the vendor's socket", async () => {
    await using vendor = await startVendor({ body: [partial(1, 0)], ending: "hang" });
    await using gateway = await startImagesGateway({ oa: { kind: openai, baseUrl: vendor.url } });
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const stream = gateway.images.generateImageStream(ask("oa/gpt-image-2"), options)[Symbol.asyncIterator]();
    await readUntil(stream, ({ event }) => event.case === "partialImage");
    const pending = stream.next();
    abort.abort();
    await expect(pending).rejects.toMatchObject({ code: Code.Canceled });
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });
});
