import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { SpeechEvent, SpeechRequest } from "../../../src/core/speech.ts";
import { openai } from "../../../src/providers/openai/index.ts";
import { openaiCompatible } from "../../../src/providers/openai-compatible/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { build, format, never, readUntil, runToEnd, speechRequest, typesOf } from "../speech-driving.ts";

const audio = Buffer.from(Uint8Array.from({ length: 1_000 }, (_, i) => i * 7));
const headers = { "content-type": "audio/pcm", "x-request-id": "req_v" };
const buildOn = (vendor: VendorServer, settings = {}) =>
  build(openaiCompatible, { baseUrl: `${vendor.url}/v1`, settings });
const openaiOn = (vendor: VendorServer) => build(openai, { baseUrl: `${vendor.url}/v1` });
const bodyOf = (vendor: VendorServer) => JSON.parse(vendor.calls.at(-1)?.body ?? "null");

function audioOf(events: readonly SpeechEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.type === "audio" ? [event.data] : [])));
}

describe("what is sent", () => {
  test("to a server that we know nothing of: no more than what was asked", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(provider.speech.stream(speechRequest({ model: "kokoro" }), never));
    expect(vendor.calls[0]).toMatchObject({
      method: "POST",
      path: "/v1/audio/speech",
      headers: { authorization: "Bearer key-1234", "content-type": "application/json" },
    });
    expect(bodyOf(vendor)).toEqual({ model: "kokoro", input: "Grüezi, wie gaht's? 👋", response_format: "pcm" });
    expect(events).toEqual([
      { type: "response", model: "kokoro", requestId: "req_v", format: format("audio/pcm", 24_000), warnings: [] },
      { type: "audio", data: audio },
      { type: "finished", usage: { inputCharacters: 21, estimated: true } },
    ]);
  });

  test("to OpenAI: what its own SDK would send", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = openaiOn(vendor);
    const request = speechRequest({
      voice: "voice_1",
      instructions: "Calm.",
      speed: 1.25,
      options: { stream_format: "audio" },
    });
    const { error } = await runToEnd(provider.speech.stream({ ...request, options: {} }, never));
    expect(error).toBeUndefined();
    const sdk = new OpenAI({ apiKey: "key-1234", baseURL: `${vendor.url}/v1`, maxRetries: 0 });
    await sdk.audio.speech.create({
      model: "gpt-4o-mini-tts",
      input: request.text,
      voice: { id: "voice_1" },
      response_format: "pcm",
      instructions: "Calm.",
      speed: 1.25,
    });
    const [ours, theirs] = vendor.calls;
    expect(JSON.parse(ours?.body ?? "")).toEqual(JSON.parse(theirs?.body ?? "null"));
    expect(ours?.path).toBe(theirs?.path);
    const { error: reserved } = await runToEnd(provider.speech.stream(request, never));
    expect(reserved).toMatchObject({ reason: "invalid_request" });
  });

  test("a voice of one's own choice when none is named; no instructions to tts-1", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = openaiOn(vendor);
    const asked = { model: "tts-1-hd", instructions: "Calm.", languageCode: "de", wordTimings: true };
    const { events } = await runToEnd(provider.speech.stream(speechRequest(asked), never));
    expect(bodyOf(vendor)).toEqual({
      model: "tts-1-hd",
      input: speechRequest().text,
      voice: "alloy",
      response_format: "pcm",
    });
    expect(events[0]).toMatchObject({
      warnings: [
        { code: "option-ignored", field: "config.instructions" },
        { code: "option-ignored", field: "config.languageCode" },
        { code: "option-ignored", field: "config.wordTimings" },
      ],
    });
  });

  test.each([
    ["audio/mpeg", "mp3"],
    ["audio/ogg", "opus"],
    ["audio/aac", "aac"],
    ["audio/flac", "flac"],
    ["audio/wav", "wav"],
  ])("%s is %s", async (mimeType, word) => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor);
    await runToEnd(provider.speech.stream(speechRequest({ format: format(mimeType, 0) }), never));
    expect(bodyOf(vendor).response_format).toBe(word);
  });

  test("Groq: rates, µ-law, and no instructions", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor, { dialect: "groq" });
    const speak = async (over: Partial<SpeechRequest>) => {
      await runToEnd(provider.speech.stream(speechRequest({ model: "orpheus", voice: "troy", ...over }), never));
      const { model: _, input: __, ...rest } = bodyOf(vendor);
      return rest;
    };
    expect(await speak({ format: format("audio/wav", 0), instructions: "Calm." })).toEqual({
      voice: "troy",
      response_format: "wav",
    });
    expect(await speak({ format: format("audio/wav", 16_000) })).toEqual({
      voice: "troy",
      response_format: "wav",
      sample_rate: 16_000,
    });
    expect(await speak({ format: format("audio/ulaw", 8_000) })).toEqual({
      voice: "troy",
      response_format: "mulaw",
      sample_rate: 8_000,
    });
    expect(provider.speech.formats("orpheus")[0]).toEqual(format("audio/wav", 0));
  });

  test("Azure's deployments", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = build(openaiCompatible, { baseUrl: vendor.url, settings: { dialect: "azure" } });
    await runToEnd(provider.speech.stream(speechRequest({ model: "my tts" }), never));
    expect(vendor.calls[0]?.path).toBe("/openai/deployments/my%20tts/audio/speech?api-version=2024-10-21");
  });

  test("a text that is too long, and a form that is not made, never reach the vendor", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = openaiOn(vendor);
    const long = speechRequest({ text: "👋".repeat(4_097) });
    expect((await runToEnd(provider.speech.stream(long, never))).error).toMatchObject({
      code: "invalid_argument",
      reason: "context_too_long",
      message: "text: has 4097 characters, and the provider takes 4096: send it in pieces",
    });
    const other = speechRequest({ format: format("audio/pcm", 16_000) });
    expect((await runToEnd(provider.speech.stream(other, never))).error).toMatchObject({ reason: "unsupported" });
    expect(vendor.calls).toEqual([]);
    await runToEnd(provider.speech.stream(speechRequest({ text: "👋".repeat(4_096) }), never));
    expect(vendor.calls).toHaveLength(1);
  });

  test("voices", async () => {
    await using vendor = await startVendor();
    await using provider = openaiOn(vendor);
    const voices = await provider.speech.voices?.({ model: "tts-1", languageCode: "" }, never);
    expect(voices?.[0]).toMatchObject({ id: "alloy", displayName: "Alloy" });
    await using unknown = buildOn(vendor);
    expect(unknown.speech.voices).toBeUndefined();
  });
});

describe("what comes", () => {
  test("cut at every byte, it is the same audio", async () => {
    await using vendor = await startVendor();
    await using provider = buildOn(vendor);
    for (let at = 1; at < audio.length; at += 13) {
      vendor.answerWith({ headers, body: inTwo(audio, at) });
      const { events } = await runToEnd(provider.speech.stream(speechRequest(), never));
      expect(audioOf(events).equals(audio), `cut at ${at}`).toBe(true);
      expect(events.at(-1)?.type).toBe("finished");
    }
  });

  test.each(["close", "reset"] as const)("a %s in the middle is a broken stream", async (ending) => {
    await using vendor = await startVendor({ headers, body: [audio], ending });
    await using provider = buildOn(vendor);
    const { error, events } = await runToEnd(provider.speech.stream(speechRequest(), never));
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(typesOf(events)).not.toContain("finished");
  });

  test("shorter than announced is a broken stream", async () => {
    await using vendor = await startVendor({
      headers: { ...headers, "content-length": "2000" },
      body: [audio],
      ending: "close",
    });
    await using provider = buildOn(vendor);
    const { error } = await runToEnd(provider.speech.stream(speechRequest(), never));
    expect(error).toMatchObject({ reason: "stream_broken" });
  });

  test("no audio at all", async () => {
    await using vendor = await startVendor({ headers, body: [] });
    await using provider = buildOn(vendor);
    const { error } = await runToEnd(provider.speech.stream(speechRequest(), never));
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });

  test.each([
    ["application/json", '{"error":{"message":"out of voices","code":"rate_limit_exceeded"}}', "rate_limited"],
    ["application/json", '{"fine":true}', "bad_provider_response"],
    ["text/html", "<html>", "bad_provider_response"],
  ])("200 with %s", async (type, body, reason) => {
    await using vendor = await startVendor({ headers: { "content-type": type }, body: [body] });
    await using provider = buildOn(vendor);
    const { error, events } = await runToEnd(provider.speech.stream(speechRequest(), never));
    expect(error).toMatchObject({ reason });
    expect(events).toEqual([]);
  });

  test("a refusal is explained", async () => {
    const error = { error: { message: "Invalid voice", code: "invalid_value" } };
    await using vendor = await startVendor({ status: 400, body: [JSON.stringify(error)] });
    await using provider = buildOn(vendor);
    expect((await runToEnd(provider.speech.stream(speechRequest(), never))).error).toMatchObject({
      code: "invalid_argument",
      reason: "provider_rejected",
      facts: { httpStatus: 400, providerCode: "invalid_value" },
    });
  });

  test.each(["before the head", "in the body"])("cancelling %s closes the socket", async (phase) => {
    const reached = Promise.withResolvers<void>();
    async function* hanging() {
      if (phase === "in the body") yield audio;
      reached.resolve();
      await new Promise(() => undefined);
    }
    await using vendor = await startVendor({ headers, body: hanging() });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const reading = runToEnd(provider.speech.stream(speechRequest(), abort.signal));
    await reached.promise;
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect(await vendor.calls[0]?.closed).toMatchObject({ complete: false });
  });

  test("a reader that does not read stops the vendor", async () => {
    let made = 0;
    async function* endless() {
      for (;;) {
        made += 65_536;
        yield new Uint8Array(65_536);
      }
    }
    await using vendor = await startVendor({ headers, body: endless() });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const stream = provider.speech.stream(speechRequest(), abort.signal)[Symbol.asyncIterator]();
    await readUntil(stream, ({ type }) => type === "audio");
    for (let last = -1; last !== made; ) {
      last = made;
      await new Promise((resolve) => setTimeout(resolve, 100)); // time in which an unbounded reader would have gone on
    }
    expect(made).toBeLessThan(64 * 1024 * 1024);
    abort.abort(cancelled());
    await stream.next().catch(() => undefined);
  });
});

async function* inTwo(bytes: Buffer, at: number) {
  yield bytes.subarray(0, at);
  await new Promise((resolve) => setImmediate(resolve));
  yield bytes.subarray(at);
}
