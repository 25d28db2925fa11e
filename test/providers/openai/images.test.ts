import OpenAI, { toFile } from "openai";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { openai } from "../../../src/providers/openai/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { base64, imageEvent, imageRequest, marksOf, png, warningsOf } from "../images-driving.ts";
import { build, never, readUntil, runToEnd, typesOf } from "../speech-driving.ts";
import { startUploadVendor } from "../upload-vendor.ts";

const json = { "content-type": "application/json", "x-request-id": "req_v" };
const usage = {
  input_tokens: 12,
  output_tokens: 272,
  total_tokens: 284,
  input_tokens_details: { text_tokens: 12, image_tokens: 0 },
};
const answer = (...images: readonly object[]) => ({ created: 1, data: images, usage, size: "1024x1024" });
const drawn = answer({ b64_json: base64(png(1)) });

const buildOn = (vendor: { readonly url: string }) => build(openai, { baseUrl: `${vendor.url}/v1` });

async function make(request: Parameters<typeof imageRequest>[0], value: unknown = drawn) {
  await using vendor = await startVendor({ headers: json, body: [JSON.stringify(value)] });
  await using provider = buildOn(vendor);
  const run = await runToEnd(provider.images.stream(imageRequest(request), never));
  const [call] = vendor.calls;
  return { ...run, call, body: call ? (JSON.parse(call.body) as Record<string, unknown>) : undefined };
}

describe("what is made", () => {
  test("one image, with its cost in tokens and our request id", async () => {
    const { events, call, body } = await make({});
    expect(call).toMatchObject({
      path: "/v1/images/generations",
      headers: { authorization: "Bearer key-1234", "x-client-request-id": "req-1" },
    });
    expect(body).toEqual({ model: "gpt-image-2", prompt: "A cat" });
    expect(events).toEqual([
      { type: "response", model: "gpt-image-2", requestId: "req_v", warnings: [] },
      { type: "image", image: { data: Buffer.from(png(1)), mimeType: "image/png", size: "1024x1024" } },
      {
        type: "finished",
        usage: { inputTokens: 12, outputTokens: 272, outputImages: 1, providerUsage: usage },
      },
    ]);
  });

  test("all options, as OpenAI's own SDK sends them", async () => {
    await using vendor = await startVendor({ headers: json, body: [JSON.stringify(drawn)] });
    await using provider = buildOn(vendor);
    const request = imageRequest({
      model: "gpt-image-2.5-flare",
      userId: "u-1",
      config: {
        size: "1536x864",
        quality: "max",
        background: "transparent",
        mimeType: "image/webp",
        compression: 80,
        count: 2,
      },
      options: { moderation: "low" },
    });
    await runToEnd(provider.images.stream(request, never));
    const sdk = new OpenAI({ apiKey: "key-1234", baseURL: `${vendor.url}/v1`, maxRetries: 0 });
    await sdk.images.generate({
      model: "gpt-image-2.5-flare",
      prompt: "A cat",
      n: 2,
      size: "1536x864",
      quality: "max",
      background: "transparent",
      output_format: "webp",
      output_compression: 80,
      moderation: "low",
      safety_identifier: "u-1",
    });
    const [ours, theirs] = vendor.calls.map(({ body }) => JSON.parse(body));
    expect(ours).toEqual(theirs);
  });

  test.each([
    ["gpt-image-2", "16:9", "1536x864"],
    ["gpt-image-2", "1:1", "1024x1024"],
    ["gpt-image-2", "3:2", "1536x1024"],
    ["gpt-image-2", "3840x2160", "3840x2160"],
    ["gpt-image-1.5", "2:3", "1024x1536"],
    ["gpt-image-2.6-flare", "640x480", "640x480"],
  ])("%s makes %s as %s", async (model, size, sent) => {
    const { body, events } = await make({ model, config: { size } });
    expect(body?.size).toBe(sent);
    expect(warningsOf(events)).toEqual([]);
  });

  test.each([
    ["gpt-image-2", { size: "1000x1000" }, /config\.size: .*multiples of 16, at most 3840, and at most 3:1/],
    ["gpt-image-2", { size: "4:1" }, /config\.size: gpt-image-2 does not make 4:1/],
    ["gpt-image-2", { size: "3840x3840" }, /config\.size/],
    ["gpt-image-1.5", { size: "16:9" }, /it takes 1024x1024, 1536x1024, 1024x1536$/],
    ["gpt-image-1.5", { quality: "ultra" }, /config\.quality: .* it takes low, medium, high$/],
    ["gpt-image-1-mini", { mimeType: "image/gif" }, /it takes image\/png, image\/jpeg, image\/webp$/],
  ] as const)("%s refuses %j before it is called, and says what it takes", async (model, config, message) => {
    const { error, call } = await make({ model, config });
    expect(error).toMatchObject({ code: "failed_precondition", reason: "unsupported" });
    expect(error?.message).toMatch(message);
    expect(call).toBeUndefined();
  });

  test("what is above the model is lowered, what it has not is left out, and both are told", async () => {
    const config = { quality: "max", style: "vivid", resolution: "2K", compression: 5, partialImages: 2 };
    const { body, events } = await make({ model: "gpt-image-1.5", config });
    expect(body).toEqual({ model: "gpt-image-1.5", prompt: "A cat", quality: "high" });
    expect(warningsOf(events).toSorted()).toEqual([
      "option-clamped config.partialImages",
      "option-clamped config.quality",
      "option-ignored config.compression",
      "option-ignored config.resolution",
      "option-ignored config.style",
    ]);
  });

  test("what the server sets itself is refused", async () => {
    const { error } = await make({ options: { stream: true, n: 3 } });
    expect(error).toMatchObject({ code: "invalid_argument", facts: { violations: [{}, {}] } });
  });

  test.each([[{}], [[]], [{ data: [] }], [{ data: [{ b64_json: "" }] }]])("no image: %j", async (value) => {
    const { error, events } = await make({}, value);
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
    expect(marksOf(events)).toEqual([]);
  });

  test("a refusal says why", async () => {
    const error = { error: { message: "Your request was rejected", code: "moderation_blocked" } };
    await using vendor = await startVendor({ status: 400, headers: json, body: [JSON.stringify(error)] });
    await using provider = buildOn(vendor);
    const run = await runToEnd(provider.images.stream(imageRequest(), never));
    expect(run.error).toMatchObject({ code: "invalid_argument", reason: "content_blocked" });
  });
});

describe("what is changed", () => {
  const images = [
    { data: png(1), mimeType: "image/png" },
    { data: png(2), mimeType: "image/webp", filename: 'b"\r\n.webp' },
  ];

  test("several images and a mask, as OpenAI's own SDK sends them", async () => {
    await using vendor = await startUploadVendor(drawn);
    await using provider = buildOn(vendor);
    const request = imageRequest({
      model: "gpt-image-1.5",
      prompt: "With a hat",
      images,
      mask: { data: png(9), mimeType: "image/png" },
      config: { inputFidelity: "high", count: 2 },
    });
    const { events } = await runToEnd(provider.images.stream(request, never));
    expect(marksOf(events)).toEqual([1]);
    const sdk = new OpenAI({ apiKey: "key-1234", baseURL: `${vendor.url}/v1`, maxRetries: 0 });
    await sdk.images.edit({
      model: "gpt-image-1.5",
      prompt: "With a hat",
      image: [
        await toFile(png(1), "image-1.png", { type: "image/png" }),
        await toFile(png(2), 'b"\r\n.webp', { type: "image/webp" }),
      ],
      mask: await toFile(png(9), "mask.png", { type: "image/png" }),
      input_fidelity: "high",
      n: 2,
    });
    const [ours, theirs] = await Promise.all(vendor.uploads.map(partsOf));
    expect(vendor.uploads[0]?.path).toBe("/v1/images/edits");
    expect(ours).toEqual(theirs);
    expect(ours).toContainEqual(["image[]", "image/webp", base64(png(2))]);
  });

  test("a single image is no list", async () => {
    await using vendor = await startUploadVendor(drawn);
    await using provider = buildOn(vendor);
    await runToEnd(provider.images.stream(imageRequest({ images: images.slice(0, 1) }), never));
    expect(vendor.uploads[0]?.fields.map(([name]) => name)).toEqual(["model", "prompt", "image"]);
  });

  test("an address is refused: the API takes files", async () => {
    const image = { uri: "https://example.com/cat.png", mimeType: "" };
    const { error, call } = await make({ images: [image] });
    expect(error).toMatchObject({ code: "failed_precondition", message: expect.stringMatching(/^images\[0\]\.uri: /) });
    expect(call).toBeUndefined();
  });
});

async function partsOf({ raw, headers }: { readonly raw: Buffer; readonly headers: object }) {
  const type = { "content-type": String((headers as Record<string, unknown>)["content-type"]) };
  const form = await new Response(new Uint8Array(raw), { headers: type }).formData();
  const parts = [...form].map(async ([name, value]) =>
    typeof value === "string" ? [name, value] : [name, value.type, base64(await value.bytes())],
  );
  return (await Promise.all(parts)).toSorted((a, b) => String(a).localeCompare(String(b)));
}

describe("streams", () => {
  const format = { output_format: "png", size: "1024x1024", quality: "high", background: "opaque", created_at: 1 };
  const partial = (type: string, index: number) =>
    imageEvent(`${type}.partial_image`, { ...format, b64_json: base64(png(index)), partial_image_index: index });
  const completed = (type: string, mark: number) =>
    imageEvent(`${type}.completed`, { ...format, b64_json: base64(png(mark)), usage });
  const whole = [partial("image_generation", 0), partial("image_generation", 1), completed("image_generation", 7)];
  const ask = (vendor: VendorServer, over: Parameters<typeof imageRequest>[0] = {}) => {
    const provider = buildOn(vendor);
    const request = imageRequest({ stream: true, ...over });
    return { provider, stream: (signal = never) => provider.images.stream(request, signal) };
  };

  test("partial images and the image", async () => {
    await using vendor = await startVendor({ body: whole });
    const { provider, stream } = ask(vendor, { config: { partialImages: 2 } });
    await using _ = provider;
    const { events } = await runToEnd(stream());
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toMatchObject({ stream: true, partial_images: 2 });
    expect(events.slice(1)).toEqual([
      { type: "partial-image", partialIndex: 0, image: { data: Buffer.from(png(0)), mimeType: "image/png" } },
      { type: "partial-image", partialIndex: 1, image: { data: Buffer.from(png(1)), mimeType: "image/png" } },
      { type: "image", image: { data: Buffer.from(png(7)), mimeType: "image/png", size: "1024x1024" } },
      { type: "finished", usage: { inputTokens: 12, outputTokens: 272, outputImages: 1, providerUsage: usage } },
    ]);
  });

  test("OpenAI's own SDK reads the same", async () => {
    await using vendor = await startVendor({ body: whole });
    const sdk = new OpenAI({ apiKey: "key-1234", baseURL: `${vendor.url}/v1`, maxRetries: 0 });
    const stream = await sdk.images.generate({ model: "gpt-image-2", prompt: "A cat", stream: true });
    const theirs = (await Array.fromAsync(stream)).map(({ b64_json }) => b64_json);
    const { provider, stream: ours } = ask(vendor);
    await using _ = provider;
    const { events } = await runToEnd(ours());
    expect(events.flatMap((event) => ("image" in event ? [base64(event.image.data)] : []))).toEqual(theirs);
  });

  test("edits have events of their own name, and each image its cost", async () => {
    await using vendor = await startVendor({ body: [completed("image_edit", 1), completed("image_edit", 2)] });
    const images = [{ data: png(1), mimeType: "image/png" }];
    const { provider, stream } = ask(vendor, { images, config: { count: 2 } });
    await using _ = provider;
    const { events } = await runToEnd(stream());
    expect(vendor.calls[0]?.body).toContain('name="stream"\r\n\r\ntrue');
    expect(marksOf(events)).toEqual([1, 2]);
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 24, outputTokens: 544, outputImages: 2 } });
  });

  test("more partial images than there can be are fewer, and told", async () => {
    await using vendor = await startVendor({ body: whole });
    const { provider, stream } = ask(vendor, { config: { partialImages: 9 } });
    await using _ = provider;
    expect(warningsOf((await runToEnd(stream())).events)).toEqual(["option-clamped config.partialImages"]);
    expect(JSON.parse(vendor.calls[0]?.body ?? "").partial_images).toBe(3);
  });

  test("a form that cannot be streamed comes whole", async () => {
    const svg = Buffer.from('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>');
    const value = { ...answer({ b64_json: base64(svg) }), output_format: "svg" };
    await using vendor = await startVendor({ headers: json, body: [JSON.stringify(value)] });
    const { provider, stream } = ask(vendor, { config: { mimeType: "image/svg+xml" } });
    await using _ = provider;
    const { events } = await runToEnd(stream());
    expect(JSON.parse(vendor.calls[0]?.body ?? "")).toEqual({
      model: "gpt-image-2",
      prompt: "A cat",
      output_format: "svg",
    });
    expect(events[1]).toMatchObject({ image: { mimeType: "image/svg+xml" } });
  });

  test("cut at every byte it never ends as if it were whole", async () => {
    const bytes = Buffer.from(whole.join(""));
    let cut = 0;
    await using vendor = await startVendor();
    vendor.answerWith(() => ({ body: [bytes.subarray(0, cut)] }));
    const { provider, stream } = ask(vendor);
    await using _ = provider;
    // Without its last newlines the last event is whole all the same.
    for (cut = 0; cut < bytes.length - 2; cut++) {
      const { events, error } = await runToEnd(stream());
      expect(typesOf(events), `cut at ${cut}`).not.toContain("finished");
      expect(error, `cut at ${cut}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    }
  });

  test("fewer images than were asked for are a broken stream", async () => {
    await using vendor = await startVendor({ body: [completed("image_generation", 1)] });
    const { provider, stream } = ask(vendor, { config: { count: 2 } });
    await using _ = provider;
    const { events, error } = await runToEnd(stream());
    expect(marksOf(events)).toEqual([1]);
    expect(error).toMatchObject({ reason: "stream_broken" });
  });

  test("an error inside the stream", async () => {
    const failed = imageEvent("error", { error: { code: "rate_limit_exceeded", message: "Slow down" } });
    await using vendor = await startVendor({ body: [whole[0] ?? "", failed] });
    const { provider, stream } = ask(vendor);
    await using _ = provider;
    const { events, error } = await runToEnd(stream());
    expect(typesOf(events)).toEqual(["response", "partial-image"]);
    expect(error).toMatchObject({ code: "resource_exhausted", reason: "rate_limited" });
  });

  test("cancelling before the answer closes the socket", async () => {
    await using vendor = await startVendor({ ending: "hang" });
    const { provider, stream } = ask(vendor);
    await using _ = provider;
    const abort = new AbortController();
    const next = vendor.nextCall();
    const work = runToEnd(stream(abort.signal));
    const call = await next;
    abort.abort(cancelled());
    expect(await work).toMatchObject({ error: { code: "canceled" } });
    expect(await call.closed).toMatchObject({ complete: false });
  });

  test("cancelling in the midst of it closes the socket", async () => {
    await using vendor = await startVendor({ body: whole.slice(0, 1), ending: "hang" });
    const { provider, stream } = ask(vendor);
    await using _ = provider;
    const abort = new AbortController();
    const iterator = stream(abort.signal)[Symbol.asyncIterator]();
    await readUntil(iterator, ({ type }) => type === "partial-image");
    const pending = iterator.next();
    abort.abort(cancelled());
    await expect(pending).rejects.toMatchObject({ code: "canceled" });
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });
});
