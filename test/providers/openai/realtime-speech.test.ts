import { alaw, mulaw } from "alawmulaw";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { SpeechEvent } from "../../../src/core/speech.ts";
import { openai } from "../../../src/providers/openai/index.ts";
import { startFakeRealtime } from "../../support/fake-openai-realtime.ts";
import { type FakeServer, type FakeSession, type Message, toBytes } from "../../support/fake-sessions.ts";
import { build, format, never, readUntil, runToEnd, speechRequest, tone, typesOf } from "../speech-driving.ts";

const buildOn = (vendor: FakeServer, settings = {}) => build(openai, { baseUrl: `${vendor.url}/v1`, settings });
const request = (over = {}) => speechRequest({ model: "gpt-realtime-2.1-mini", voice: "marin", ...over });
const voice = tone(500, 24_000);
const speak = async () => voice;

function audioOf(events: readonly SpeechEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.type === "audio" ? [event.data] : [])));
}

describe("speech of a Realtime session", () => {
  test("a session that only speaks, and one response outside of its conversation", async () => {
    await using vendor = await startFakeRealtime({ speak, apiKey: "key-1234" });
    await using provider = buildOn(vendor);
    const asked = request({ instructions: "Cheerful.", languageCode: "de-CH", options: { max_output_tokens: "inf" } });
    const { events, error } = await runToEnd(provider.speech.stream(asked, never));
    expect(error).toBeUndefined();
    expect(audioOf(events)).toEqual(toBytes(voice));
    expect(events[0]).toEqual({
      type: "response",
      model: "gpt-realtime-2.1-mini",
      requestId: "sess_1",
      format: format("audio/pcm", 24_000),
      warnings: [],
    });
    expect(events.at(-1)).toMatchObject({
      type: "finished",
      usage: { inputTokens: 20, outputTokens: 50, cachedInputTokens: 4, inputAudioTokens: 0, outputAudioTokens: 40 },
    });
    const [session] = vendor.sessions;
    expect(session?.url.search).toBe("?model=gpt-realtime-2.1-mini");
    const [update, create, ...more] = session?.received ?? [];
    expect(update).toMatchObject({
      type: "session.update",
      session: {
        type: "realtime",
        output_modalities: ["audio"],
        max_output_tokens: "inf",
        audio: {
          input: { turn_detection: null },
          output: { format: { type: "audio/pcm", rate: 24_000 }, voice: "marin" },
        },
      },
    });
    const { instructions } = Object(update?.session);
    expect(instructions).toContain("exactly as it is written");
    expect(instructions).toContain("Its language is de-CH.");
    expect(instructions).toContain("How to read it: Cheerful.");
    expect(create).toEqual({
      type: "response.create",
      response: {
        conversation: "none",
        input: [{ type: "message", role: "user", content: [{ type: "input_text", text: asked.text }] }],
      },
    });
    expect(more).toEqual([]);
    expect((await session?.closed)?.code).toBe(1000);
  });

  test.each([
    ["audio/ulaw", "audio/pcmu", mulaw.encode],
    ["audio/alaw", "audio/pcma", alaw.encode],
  ] as const)("%s as the vendor makes it", async (mimeType, wire, encode) => {
    await using vendor = await startFakeRealtime({ speak });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(provider.speech.stream(request({ format: format(mimeType, 8_000) }), never));
    expect(audioOf(events)).toEqual(Buffer.from(encode(voice.filter((_, i) => i % 3 === 0))));
    expect(vendor.sessions[0]?.received[0]).toHaveProperty("session.audio.output.format.type", wire);
  });

  test("custom voices, speed, and what it cannot do", async () => {
    await using vendor = await startFakeRealtime({ speak });
    await using provider = buildOn(vendor);
    const asked = request({ voice: "voice_1234", speed: 2, wordTimings: true });
    const { events } = await runToEnd(provider.speech.stream(asked, never));
    expect(vendor.sessions[0]?.received[0]).toMatchObject({
      session: { audio: { output: { voice: { id: "voice_1234" }, speed: 1.5 } } },
    });
    expect(events[0]).toMatchObject({
      warnings: [
        { code: "option-clamped", field: "config.speed" },
        { code: "option-ignored", field: "config.wordTimings" },
      ],
    });
  });

  test("is chosen by the model, or by the settings", async () => {
    await using vendor = await startFakeRealtime({ speak });
    await using byModel = buildOn(vendor);
    const rates = (provider: typeof byModel, model: string) =>
      provider.speech.formats(model).map((one) => one.mimeType);
    expect(rates(byModel, "gpt-realtime-2.1")).toEqual(["audio/pcm", "audio/ulaw", "audio/alaw"]);
    expect(rates(byModel, "gpt-4o-mini-tts")).toContain("audio/mpeg");
    await using bySettings = buildOn(vendor, { speech: "realtime" });
    expect(rates(bySettings, "my-voice")).toContain("audio/alaw");
    await using http = buildOn(vendor, { speech: "http" });
    expect(rates(http, "gpt-realtime-2.1")).toContain("audio/mpeg");
    const query = { model: "gpt-realtime-2.1", languageCode: "" };
    const voices = (await byModel.speech.voices?.(query, never)) ?? [];
    expect(voices.map(({ id }) => id)).toContain("cedar");
    expect(voices.map(({ id }) => id)).not.toContain("fable");
    expect((await byModel.speech.voices?.({ ...query, model: "tts-1" }, never))?.map(({ id }) => id)).toContain(
      "fable",
    );
  });
});

describe("faults", () => {
  async function runAgainst(type: string, act: (session: FakeSession, event: Message) => void) {
    await using vendor = await startFakeRealtime({
      speak,
      intercept: (event, session) => {
        if (event.type !== type) return false;
        act(session, event);
        return true;
      },
    });
    await using provider = buildOn(vendor);
    return await runToEnd(provider.speech.stream(request(), never));
  }

  const some = { type: "response.output_audio.delta", delta: Buffer.alloc(480).toString("base64") };
  const done = (response: Message) => (session: FakeSession) => {
    session.send(some);
    session.send({ type: "response.done", response });
  };

  test.each([
    [
      { status: "failed", status_details: { error: { type: "server_error", code: "x", message: "sorry" } } },
      "unavailable",
    ],
    [{ status: "failed", status_details: { error: { code: "rate_limit_exceeded" } } }, "resource_exhausted"],
    [{ status: "incomplete", status_details: { reason: "max_output_tokens" } }, "invalid_argument"],
    [{ status: "incomplete", status_details: { reason: "content_filter" } }, "invalid_argument"],
    [{ status: "cancelled", status_details: { reason: "turn_detected" } }, "unavailable"],
    [{}, "unavailable"],
  ])("a response that is not complete: %o", async (response, code) => {
    const { error, events } = await runAgainst("response.create", done(response));
    expect(error?.code).toBe(code);
    expect(typesOf(events)).toEqual(["response", "audio"]);
  });

  test("a response without audio", async () => {
    const silent = (session: FakeSession) => session.send({ type: "response.done", response: { status: "completed" } });
    expect((await runAgainst("response.create", silent)).error).toMatchObject({ reason: "bad_provider_response" });
  });

  test("an error instead of the session, and instead of the response", async () => {
    const error = { type: "invalid_request_error", code: "invalid_value", message: "Invalid voice" };
    for (const type of ["session.update", "response.create"]) {
      const run = await runAgainst(type, (session) => session.send({ type: "error", error }));
      expect(run.error).toMatchObject({ code: "invalid_argument", reason: "provider_rejected" });
      expect(run.error?.message).toContain("Invalid voice");
    }
  });

  test.each([1000, 1011])("closed with %i in the middle of the speech", async (code) => {
    const run = await runAgainst("response.create", (session) => {
      session.send(some);
      session.close(code);
    });
    expect(run.error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(typesOf(run.events)).toEqual(["response", "audio"]);
  });

  test("cut off in the middle of the speech", async () => {
    const run = await runAgainst("response.create", (session) => {
      session.send(some);
      session.cut();
    });
    expect(run.error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
  });

  test.each(["session.update", "response.create"])("cancelling closes the socket while %s is silent", async (type) => {
    await using vendor = await startFakeRealtime({ intercept: (event) => event.type === type });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const reading = runToEnd(provider.speech.stream(request(), abort.signal));
    const session = await vendor.nextSession();
    await session.seen((event) => event.type === type);
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect((await session.closed).code).toBe(1006);
  });

  test("a reader that does not read stops the vendor", async () => {
    await using vendor = await startFakeRealtime({ speak: async () => tone(600_000, 24_000) });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const stream = provider.speech.stream(request(), abort.signal)[Symbol.asyncIterator]();
    await readUntil(stream, ({ type }) => type === "audio");
    const session = vendor.sessions[0];
    await new Promise((resolve) => setTimeout(resolve, 300)); // time in which an unbounded reader would have gone on
    expect(session?.waitingBytes()).toBeGreaterThan(8 * 1024 * 1024);
    abort.abort(cancelled());
    const rest = await runToEnd({ [Symbol.asyncIterator]: () => stream });
    expect(rest.error).toMatchObject({ code: "canceled" });
  });
});
