import { mulaw } from "alawmulaw";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { LiveInput, LiveTranscriptionRequest } from "../../../src/core/transcription.ts";
import { elevenlabs } from "../../../src/providers/elevenlabs/index.ts";
import { startFakeScribe } from "../../support/fake-scribe.ts";
import type { FakeServer, FakeSession, Message } from "../../support/fake-sessions.ts";
import {
  build,
  bytesHeard,
  commit,
  finals,
  format,
  given,
  heard,
  liveRequest,
  never,
  quiet,
  readUntil,
  recogniseLa,
  runToEnd,
  Steps,
  tone,
  typesOf,
} from "../speech-driving.ts";

const rate = 16_000;
const buildOn = (vendor: FakeServer) => build(elevenlabs, { baseUrl: vendor.url });
const request = (over: Partial<LiveTranscriptionRequest> = {}) =>
  liveRequest({ model: "scribe_v2_realtime", format: format("audio/pcm", rate), ...over });
const silence = { mode: "silence", silenceMs: 400 } as const;
const commitsOf = (session: FakeSession | undefined) =>
  session?.received.filter(({ commit: asks }) => asks === true) ?? [];

describe("what is sent", () => {
  test("the session is the address; audio is base64 in JSON", async () => {
    await using vendor = await startFakeScribe({ apiKey: "key-1234", recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const asked = request({
      languageCode: "de-CH",
      prompt: "A call.",
      phrases: ["Zürich", "a phrase that is much too long"],
      speakerLabels: true,
      turnDetection: { mode: "silence", threshold: 0.05, silenceMs: 5_000, prefixMs: 100 },
      options: { no_verbatim: true, previous_text: "Hoi." },
    });
    const { events } = await runToEnd(provider.liveTranscription.stream(asked, given(...heard(tone(60, rate))), never));
    const [session] = vendor.sessions;
    expect(session?.url.pathname).toBe("/v1/speech-to-text/realtime");
    expect(Object.fromEntries(session?.url.searchParams ?? [])).toEqual({
      model_id: "scribe_v2_realtime",
      audio_format: "pcm_16000",
      commit_strategy: "vad",
      vad_threshold: "0.1",
      vad_silence_threshold_secs: "3",
      language_code: "de",
      include_timestamps: "true",
      keyterms: "Zürich",
      no_verbatim: "true",
    });
    expect(events[0]).toMatchObject({
      type: "accepted",
      requestId: "scribe_1",
      warnings: [
        { code: "option-ignored", field: "turnDetection.silence.prefixMs" },
        { code: "option-clamped", field: "turnDetection.silence.threshold" },
        { code: "option-clamped", field: "turnDetection.silence.silenceMs" },
        { code: "option-clamped", field: "config.phrases" },
        { code: "option-ignored", field: "config.prompt" },
        { code: "option-ignored", field: "config.speakerLabels" },
      ],
    });
    const [first, second] = session?.received ?? [];
    expect(first).toMatchObject({
      message_type: "input_audio_chunk",
      commit: false,
      sample_rate: rate,
      previous_text: "Hoi.",
    });
    expect(second).not.toHaveProperty("previous_text");
  });

  test("µ-law goes out as it is", async () => {
    await using vendor = await startFakeScribe({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = given(...bytesHeard(mulaw.encode(tone(600, 8_000)), 160));
    const asked = request({ format: format("audio/ulaw", 8_000) });
    const { events } = await runToEnd(provider.liveTranscription.stream(asked, input, never));
    expect(finals(events)).toMatchObject([{ text: "la la la", startMs: 0, endMs: 600 }]);
    expect(vendor.sessions[0]?.url.searchParams.get("audio_format")).toBe("ulaw_8000");
  });

  test("every rate that is declared is taken; the others never reach the vendor", async () => {
    await using vendor = await startFakeScribe();
    await using provider = buildOn(vendor);
    for (const one of provider.liveTranscription.formats("scribe_v2_realtime")) {
      const { error } = await runToEnd(provider.liveTranscription.stream(request({ format: one }), given(), never));
      expect(error).toBeUndefined();
    }
    const { length } = vendor.sessions;
    for (const over of [{ format: format("audio/alaw", 8_000) }, { turnDetection: { mode: "semantic" } as const }]) {
      const { error } = await runToEnd(provider.liveTranscription.stream(request(over), given(), never));
      expect(error).toMatchObject({ reason: "unsupported" });
    }
    expect(vendor.sessions).toHaveLength(length);
    expect(provider.liveTranscription.turnModes("scribe_v2_realtime")).toEqual(["silence", "manual"]);
  });
});

describe("turns of the caller", () => {
  test("each commit is a turn, with where it was; the end commits the rest", async () => {
    await using vendor = await startFakeScribe({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(400, rate)), commit, ...heard(quiet(200, rate), tone(600, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(request(), input, never));
    expect(finals(events)).toMatchObject([
      { text: "la la", startMs: 0, endMs: 400 },
      { text: "la la la", startMs: 400, endMs: 1200 },
    ]);
    expect(events.filter(({ type }) => type === "turn-ended")).toEqual([
      { type: "turn-ended", offsetMs: 400 },
      { type: "turn-ended", offsetMs: 1200 },
    ]);
    expect(events.at(-1)).toEqual({ type: "finished", usage: { inputAudioMs: 1200, estimated: true } });
    expect(events.some((event) => event.type === "segment" && !event.final)).toBe(true);
    expect((await vendor.sessions[0]?.closed)?.code).toBe(1000);
  });

  test("no commit of nothing, and a short one is filled up with silence", async () => {
    await using vendor = await startFakeScribe({ recognise: async (samples) => `${samples.length} samples` });
    await using provider = buildOn(vendor);
    const input = given(commit, ...heard(tone(100, rate)), commit, commit, ...heard(tone(400, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(request({ interim: false }), input, never));
    expect(finals(events)).toMatchObject([
      { text: "4800 samples", startMs: 0, endMs: 100 },
      { text: "6400 samples", startMs: 100, endMs: 500 },
    ]);
    expect(
      events.filter(({ type }) => type === "turn-ended").map((event) => "offsetMs" in event && event.offsetMs),
    ).toEqual([0, 100, 100, 500]);
    // Two of turns, and one that asks whether anything is left.
    expect(commitsOf(vendor.sessions[0])).toHaveLength(3);
  });

  test("words, in the time of the caller's audio", async () => {
    await using vendor = await startFakeScribe({ recognise: async () => "one two" });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(100, rate)), commit, ...heard(tone(300, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(request({ wordTimings: true }), input, never));
    expect(finals(events).map(({ words, languageCode }) => ({ words, languageCode }))).toMatchObject([
      {
        languageCode: "en",
        words: [
          { text: "one", startMs: 0, endMs: 100 },
          { text: "two", startMs: 200, endMs: 300 },
        ],
      },
      {
        languageCode: "en",
        words: [
          { text: "one", startMs: 100, endMs: 200 },
          { text: "two", startMs: 300, endMs: 400 },
        ],
      },
    ]);
  });

  test("what the server commits by itself is a segment and ends no turn", async () => {
    let chunks = 0;
    await using vendor = await startFakeScribe({
      recognise: recogniseLa,
      intercept: (_, session) => {
        if (++chunks === 3) session.send({ message_type: "committed_transcript", text: "very long" });
        return false;
      },
    });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(
      provider.liveTranscription.stream(request(), given(...heard(tone(400, rate))), never),
    );
    expect(finals(events).map(({ text }) => text)).toEqual(["very long", "la la"]);
    expect(typesOf(events).filter((type) => type === "turn-ended")).toHaveLength(1);
  });

  test("settled text stays in front of what may still change", async () => {
    let chunks = 0;
    await using vendor = await startFakeScribe({
      intercept: ({ commit: asks }, session) => {
        if (asks === true) return false;
        if (++chunks !== 1) return true;
        session.send({ message_type: "partial_transcript", text: "Guten" });
        session.send({ message_type: "final_transcript", text: "Guten Tag." });
        session.send({ message_type: "partial_transcript", text: "Wie" });
        session.send({ message_type: "partial_transcript", text: "Guten Tag. Wie geht" });
        session.send({ message_type: "warning", warning: "noisy" });
        session.send({ message_type: "something_new", text: "?" });
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(
      provider.liveTranscription.stream(request(), given(...heard(tone(400, rate))), never),
    );
    const said = events.flatMap((event) => (event.type === "segment" ? [event.text] : []));
    expect(said).toEqual(["Guten", "Guten Tag. Wie", "Guten Tag. Wie geht"]);
    expect(events).toContainEqual({ type: "warning", warning: { code: "provider-warning", message: "noisy" } });
  });
});

describe("turns of the server", () => {
  test("by silence; the end of the input ends the last", async () => {
    await using vendor = await startFakeScribe({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(400, rate), quiet(500, rate), tone(600, rate)));
    const { events } = await runToEnd(
      provider.liveTranscription.stream(request({ turnDetection: silence }), input, never),
    );
    expect(finals(events).map(({ text }) => text)).toEqual(["la la", "la la la"]);
    expect(typesOf(events).filter((type) => type === "turn-ended")).toHaveLength(2);
    for (const { endMs, words } of finals(events)) {
      expect(endMs).toBeGreaterThan(0);
      expect(words).toBeUndefined();
    }
  });

  test("a turn that the server had just ended does not end the session before the last is there", async () => {
    let ended = false;
    await using vendor = await startFakeScribe({
      intercept: ({ commit: asks }, session) => {
        if (asks !== true) return true;
        if (!ended) {
          // On its way when our commit was sent; the answer to ours comes after it.
          session.send({ message_type: "committed_transcript", text: "first" });
          session.send({ message_type: "committed_transcript_with_timestamps", text: "first", words: [] });
          session.send({ message_type: "committed_transcript", text: "last" });
          session.send({ message_type: "committed_transcript_with_timestamps", text: "last", words: [] });
        } else session.send({ message_type: "commit_throttled", error: "only 0.00s of uncommitted audio" });
        ended = true;
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(400, rate)));
    const { events, error } = await runToEnd(
      provider.liveTranscription.stream(request({ turnDetection: silence }), input, never),
    );
    expect(error).toBeUndefined();
    expect(finals(events).map(({ text }) => text)).toEqual(["first", "last"]);
  });

  test("an empty turn of the server's own does not end the session either", async () => {
    const answers = [["", "last"], []];
    await using vendor = await startFakeScribe({
      intercept: ({ commit: asks }, session) => {
        if (asks !== true) return true;
        const texts = answers.shift();
        for (const text of texts ?? []) session.send({ message_type: "committed_transcript", text });
        if (!texts?.length) session.send({ message_type: "commit_throttled", error: "only 0.00s" });
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(400, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(request(), input, never));
    expect(finals(events).map(({ text }) => text)).toEqual(["last"]);
  });

  test.each(["says nothing", "closes"])("a server that %s when nothing is left has said all", async (what) => {
    await using vendor = await startFakeScribe({
      recognise: recogniseLa,
      intercept: ({ commit: asks, audio_base_64: audio }, session) => {
        if (asks !== true || audio !== "" || commitsOf(session).length < 2) return false;
        if (what === "closes") session.close(1000);
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const { events, error } = await runToEnd(
      provider.liveTranscription.stream(request(), given(...heard(tone(400, rate))), never),
    );
    expect(error).toBeUndefined();
    expect(finals(events)).toMatchObject([{ text: "la la" }]);
    expect(events.at(-1)?.type).toBe("finished");
  });
});

describe("faults", () => {
  async function runAgainst(act: (session: FakeSession, message: Message) => void, on: "audio" | "commit" = "commit") {
    let done = false;
    await using vendor = await startFakeScribe({
      recognise: recogniseLa,
      intercept: (message, session) => {
        if (done || (message.commit === true) !== (on === "commit")) return done;
        done = true;
        act(session, message);
        return true;
      },
    });
    await using provider = buildOn(vendor);
    return await runToEnd(provider.liveTranscription.stream(request(), given(...heard(tone(400, rate))), never));
  }

  test("a key that is refused", async () => {
    await using vendor = await startFakeScribe({ apiKey: "other" });
    await using provider = buildOn(vendor);
    const { error } = await runToEnd(provider.liveTranscription.stream(request(), given(), never));
    expect(error).toMatchObject({
      reason: "provider_auth",
      facts: { httpStatus: 401, providerCode: "invalid_api_key" },
    });
  });

  test("a session that is refused after the handshake", async () => {
    await using vendor = await startFakeScribe();
    await using provider = buildOn(vendor);
    const { error, events } = await runToEnd(
      provider.liveTranscription.stream(request({ options: { colour: "blue" } }), given(), never),
    );
    expect(error).toMatchObject({ code: "invalid_argument", facts: { providerCode: "invalid_request" } });
    expect(events).toEqual([]);
  });

  test.each([
    ["auth_error", "failed_precondition", "provider_auth"],
    ["quota_exceeded", "resource_exhausted", "quota_exhausted"],
    ["rate_limited", "resource_exhausted", "rate_limited"],
    ["resource_exhausted", "resource_exhausted", "rate_limited"],
    ["transcriber_error", "unavailable", "provider_unavailable"],
    ["queue_overflow", "unavailable", "provider_unavailable"],
    ["session_time_limit_exceeded", "unavailable", "provider_unavailable"],
    ["insufficient_audio_activity", "unavailable", "provider_unavailable"],
    ["input_error", "invalid_argument", "provider_rejected"],
    ["chunk_size_exceeded", "invalid_argument", "provider_rejected"],
    ["unaccepted_terms", "failed_precondition", "provider_auth"],
    ["error", "unavailable", "provider_unavailable"],
  ])("%s", async (message_type, code, reason) => {
    const { error } = await runAgainst((session) => session.send({ message_type, error: "because" }), "audio");
    expect(error).toMatchObject({ code, reason, facts: { providerCode: message_type } });
    expect(error?.message).toContain("because");
  });

  test.each([
    ["audio", 1000],
    ["audio", 1011],
    ["commit", 1000],
  ] as const)("closed at %s with %i", async (on, code) => {
    const { error, events } = await runAgainst((session) => session.close(code), on);
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(typesOf(events)).not.toContain("finished");
  });

  test("cut off", async () => {
    expect((await runAgainst((session) => session.cut())).error).toMatchObject({ reason: "stream_broken" });
  });

  test.each(["audio", "commit"] as const)("cancelling at %s closes the socket", async (on) => {
    await using vendor = await startFakeScribe({ intercept: () => true });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(100, rate)));
    if (on === "commit") input.end();
    const reading = runToEnd(provider.liveTranscription.stream(request(), input, abort.signal));
    const session = await vendor.nextSession();
    await session.seen(({ commit: asks }) => asks === (on === "commit"));
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect((await session.closed).code).toBe(1006);
    expect(input.returned).toBe(true);
  });

  test("nothing is taken from the caller while nobody reads", async () => {
    await using vendor = await startFakeScribe();
    await using provider = buildOn(vendor);
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(1_000, rate)));
    const abort = new AbortController();
    const stream = provider.liveTranscription.stream(request(), input, abort.signal)[Symbol.asyncIterator]();
    await readUntil(stream, ({ type }) => type === "accepted");
    await new Promise((resolve) => setTimeout(resolve, 50)); // time in which an eager one would have gone on
    expect(input.taken).toBe(0);
    abort.abort(cancelled());
    await stream.return?.();
  });
});
