import type { JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { notInstalled } from "../providers/local/engine.ts";
import { startFakeRealtime } from "../support/fake-openai-realtime.ts";
import { describeWith } from "../support/foreign-tools.ts";
import { type Gateway, localEngineFolder, startGateway } from "../support/gateway.ts";
import { createGrpcClient, failureOf, type GrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { expectHeard, namesOf } from "../support/heard.ts";
import { callJson, createProvider } from "../support/json-call.ts";
import { startVendor, type VendorServer } from "../support/vendor-server.ts";
import { framesOf, voiceClients } from "../support/voice-clients.ts";

let gateway: Gateway;
let client: GrpcClient;
/** Counts its calls: what is refused must not have been paid for. */
let vendor: VendorServer;

beforeAll(async () => {
  gateway = await startGateway({ env: { LIVELLM_LOCAL_ENGINE: localEngineFolder, LIVELLM_IDLE_TIMEOUT_MS: "1500" } });
  client = createGrpcClient(gateway.url);
  vendor = await startVendor({ headers: { "content-type": "application/json" }, body: ['{"text":"heard"}'] });
  await createProvider(gateway.url, { id: "paid", kind: "openai", apiKey: "sk-test", baseUrl: `${vendor.url}/v1` });
});
afterAll(async () => {
  client[Symbol.dispose]();
  await vendor[Symbol.asyncDispose]();
  await gateway.stop();
});

const paid = (model: string) => ({ targets: [{ provider: "paid", model }] });
const webm = Buffer.concat([Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.alloc(60, 1)]);
const ogg = Buffer.concat([Buffer.from("OggS"), Buffer.alloc(60, 1)]);
const mp3 = Buffer.concat([Buffer.from("ID3"), Buffer.alloc(60, 1)]);

/** What is wrong, by its fields. */
function fieldsOf({ details }: JsonObject): readonly unknown[] {
  const [detail] = (details ?? []) as {
    readonly debug?: { readonly fieldViolations?: readonly { field: string }[] };
  }[];
  return (detail?.debug?.fieldViolations ?? []).map(({ field }) => field);
}

describe("what cannot be spoken or heard is refused before anyone is paid", () => {
  const pcm = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
  const speak = (changes: object) => ({ route: paid("gpt-4o-mini-tts"), text: "Hello.", ...changes });
  const transcribe = (changes: object) => ({ route: paid("whisper-1"), format: pcm, ...changes });
  const data = (bytes: Uint8Array) => ({
    audio: { data: Buffer.from(bytes).toString("base64"), mimeType: "audio/pcm" },
  });

  const refused: readonly (readonly [what: string, method: string, request: object, field: RegExp])[] = [
    ["a text of spaces", "Speak", speak({ text: "  \n " }), /^text$/],
    ["a text that is not there", "Speak", speak({ text: undefined }), /^text$/],
    [
      "a rate of 4,000 Hz",
      "Speak",
      speak({ config: { format: { mimeType: "audio/pcm", sampleRateHertz: 4000 } } }),
      /sampleRateHertz/,
    ],
    ["three channels", "Speak", speak({ config: { format: { ...pcm, channelCount: 3 } } }), /channelCount/],
    ["a form that is no audio", "Speak", speak({ config: { format: { mimeType: "video/mp4" } } }), /mimeType/],
    ["no recording", "Transcribe", transcribe({}), /^audio/],
    ["an empty recording", "Transcribe", transcribe(data(Buffer.alloc(0))), /^audio/],
    [
      "samples without their rate",
      "Transcribe",
      { ...transcribe(data(Buffer.alloc(640))), format: undefined },
      /format|mimeType/,
    ],
    ["WebM that is said to be samples", "Transcribe", transcribe(data(webm)), /^audio/],
    ["Ogg that is said to be samples", "Transcribe", transcribe(data(ogg)), /^audio/],
    ["MP3 that is said to be samples", "Transcribe", transcribe(data(mp3)), /^audio/],
    [
      "base64 that is none",
      "Transcribe",
      transcribe({ audio: { data: "no*base64!", mimeType: "audio/pcm" } }),
      /^audio/,
    ],
  ];

  test.each(refused)("%s", async (_, method, request, field) => {
    const before = vendor.calls.length;
    const { status, body } = await callJson(gateway.url, `AudioService/${method}`, request);
    expect([status, body.code]).toEqual([400, "invalid_argument"]);
    expect(fieldsOf(body)).toContainEqual(expect.stringMatching(field));
    expect(vendor.calls.length).toBe(before);
  });

  test("a form that nobody makes, which another target might", async () => {
    const before = vendor.calls.length;
    const request = speak({ config: { format: { mimeType: "audio/amr" } } });
    const { status, body } = await callJson(gateway.url, "AudioService/Speak", request);
    expect([status, body.code]).toEqual([400, "failed_precondition"]);
    expect(body.message).toContain("audio/amr");
    expect(vendor.calls.length).toBe(before);
  });

  test("a recording that is right is sent on", async () => {
    const before = vendor.calls.length;
    const { body } = await callJson(gateway.url, "AudioService/Transcribe", transcribe(data(Buffer.alloc(640))));
    expect(body).toMatchObject({ text: "heard" });
    expect(vendor.calls.length).toBe(before + 1);
  });

  test("a voice that there is not, with those that there are", async () => {
    const route = { targets: [{ provider: "local", model: "flite", voice: "nobody" }] };
    const { status, body } = await callJson(gateway.url, "AudioService/Speak", { route, text: "Hello." });
    expect(status).toBe(400);
    expect(body.message).toMatch(/nobody[\s\S]*slt/);
  });

  const files = [
    ["WebM or Matroska", webm],
    ["Ogg", ogg],
    ["MP3", mp3],
  ] as const;
  test.each(files)("%s sent live as samples, by its name", async (name, bytes) => {
    await using realtime = await startFakeRealtime();
    const id = `live-${name.slice(0, 3).toLowerCase()}`;
    await createProvider(gateway.url, { id, kind: "openai", apiKey: "sk-test", baseUrl: `${realtime.url}/v1` });
    const call = client.duplex("TranscriptionService/TranscribeStream");
    call.write({ start: { route: { targets: [{ provider: id, model: "gpt-4o-transcribe" }] }, format: pcm } });
    call.write({ audio: { data: bytes } });
    const failure = await failureOf(Array.fromAsync(call as AsyncIterable<LoadedMessage>));
    expect(failure).toMatchObject({ code: 3, detail: { reason: "REASON_INVALID_REQUEST" } });
    expect(failure.message).toContain(name);
    const sent = realtime.sessions.flatMap(({ received }) => received).map(({ type }) => type);
    expect(sent).not.toContain("input_audio_buffer.append");
  });

  test.each([
    ["a rate of none", { mimeType: "audio/pcm" }],
    ["a form with a header", { mimeType: "audio/webm", sampleRateHertz: 48_000 }],
  ])("a session with %s", async (_, format) => {
    const call = client.duplex("TranscriptionService/TranscribeStream");
    call.write({ start: { route: paid("gpt-4o-transcribe"), format } });
    call.end();
    const failure = await failureOf(Array.fromAsync(call as AsyncIterable<LoadedMessage>));
    expect(failure.code).toBe(3);
    expect(JSON.stringify(failure.detail)).toContain("start.format");
  });

  test("a session that does not begin with its start", async () => {
    const call = client.duplex("TranscriptionService/TranscribeStream");
    call.write({ audio: { data: Buffer.alloc(320) } });
    const failure = await failureOf(Array.fromAsync(call as AsyncIterable<LoadedMessage>));
    expect(failure.code).toBe(3);
    expect(failure.message).toContain("start");
  });
});

describeWith({ program: "the local engine", missing: notInstalled }, "live audio", () => {
  const sentence = "The weather in the mountains was cold and very windy.";
  const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
  const start = { route: { targets: [{ provider: "local", model: "moonshine-base" }] }, format };
  const [grpcJs] = voiceClients;

  async function spoken(): Promise<Uint8Array> {
    const route = { targets: [{ provider: "local", model: "flite", voice: "rms" }] };
    const { audio } = await client.unary("AudioService/Speak", { route, text: sentence, config: { format } });
    return audio as Buffer;
  }

  test("cut at odd bytes is heard as if it were whole", async () => {
    const events = await grpcJs?.transcribe(gateway.url, start, framesOf(await spoken(), 333));
    expectHeard(events ?? [], sentence);
  });

  test("that stops without an end is ended after the idle time, with its last words", async () => {
    const call = client.duplex("TranscriptionService/TranscribeStream");
    call.write({ start });
    for (const data of framesOf(await spoken(), 640)) call.write({ audio: { data } });
    const events = await Array.fromAsync(call as AsyncIterable<LoadedMessage>, ({ event, ...fields }) => ({
      [String(event)]: fields[String(event)],
    }));
    expectHeard(events as unknown as readonly JsonObject[], sentence);
    expect(namesOf(events as unknown as readonly JsonObject[])).toContain("warning");
    expect(JSON.stringify(events)).toContain("session-idle");
  });

  test("of nothing at all is a session that heard nothing", async () => {
    const events = (await grpcJs?.transcribe(gateway.url, start, [])) ?? [];
    expect(namesOf(events)).toEqual(["started", "finished"]);
  });
});
