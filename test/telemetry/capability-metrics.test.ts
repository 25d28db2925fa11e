import { renameSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AccessGateway, startAccessGateway } from "../access/access-gateway.ts";
import { base64, png } from "../providers/images-driving.ts";
import { startFakeAsr } from "../support/fake-asr.ts";
import { temporaryFolder } from "../support/gateway.ts";
import { createGrpcClient, type GrpcClient, type LoadedMessage } from "../support/grpc-client.ts";
import { startVendor } from "../support/vendor-server.ts";
import { scrape } from "./scrape.ts";

let gateway: AccessGateway;
let client: GrpcClient;

beforeAll(async () => {
  gateway = await startAccessGateway({});
  client = createGrpcClient(gateway.url);
});
afterAll(async () => {
  client[Symbol.dispose]();
  await gateway[Symbol.asyncDispose]();
});

const createProvider = (provider: object) => gateway.call("ProvidersService/CreateProvider", { provider });

/** A second of noise, 16-bit PCM at 16,000 Hz. */
const loud = Buffer.from(Int16Array.from({ length: 16_000 }, (_, i) => (i % 3 === 0 ? 12_000 : -12_000)).buffer);

async function session(method: string, inputs: readonly object[]): Promise<readonly LoadedMessage[]> {
  const stream = client.duplex(method);
  for (const input of inputs) stream.write(input);
  stream.end();
  return Array.fromAsync(stream as AsyncIterable<LoadedMessage>);
}

test("speech is counted in characters and in seconds of audio", async () => {
  const route = { targets: [{ provider: "local", model: "flite" }] };
  const { body } = await gateway.call("AudioService/Speak", { route, text: "One two three." });
  const { value } = await scrape(gateway.url);
  const labels = { gen_ai_operation_name: "speech", livellm_provider_id: "local" };
  expect(value("livellm_speech_characters_total", labels)).toBe(14);
  const heard = value("livellm_audio_duration_seconds_total", { ...labels, livellm_audio_direction: "output" });
  expect(heard * 1000).toBeCloseTo(Number(body.durationMs), -1);
});

test("images are counted", async () => {
  const body = [JSON.stringify({ data: [{ b64_json: base64(png(1)) }], usage: { input_tokens: 3, output_tokens: 5 } })];
  await using vendor = await startVendor({ headers: { "content-type": "application/json" }, body });
  await createProvider({ id: "painter", kind: "openai-compatible", baseUrl: vendor.url });
  const route = { targets: [{ provider: "painter", model: "brush" }] };
  expect((await gateway.call("ImagesService/GenerateImage", { route, prompt: "A cat" })).status).toBe(200);
  const { value } = await scrape(gateway.url);
  expect(value("livellm_images_total", { livellm_provider_id: "painter", gen_ai_request_model: "brush" })).toBe(1);
  expect(value("gen_ai_client_token_usage_sum", { gen_ai_operation_name: "generate_content" })).toBe(8);
});

test("a live transcription is a session, and what it heard is counted", async () => {
  await using asr = await startFakeAsr({ recognise: async () => "yes" });
  await createProvider({ id: "ear", kind: "livellm-asr", baseUrl: asr.url });
  const start = {
    route: { targets: [{ provider: "ear", model: "any" }] },
    format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 },
  };
  const events = await session("TranscriptionService/TranscribeStream", [{ start }, { audio: { data: loud } }]);
  expect(events.at(-1)?.event).toBe("finished");
  const { value } = await scrape(gateway.url);
  const labels = { gen_ai_operation_name: "live_transcription", livellm_provider_id: "ear" };
  expect(value("livellm_audio_duration_seconds_total", { ...labels, livellm_audio_direction: "input" })).toBe(1);
  expect(value("livellm_attempts_total", { ...labels, livellm_outcome: "answered" })).toBe(1);
  const method = { rpc_method: "livellm.v1.TranscriptionService/TranscribeStream" };
  expect(value("livellm_session_duration_seconds_count", method)).toBe(1);
  expect(value("livellm_calls_active", method)).toBe(0);
});

test("a conversation is a session, too", async () => {
  const start = { route: { targets: [{ provider: "local", model: "echo" }] } };
  const events = await session("LiveService/Converse", [{ start }, { text: { text: "Hello." } }]);
  expect(events.length).toBeGreaterThan(2);
  const { value } = await scrape(gateway.url);
  expect(value("livellm_attempts_total", { gen_ai_operation_name: "live" })).toBe(1);
  expect(value("livellm_session_duration_seconds_count", { rpc_method: "livellm.v1.LiveService/Converse" })).toBe(1);
});

test("a database that goes away is told, and that it is back", async () => {
  const file = path.join(temporaryFolder(), "livellm.db");
  const moved = path.join(path.dirname(file), "elsewhere.db");
  await using its = await startAccessGateway({ DATABASE_URL: `sqlite:${file}` });
  const available = async () => (await scrape(its.url)).value("livellm_store_available");
  expect(await available()).toBe(1);
  renameSync(file, moved);
  const provider = { kind: "openai-compatible", baseUrl: "http://127.0.0.1:9" };
  await its.call("ProvidersService/CreateProvider", { provider: { ...provider, id: "lost" } });
  expect(await available()).toBe(0);
  renameSync(moved, file);
  await its.call("ProvidersService/CreateProvider", { provider: { ...provider, id: "kept" } });
  expect(await available()).toBe(1);
});
