import { describe, expect, test } from "vitest";
import { openaiCompatible } from "../../../src/providers/openai-compatible/index.ts";
import { startVendor, type VendorAnswer, type VendorServer } from "../../support/vendor-server.ts";
import { base64, imageRequest, marksOf, png, warningsOf } from "../images-driving.ts";
import { build, never, runToEnd, typesOf } from "../speech-driving.ts";

const json = { "content-type": "application/json" };
const answerOf = (...data: readonly object[]): VendorAnswer => ({
  headers: json,
  body: [JSON.stringify({ created: 1, data })],
});

/** Answers calls with this, and the addresses below `/files` with those. */
function serve(vendor: VendorServer, answer: VendorAnswer, files: Readonly<Record<string, VendorAnswer>> = {}) {
  vendor.answerWith(({ path }) => files[path] ?? answer);
}

async function make(
  vendor: VendorServer,
  request: Parameters<typeof imageRequest>[0] = {},
  settings: { readonly dialect?: string } = {},
) {
  await using provider = build(openaiCompatible, { baseUrl: `${vendor.url}/v1`, settings: { ...settings } });
  return await runToEnd(provider.images.stream(imageRequest({ model: "flux", ...request }), never));
}

const bodyOf = (vendor: VendorServer) => JSON.parse(vendor.calls[0]?.body ?? "") as Record<string, unknown>;

describe("servers that have /images/generations", () => {
  test("are asked for the image itself, in the caller's words", async () => {
    await using vendor = await startVendor(answerOf({ b64_json: base64(png(1)), revised_prompt: "A tabby cat" }));
    const config = { size: "800x600", quality: "hd", style: "vivid", background: "opaque" } as const;
    const { events } = await make(vendor, { config, userId: "u", options: { steps: 20 } });
    expect(vendor.calls[0]?.path).toBe("/v1/images/generations");
    expect(bodyOf(vendor)).toEqual({
      model: "flux",
      prompt: "A cat",
      size: "800x600",
      quality: "hd",
      style: "vivid",
      background: "opaque",
      response_format: "b64_json",
      user: "u",
      steps: 20,
    });
    expect(events[1]).toMatchObject({ image: { mimeType: "image/png", revisedPrompt: "A tabby cat" } });
    expect(events[2]).toEqual({ type: "finished", usage: { outputImages: 1 } });
  });

  test("a stream is a whole answer, one image after the other", async () => {
    await using vendor = await startVendor(answerOf({ b64_json: base64(png(1)) }, { b64_json: base64(png(2)) }));
    const { events } = await make(vendor, { stream: true, config: { count: 2, partialImages: 2 } });
    expect(bodyOf(vendor)).not.toHaveProperty("stream");
    expect(typesOf(events)).toEqual(["response", "image", "image", "finished"]);
    expect(warningsOf(events)).toEqual(["option-clamped config.partialImages"]);
  });

  test("a proportion cannot be told: they take pixels", async () => {
    await using vendor = await startVendor(answerOf());
    const { error } = await make(vendor, { config: { size: "16:9" } });
    expect(error).toMatchObject({ code: "failed_precondition" });
    expect(error?.message).toMatch(/sizes in pixels, such as 1024x1024/);
  });

  test("OpenAI's models behind another address are known by their names", async () => {
    await using vendor = await startVendor(answerOf({ b64_json: base64(png(1)) }));
    await make(vendor, { model: "openai/gpt-image-1.5", config: { quality: "max" } });
    expect(bodyOf(vendor)).toEqual({ model: "openai/gpt-image-1.5", prompt: "A cat", quality: "high" });
  });

  test("Azure's deployments", async () => {
    await using vendor = await startVendor(answerOf({ b64_json: base64(png(1)) }));
    await using provider = build(openaiCompatible, { baseUrl: vendor.url, settings: { dialect: "azure" } });
    await runToEnd(provider.images.stream(imageRequest({ model: "pictures" }), never));
    expect(vendor.calls[0]?.path).toBe("/openai/deployments/pictures/images/generations?api-version=2024-10-21");
    expect(bodyOf(vendor)).not.toHaveProperty("response_format");
  });

  test.each([
    [[0xff, 0xd8, 0xff, 0xe0], "image/jpeg"],
    [[...Buffer.from("RIFF....WEBPVP8 ")], "image/webp"],
    [[...Buffer.from("GIF89a")], "image/gif"],
    [[1, 2, 3], "image/png"],
  ])("the first bytes tell the type: %j is %s", async (bytes, mimeType) => {
    await using vendor = await startVendor(answerOf({ b64_json: base64(Uint8Array.from(bytes)) }));
    const { events } = await make(vendor);
    expect(events[1]).toMatchObject({ image: { mimeType } });
  });

  test("an error in place of images, after 200", async () => {
    const error = { error: { message: "Out of credit", code: "insufficient_quota" } };
    await using vendor = await startVendor({ headers: json, body: [JSON.stringify(error)] });
    expect((await make(vendor)).error).toMatchObject({ code: "resource_exhausted", reason: "quota_exhausted" });
  });
});

describe("images that are named by their address", () => {
  const image = { headers: { "content-type": "image/png" }, body: [png(5)] };

  test("are fetched, without the key", async () => {
    await using vendor = await startVendor();
    serve(vendor, answerOf({ url: `${vendor.url}/files/a.png?sig=1` }), { "/files/a.png?sig=1": image });
    const { events } = await make(vendor);
    expect(marksOf(events)).toEqual([5]);
    expect(vendor.calls[1]).toMatchObject({ method: "GET", path: "/files/a.png?sig=1" });
    expect(vendor.calls[1]?.headers).not.toHaveProperty("authorization");
  });

  test("a data: URL is read", async () => {
    await using vendor = await startVendor(answerOf({ url: `data:image/png;base64,${base64(png(3))}` }));
    expect(marksOf((await make(vendor)).events)).toEqual([3]);
  });

  test("another host inside the network is never called", async () => {
    await using inner = await startVendor(image);
    await using vendor = await startVendor(answerOf({ url: `${inner.url}/secret` }));
    const { error } = await make(vendor);
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
    expect(error?.message).toContain("does not call");
    expect(inner.calls).toEqual([]);
  });

  test("one that is gone fails the target", async () => {
    await using vendor = await startVendor();
    serve(vendor, answerOf({ url: `${vendor.url}/files/a.png` }), {
      "/files/a.png": { status: 404, headers: { "content-type": "image/png" } },
    });
    expect((await make(vendor)).error?.message).toMatch(/answered 404/);
  });
});
