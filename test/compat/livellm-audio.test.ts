import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWith } from "../support/foreign-tools.ts";
import { startVendor } from "../support/vendor-server.ts";
import { type CompatGateway, startCompatGateway } from "./compat-gateway.ts";
import { answered, post } from "./http-call.ts";
import { localEngine } from "./local-engine.ts";
import { connectSocket } from "./socket-client.ts";

let gateway: CompatGateway;
const at = (path: string) => `${gateway.url}${path}`;
beforeAll(async () => {
  gateway = await startCompatGateway();
});
afterAll(() => gateway[Symbol.asyncDispose]());

const say = (more: object = {}) => ({
  provider_uid: "local",
  model: "flite",
  text: "Hello there, how are you today?",
  voice: "slt",
  mime_type: "audio/pcm",
  sample_rate: 24_000,
  ...more,
});

async function audio(path: string, body: object): Promise<{ readonly headers: Headers; readonly bytes: Buffer }> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(at(path), { method: "POST", headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
  return { headers: response.headers, bytes: Buffer.from(await response.arrayBuffer()) };
}

interface Piece {
  readonly status: string;
  readonly data: { readonly audio?: string; readonly content_type?: string; readonly sample_rate?: number };
}

describeWith(localEngine, "speech", () => {
  test.each([
    ["audio/pcm", 24_000, 2],
    ["audio/ulaw", 8_000, 1],
    ["audio/alaw", 16_000, 1],
  ])("as %s at %i: whole and streamed are as long as each other", async (mime_type, sample_rate, width) => {
    const [whole, streamed] = [
      await audio("/livellm/audio/speak", say({ mime_type, sample_rate })),
      await audio("/livellm/audio/speak_stream", say({ mime_type, sample_rate })),
    ];
    for (const { headers } of [whole, streamed]) {
      expect([headers.get("content-type"), headers.get("x-sample-rate")]).toEqual([mime_type, String(sample_rate)]);
    }
    expect(whole.headers.get("content-length")).toBe(String(whole.bytes.length));
    expect(streamed.bytes.length).toBe(whole.bytes.length);
    expect(whole.bytes.length / width / sample_rate).toBeGreaterThan(1);
  });

  test("as WAV, from the README's body too", async () => {
    for (const body of [
      say({ mime_type: "audio/wav", sample_rate: 16_000 }),
      say({ mime_type: null, sample_rate: null, output_format: "wav_16000" }),
    ]) {
      const { bytes } = await audio("/livellm/audio/speak", body);
      expect([bytes.toString("latin1", 0, 4), bytes.readUInt32LE(24)]).toEqual(["RIFF", 16_000]);
    }
  });

  test("comes in frames of the length that was asked for; the last may be shorter", async () => {
    await using client = await connectSocket<Piece>(at("/livellm/ws"));
    client.send({ session_id: "1", action: "audio_speak_stream", payload: say({ chunk_size: 40 }) });
    const pieces = (await client.until(({ status }) => status === "success")).slice(0, -1);
    const lengths = pieces.map(({ data }) => Buffer.from(data.audio ?? "", "base64").length);
    expect(new Set(lengths.slice(0, -1))).toEqual(new Set([(24_000 * 2 * 40) / 1000]));
    expect(pieces[0]?.data).toMatchObject({ content_type: "audio/pcm", sample_rate: 24_000 });
  });

  test("falls back to another voice of another provider", async () => {
    await using broken = await startVendor({ status: 500, body: ["{}"] });
    await post(at("/livellm/providers/config"), {
      uid: "broken",
      provider: "openai",
      api_key: "k",
      base_url: `${broken.url}/v1`,
    });
    const requests = [say({ provider_uid: "broken", model: "tts-1", voice: "alloy" }), say()];
    for (const path of ["/livellm/audio/speak", "/livellm/audio/speak_stream"]) {
      expect((await audio(path, { requests })).bytes.length).toBeGreaterThan(24_000);
    }
    expect(broken.calls.length).toBeGreaterThan(0);
  });

  test("that a model does not make is refused with a status, streamed too, in words that say what it makes", async () => {
    for (const path of ["/livellm/audio/speak", "/livellm/audio/speak_stream"]) {
      const { status, text } = await post(at(path), say({ mime_type: "audio/mpeg" }));
      expect([status, text]).toEqual([400, expect.stringContaining("audio/pcm")]);
    }
  });
});

test.each([
  [{ text: " \n" }, "value_error", "text"],
  [{ sample_rate: 7_999 }, "greater_than_equal", "sample_rate"],
  [{ sample_rate: "48001" }, "less_than_equal", "sample_rate"],
  [{ chunk_size: 0 }, "greater_than_equal", "chunk_size"],
  [{ mime_type: "audio/8track" }, "enum", "mime_type"],
  [{ mime_type: null }, "missing", "mime_type"],
  [{ mime_type: null, output_format: "8track" }, "value_error", "output_format"],
])("speech with %j is refused", async (more, type, field) => {
  const { status, text } = await post(at("/livellm/audio/speak"), say(more));
  expect(status).toBe(422);
  expect(JSON.parse(text)).toMatchObject({
    detail: [{ type, loc: ["body", "SpeakRequest", field] }, { type: "missing" }],
  });
});

test.each([
  ["a file of two parts", ["a.wav", "UklGRg=="], "value_error"],
  ["content that is not base64", ["a.wav", "not-valid-base64!!!", "audio/wav"], "value_error"],
])("a transcription of %s is refused", async (_, file, type) => {
  const { status, text } = await post(at("/livellm/audio/transcribe_json"), {
    provider_uid: "local",
    model: "moonshine-tiny",
    file,
  });
  expect([status, JSON.parse(text)]).toMatchObject([422, { detail: [{ type }, { type: "missing" }] }]);
});

const vendorConfig = async (uid: string, url: string) =>
  post(at("/livellm/providers/config"), { uid, provider: "openai", api_key: "k", base_url: `${url}/v1` });

test("a form for a config that is not there is refused as JSON is, in livellm's words", async () => {
  const body = new FormData();
  for (const [name, value] of [
    ["provider_uid", "nobody"],
    ["model", "whisper-1"],
  ] as const)
    body.set(name, value);
  body.set("file", new Blob([new Uint8Array(64)], { type: "audio/mpeg" }), "a.mp3");
  const { status, text } = await answered(at("/livellm/audio/transcribe"), { method: "POST", body });
  expect([status, text]).toEqual([400, expect.stringContaining("Provider config with uid 'nobody' not found")]);
});

test("transcriptions of one file are asked for in parallel, where that is wanted", async () => {
  await using silent = await startVendor({ ending: "hang" });
  await using quick = await startVendor({
    headers: { "content-type": "application/json" },
    body: ['{"text":"heard"}'],
  });
  await vendorConfig("silent", silent.url);
  await vendorConfig("quick", quick.url);
  const file = ["a.mp3", Buffer.from("ID3\x04 and more").toString("base64"), "audio/mpeg"];
  const requests = ["silent", "quick"].map((provider_uid) => ({ provider_uid, model: "whisper-1", file }));
  const answer = await post(at("/livellm/audio/transcribe_json"), { requests, strategy: "parallel" });
  expect([answer.status, JSON.parse(answer.text)]).toMatchObject([200, { text: "heard" }]);
  expect(silent.calls).toHaveLength(1);
});

test("a form without its fields is refused, with each of them", async () => {
  const body = new FormData();
  body.set("model", "moonshine-tiny");
  const { status, text } = await answered(at("/livellm/audio/transcribe"), { method: "POST", body });
  expect(status).toBe(422);
  expect((JSON.parse(text) as { detail: { loc: string[] }[] }).detail.map(({ loc }) => loc)).toEqual([
    ["body", "provider_uid"],
    ["body", "file"],
  ]);
});
