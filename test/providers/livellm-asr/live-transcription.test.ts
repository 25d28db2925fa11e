import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import type { LiveEvent, LiveInput, LiveTranscriptionRequest } from "../../../src/core/transcription.ts";
import { livellmAsr } from "../../../src/providers/livellm-asr/index.ts";
import { createSettingsCheck } from "../../../src/providers/settings.ts";
import { type FakeAsrOptions, startFakeAsr } from "../../support/fake-asr.ts";
import type { FakeServer, FakeSession } from "../../support/fake-sessions.ts";
import {
  build,
  commit,
  finals,
  format,
  given,
  heard,
  liveRequest,
  never,
  quiet,
  recogniseLa,
  runToEnd,
  Steps,
  tone,
  typesOf,
} from "../speech-driving.ts";

const rate = 16_000;
const buildOn = (vendor: FakeServer, settings: JsonObject = {}) => build(livellmAsr, { baseUrl: vendor.url, settings });
const request = (over: Partial<LiveTranscriptionRequest> = {}) =>
  liveRequest({ model: "gigaam", format: format("audio/pcm", rate), turnDetection: { mode: "silence" }, ...over });
const flushesOf = (session: FakeSession | undefined) => session?.received.filter(({ final }) => final === true) ?? [];

interface Case extends FakeAsrOptions {
  readonly settings?: JsonObject;
  readonly over?: Partial<LiveTranscriptionRequest>;
}

async function hear(input: AsyncIterable<LiveInput>, { settings, over, ...fake }: Case = {}) {
  await using vendor = await startFakeAsr({ recognise: recogniseLa, ...fake });
  await using provider = buildOn(vendor, settings);
  const run = await runToEnd(provider.liveTranscription.stream(request(over), input, never));
  return { ...run, session: vendor.sessions[0] };
}

/** 30 ms chunks, as {@link heard} cuts at 16 kHz. */
const speech = (events: readonly LiveEvent[]) => events.filter(({ type }) => type.startsWith("speech"));

describe("what is sent", () => {
  test("the address, the key, and audio with final", async () => {
    const { session, error, events } = await hear(given(...heard(tone(60, rate))), {
      over: { options: { model: "x-lmcorr" } },
    });
    expect(error).toBeUndefined();
    expect(session?.url.pathname + (session?.url.search ?? "")).toBe(
      "/v1/audio/transcriptions/ws?sample_rate=16000&model=x-lmcorr",
    );
    expect(session?.headers.authorization).toBe("Bearer key-1234");
    const [first] = heard(tone(60, rate));
    const audio = first?.type === "audio" ? Buffer.from(first.data).toString("base64") : "";
    expect(session?.received[0]).toEqual({ audio, final: false });
    expect(session?.received.at(-1)).toEqual({ audio: "", final: true });
    expect(events[0]).toEqual({ type: "accepted", model: "gigaam", warnings: [] });
    expect(events.at(-1)).toEqual({ type: "finished", usage: { inputAudioMs: 60, estimated: true } });
  });

  test("settings among the options are the session's own, and are not in the address", async () => {
    const input = () => given(...heard(tone(90, rate), quiet(90, rate), tone(90, rate), quiet(150, rate)));
    const options = { start_hold_chunks: 1, end_hold_chunks: 2 };
    const quick = await hear(input(), { settings: { end_hold_chunks: 1_000 }, over: { options } });
    expect(speech(quick.events)).toHaveLength(4);
    expect(quick.session?.url.search).toBe("?sample_rate=16000");
  });

  test.each([
    ["speech_start_threshold", 1.5],
    ["start_hold_chunks", 1.5],
    ["dedupe", "yes"],
  ])("a setting that is none, %s: %j, is refused before it is called", async (name, value) => {
    const { error, session } = await hear(given(), { over: { options: { [name]: value } } });
    expect(error).toMatchObject({
      code: "invalid_argument",
      message: expect.stringContaining(`route.targets[].options.${name}: must be`),
    });
    expect(session).toBeUndefined();
  });

  test("what it cannot do is told, or refused before it is called", async () => {
    const asked = { languageCode: "ru", prompt: "x", phrases: ["y"], wordTimings: true, speakerLabels: true };
    const { events } = await hear(given(), { over: asked });
    expect(events[0]?.type === "accepted" && events[0].warnings?.map(({ field }) => field)).toEqual([
      "config.languageCode",
      "config.prompt",
      "config.phrases",
      "config.wordTimings",
      "config.speakerLabels",
    ]);
    for (const over of [{ format: format("audio/pcm", 8_000) }, { turnDetection: { mode: "semantic" } as const }]) {
      const refused = await hear(given(), { over });
      expect(refused.error).toMatchObject({ reason: "unsupported" });
      expect(refused.session).toBeUndefined();
    }
  });

  test("settings are checked by their schema", () => {
    const check = createSettingsCheck(new Map([["livellm-asr", livellmAsr]]));
    expect(check("livellm-asr", { speech_start_threshold: 0.6, dedupe: false, max_utterance_seconds: 12.5 })).toEqual(
      [],
    );
    expect(
      check("livellm-asr", { speech_start_threshold: 2, end_hold_chunks: 0, pace: 1 }).map(({ field }) => field),
    ).toEqual([
      "provider.settings.pace",
      "provider.settings.speech_start_threshold",
      "provider.settings.end_hold_chunks",
    ]);
    expect(livellmAsr).toMatchObject({ baseUrlRequired: true, apiKeyRequired: false });
  });
});

describe("utterances", () => {
  test("begin and end with so many chunks in a row, and are flushed without further audio", async () => {
    await using vendor = await startFakeAsr({ recognise: recogniseLa });
    await using provider = buildOn(vendor, { flush_after_ms: 60_000 });
    const input = new Steps<LiveInput>();
    input.push(...heard(quiet(90, rate), tone(390, rate), quiet(120, rate)));
    const events: LiveEvent[] = [];
    for await (const event of provider.liveTranscription.stream(request(), input, never)) {
      events.push(event);
      if (event.type !== "turn-ended" || flushesOf(vendor.sessions[0]).length > 1) continue;
      input.push(...heard(quiet(90, rate)));
      input.end();
    }
    expect(speech(events)).toEqual([
      { type: "speech-started", offsetMs: 90 },
      { type: "speech-ended", offsetMs: 600 },
    ]);
    expect(finals(events)).toMatchObject([{ text: "la la", startMs: 90, endMs: 600, confidence: 0.9 }]);
    // The silence that followed has no text, and no segment.
    expect(typesOf(events).slice(-4)).toEqual(["segment", "turn-ended", "turn-ended", "finished"]);
  });

  test("interim texts are cumulative, told once each, and only of speech", async () => {
    const { events } = await hear(given(...heard(quiet(90, rate), tone(600, rate))));
    const interims = events.flatMap((event) => (event.type === "segment" && !event.final ? [event.text] : []));
    expect(interims).toEqual(["la", "la la", "la la la"]);
    const again = await hear(given(...heard(tone(300, rate))), { settings: { dedupe: false } });
    expect(again.events.filter((event) => event.type === "segment" && !event.final).length).toBeGreaterThan(4);
    const none = await hear(given(...heard(tone(300, rate))), { over: { interim: false } });
    expect(none.events.filter((event) => event.type === "segment")).toHaveLength(1);
  });

  test("thresholds and holds are settings; a turn's silence and threshold the caller's", async () => {
    const input = () => given(...heard(tone(90, rate), quiet(90, rate), tone(90, rate), quiet(150, rate)));
    const usual = await hear(input());
    expect(speech(usual.events).map(({ type }) => type)).toEqual(["speech-started", "speech-ended"]);
    const quick = await hear(input(), { settings: { start_hold_chunks: 1, end_hold_chunks: 2 } });
    expect(speech(quick.events)).toHaveLength(4);
    const caller = await hear(input(), { over: { turnDetection: { mode: "silence", silenceMs: 60 } } });
    expect(speech(caller.events)).toHaveLength(4);
    const strict = await hear(input(), { over: { turnDetection: { mode: "silence", threshold: 0.95 } } });
    expect(speech(strict.events)).toEqual([]);
  });

  test("nothing is told of silence, whatever the recogniser believes to have heard", async () => {
    const hallucinate = async () => "Thanks for watching!";
    const { events } = await hear(given(...heard(quiet(600, rate))), { recognise: hallucinate });
    expect(typesOf(events)).toEqual(["accepted", "turn-ended", "finished"]);
    const told = await hear(given(...heard(quiet(600, rate))), {
      recognise: hallucinate,
      settings: { suppress_silence: false },
    });
    expect(finals(told.events)).toMatchObject([{ text: "Thanks for watching!" }]);
  });

  test("no empty texts, and none that the recogniser is not sure of", async () => {
    const nothing = await hear(given(...heard(tone(300, rate))), { recognise: async () => "  " });
    expect(typesOf(nothing.events)).not.toContain("segment");
    const unsure = await hear(given(...heard(tone(300, rate))), { settings: { min_token_confidence: 0.95 } });
    expect(typesOf(unsure.events)).not.toContain("segment");
  });

  test("a caller who leaves out silence has his utterance ended without further audio", async () => {
    await using vendor = await startFakeAsr({ recognise: recogniseLa });
    await using provider = buildOn(vendor, { flush_after_ms: 50 });
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(390, rate)));
    const seen: LiveEvent[] = [];
    for await (const event of provider.liveTranscription.stream(request(), input, never)) {
      seen.push(event);
      if (event.type === "turn-ended") input.end();
    }
    expect(typesOf(seen).slice(-5)).toEqual(["segment", "speech-ended", "segment", "turn-ended", "finished"]);
    expect(finals(seen)).toMatchObject([{ text: "la la", endMs: 390 }]);
    expect(flushesOf(vendor.sessions[0])).toHaveLength(1);
  });

  test("a single short word is written down though it is too short to count as speech", async () => {
    await using vendor = await startFakeAsr({ recognise: async () => "yes" });
    await using provider = buildOn(vendor, { flush_after_ms: 50 });
    const input = new Steps<LiveInput>();
    input.push(...heard(quiet(90, rate), tone(30, rate), quiet(90, rate)));
    const seen: LiveEvent[] = [];
    for await (const event of provider.liveTranscription.stream(request(), input, never)) {
      seen.push(event);
      if (event.type === "turn-ended") input.end();
    }
    expect(finals(seen)).toMatchObject([{ text: "yes" }]);
  });

  test("one that is too long is cut, and goes on in the next segment without a new turn", async () => {
    const settings = { max_utterance_seconds: 1 };
    const { events, session } = await hear(given(...heard(tone(1_200, rate))), { settings });
    expect(finals(events)).toMatchObject([
      { text: "la la la la la", endMs: 1020 },
      { text: "la", startMs: 1020, endMs: 1200 },
    ]);
    expect(typesOf(events).filter((type) => type === "turn-ended")).toHaveLength(1);
    expect(flushesOf(session)).toHaveLength(2);
  });

  test("turns of the caller: each commit is one, and one of nothing has no words and is not sent", async () => {
    const input = given(commit, ...heard(tone(390, rate)), commit, commit, ...heard(tone(210, rate)));
    const { events, session } = await hear(input, { over: { turnDetection: { mode: "manual" } } });
    expect(finals(events)).toMatchObject([
      { text: "la la", startMs: 0, endMs: 390 },
      { text: "la", startMs: 390, endMs: 600 },
    ]);
    expect(speech(events)).toEqual([]);
    expect(
      events.filter(({ type }) => type === "turn-ended").map((event) => "offsetMs" in event && event.offsetMs),
    ).toEqual([0, 390, 390, 600]);
    expect(flushesOf(session)).toHaveLength(2);
  });
});

describe("faults", () => {
  test("an error for a piece is a warning, for a flush the end", async () => {
    let failed = false;
    const piece = await hear(given(...heard(tone(390, rate))), {
      intercept: (_, session) => {
        if (failed) return false;
        failed = true;
        session.send({ type: "error", error: "out of memory" });
        return true;
      },
    });
    expect(piece.error).toBeUndefined();
    expect(piece.events).toContainEqual({
      type: "warning",
      warning: { code: "provider-warning", message: "the recogniser reports an error: out of memory" },
    });
    const flush = await hear(given(...heard(tone(390, rate))), {
      intercept: ({ final }, session) => {
        session.send(final === true ? { type: "error", error: "out of memory" } : { type: "delta", text: "la" });
        return true;
      },
    });
    expect(flush.error).toMatchObject({ code: "unavailable", reason: "provider_unavailable" });
  });

  test.each([1000, 1011])("closed with %i in the middle of an utterance", async (code) => {
    const { error, events } = await hear(given(...heard(tone(390, rate))), {
      intercept: (_, session) => {
        if (session.received.length === 5) session.close(code, "bye");
        return session.received.length >= 5;
      },
    });
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(typesOf(events)).not.toContain("finished");
  });

  test.each([
    ["not JSON", "<html>"],
    ["of an unknown type", { type: "banana" }],
    ["of the wrong type", { type: "final", text: "" }],
  ])("an answer that is %s", async (_, answer) => {
    const { error } = await hear(given(...heard(tone(90, rate))), {
      intercept: (__, session) => {
        session.send(answer);
        return true;
      },
    });
    expect(error).toMatchObject({ reason: "bad_provider_response" });
  });

  test("an answer to nothing", async () => {
    await using vendor = await startFakeAsr({
      intercept: (_, session) => {
        for (let i = 0; i < 2; i++) session.send({ type: "delta", text: "", speech_prob: 0 });
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(30, rate)));
    const { error } = await runToEnd(provider.liveTranscription.stream(request(), input, never));
    expect(error).toMatchObject({ reason: "bad_provider_response" });
  });

  test("a handshake that is refused", async () => {
    await using vendor = await startFakeAsr();
    await using provider = build(livellmAsr, { baseUrl: `${vendor.url}/elsewhere` });
    const { error } = await runToEnd(provider.liveTranscription.stream(request(), given(), never));
    expect(error).toMatchObject({ code: "not_found", facts: { httpStatus: 404 } });
  });

  test.each(["while it listens", "at the end"])("cancelling %s closes the socket", async (phase) => {
    await using vendor = await startFakeAsr({ intercept: () => true });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(60, rate)));
    if (phase === "at the end") input.end();
    const reading = runToEnd(provider.liveTranscription.stream(request(), input, abort.signal));
    const session = await vendor.nextSession();
    await session.seen(({ final }) => final === (phase === "at the end"));
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect((await session.closed).code).toBe(1006);
  });

  test("a recogniser that does not answer stops the caller", async () => {
    await using vendor = await startFakeAsr({ intercept: () => true });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(10_000, rate)));
    const reading = runToEnd(provider.liveTranscription.stream(request(), input, abort.signal));
    const session = await vendor.nextSession();
    await session.seen(() => session.received.length === 32);
    await new Promise((resolve) => setTimeout(resolve, 50)); // time in which an eager one would have gone on
    expect(session.received).toHaveLength(32);
    expect(input.taken).toBe(32);
    abort.abort(cancelled());
    await reading;
  });
});
