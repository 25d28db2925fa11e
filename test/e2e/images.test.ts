import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { base64, png } from "../providers/images-driving.ts";
import { curl, describeWith } from "../support/foreign-tools.ts";
import { type Gateway, startGateway } from "../support/gateway.ts";
import { createGrpcClient, type GrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { createProvider } from "../support/json-call.ts";
import { run } from "../support/process.ts";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";

const json = { "content-type": "application/json" };
const drawnByOpenAI = {
  data: [{ b64_json: base64(png(1)) }],
  usage: { input_tokens: 12, output_tokens: 272, total_tokens: 284 },
};
const drawnByGemini = {
  candidates: [
    { content: { parts: [{ inlineData: { mimeType: "image/png", data: base64(png(2)) } }] }, finishReason: "STOP" },
  ],
  usageMetadata: { promptTokenCount: 12, candidatesTokenCount: 272 },
};

/** By kind: the model, its answer, the mark of its image, and the paths it is called by. */
const vendors = [
  {
    kind: "openai",
    model: "gpt-image-2",
    answer: drawnByOpenAI,
    mark: 1,
    made: /\/images\/generations$/,
    edited: /\/images\/edits$/,
  },
  {
    kind: "openai-compatible",
    model: "any-image",
    answer: drawnByOpenAI,
    mark: 1,
    made: /\/images\/generations$/,
    edited: /\/images\/edits$/,
  },
  {
    kind: "google",
    model: "gemini-3-pro-image",
    answer: drawnByGemini,
    mark: 2,
    made: /:generateContent/,
    edited: /:generateContent/,
  },
] as const;

let gateway: Gateway;
let client: GrpcClient;

beforeAll(async () => {
  gateway = await startGateway();
  client = createGrpcClient(gateway.url);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await gateway.stop();
});

describe.each(vendors)("on $kind", ({ kind, model, answer, mark, made, edited }) => {
  let vendor: VendorServer;
  beforeAll(async () => {
    vendor = await startVendor({ headers: json, body: [JSON.stringify(answer)] });
    await createProvider(gateway.url, { id: `of-${kind}`, kind, apiKey: "key-1234", baseUrl: vendor.url });
  });
  afterAll(() => vendor[Symbol.asyncDispose]());

  const route = { targets: [{ provider: `of-${kind}`, model }] };
  const cat = { data: Buffer.from(png(9)), mimeType: "image/png" };
  const mediaOf = ({ images }: LoadedMessage) => (images as readonly LoadedMessage[])[0]?.media as LoadedMessage;

  test("an image is made, through gRPC", async () => {
    const answered = await client.unary("ImagesService/GenerateImage", { route, prompt: "A cat" });
    expect(mediaOf(answered)).toMatchObject({ mimeType: "image/png", data: Buffer.from(png(mark)) });
    expect(answered).toMatchObject({
      usage: { inputTokens: 12, outputTokens: 272, outputImages: 1 },
      routeResult: { providerKind: kind, attempts: [{ outcome: "OUTCOME_ANSWERED" }] },
    });
    expect(vendor.calls.at(-1)?.path).toMatch(made);
    expect(vendor.calls.at(-1)?.body).toContain("A cat");
  });

  test("an image is changed, through gRPC", async () => {
    const answered = await client.unary("ImagesService/EditImage", { route, prompt: "With a hat", images: [cat] });
    expect(mediaOf(answered).data).toEqual(Buffer.from(png(mark)));
    const call = vendor.calls.at(-1);
    expect(call?.path).toMatch(edited);
    expect(call?.body).toContain("With a hat");
    expect(call?.body.includes(base64(png(9))) || call?.body.includes("PNG")).toBe(true);
  });

  test("an image comes as a stream, through gRPC", async () => {
    await using streaming = await startVendor(streamed[kind]);
    await createProvider(gateway.url, { id: `stream-${kind}`, kind, apiKey: "key-1234", baseUrl: streaming.url });
    const stream = client.stream("ImagesService/GenerateImageStream", {
      route: { targets: [{ provider: `stream-${kind}`, model }] },
      prompt: "A cat",
    });
    const events = await Array.fromAsync(stream as AsyncIterable<LoadedMessage>);
    expect(events.map(({ event }) => event).filter((name) => name !== "heartbeat")).toEqual([
      "started",
      "image",
      "finished",
    ]);
  });

  describeWith(curl, "with curl", () => {
    const call = async (method: string, request: object) => {
      const url = `${gateway.url}/livellm.v1.ImagesService/${method}`;
      const args = ["-sS", "-H", "content-type: application/json", "-d", "@-", url];
      return JSON.parse((await run("curl", args, { input: JSON.stringify(request) })).stdout);
    };

    test("an image is made and changed", async () => {
      const first = await call("GenerateImage", { route, prompt: "A cat" });
      expect(first.images).toMatchObject([{ media: { mimeType: "image/png", data: base64(png(mark)) } }]);
      const second = await call("EditImage", { route, prompt: "With a hat", images: [first.images[0].media] });
      expect(second.images).toMatchObject([{ media: { data: base64(png(mark)) } }]);
      expect(vendor.calls.at(-1)?.path).toMatch(edited);
    });

    test("no image to change is refused before the vendor is called", async () => {
      const before = vendor.calls.length;
      const { code, details } = await call("EditImage", { route, prompt: "With a hat" });
      expect(code).toBe("invalid_argument");
      expect(JSON.stringify(details)).toContain('"field":"images"');
      expect(vendor.calls.length).toBe(before);
    });
  });
});

const imageCompleted = `event: image_generation.completed\ndata: ${JSON.stringify({
  type: "image_generation.completed",
  b64_json: base64(png(1)),
  output_format: "png",
  size: "1024x1024",
  usage: drawnByOpenAI.usage,
})}\n\n`;

/** What each kind answers to a stream; servers that only speak OpenAI's protocol are not asked for one. */
const streamed = {
  openai: { body: [imageCompleted] },
  "openai-compatible": { headers: json, body: [JSON.stringify(drawnByOpenAI)] },
  google: { body: [`data: ${JSON.stringify(drawnByGemini)}\n\n`] },
};
