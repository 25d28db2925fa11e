import { alaw, mulaw } from "alawmulaw";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { LiveInput } from "../../../src/core/transcription.ts";
import { openai } from "../../../src/providers/openai/index.ts";
import { startFakeRealtime } from "../../support/fake-openai-realtime.ts";
import type { FakeServer, FakeSession, Message } from "../../support/fake-sessions.ts";
import { startVendor } from "../../support/vendor-server.ts";
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

const rate = 24_000;
const buildOn = (vendor: FakeServer) => build(openai, { baseUrl: `${vendor.url}/v1` });
const sentTypes = (session: FakeSession | undefined) => session?.received.map(({ type }) => type) ?? [];
const silence = { mode: "silence", silenceMs: 300, prefixMs: 100, threshold: 0.5 } as const;

describe("what is sent", () => {
  test("the address has the intent and no model; the first event is the whole session", async () => {
    await using vendor = await startFakeRealtime({ apiKey: "key-1234" });
    await using provider = buildOn(vendor);
    const request = liveRequest({
      languageCode: "de-CH",
      prompt: "A call.",
      phrases: ["Zürich"],
      options: { audio: { input: { noise_reduction: { type: "near_field" } } }, include: [] },
    });
    const { events } = await runToEnd(provider.liveTranscription.stream(request, given(), never));
    expect(typesOf(events)).toEqual(["accepted", "finished"]);
    const [session] = vendor.sessions;
    expect(session?.url.pathname + (session?.url.search ?? "")).toBe("/v1/realtime?intent=transcription");
    expect(session?.headers).toMatchObject({ authorization: "Bearer key-1234", "x-client-request-id": "req-1" });
    expect(session?.headers).not.toHaveProperty("content-type");
    expect(session?.received[0]).toEqual({
      type: "session.update",
      session: {
        type: "transcription",
        audio: {
          input: {
            format: { type: "audio/pcm", rate: 24000 },
            transcription: { model: "gpt-transcribe", language: "de", prompt: "A call.", keywords: ["Zürich"] },
            turn_detection: null,
            noise_reduction: { type: "near_field" },
          },
        },
        include: [],
      },
    });
    expect(sentTypes(session)).toEqual(["session.update", "input_audio_buffer.clear"]);
  });

  test.each([
    [
      "gpt-transcribe",
      silence,
      { type: "server_vad", threshold: 0.5, silence_duration_ms: 300, prefix_padding_ms: 100 },
    ],
    ["gpt-4o-transcribe", { mode: "silence" }, { type: "server_vad" }],
    ["gpt-4o-mini-transcribe", { mode: "semantic", eagerness: "high" }, { type: "semantic_vad", eagerness: "high" }],
    ["gpt-4o-transcribe", { mode: "semantic" }, { type: "semantic_vad" }],
    ["gpt-live-transcribe", { mode: "manual" }, null],
  ] as const)("turns of %s: %o", async (model, turnDetection, wire) => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const request = liveRequest({ model, turnDetection });
    const { error } = await runToEnd(provider.liveTranscription.stream(request, given(), never));
    expect(error).toBeUndefined();
    expect(vendor.sessions[0]?.received[0]).toHaveProperty("session.audio.input.turn_detection", wire);
  });

  test.each(["gpt-live-transcribe", "gpt-realtime-whisper"])(
    "%s has no turns of its own, and says so",
    async (model) => {
      await using vendor = await startFakeRealtime();
      await using provider = buildOn(vendor);
      expect(provider.liveTranscription.turnModes(model)).toEqual(["manual"]);
      expect(provider.liveTranscription.turnModes("gpt-transcribe")).toEqual(["silence", "semantic", "manual"]);
      const request = liveRequest({ model, turnDetection: { mode: "silence" } });
      const { error } = await runToEnd(provider.liveTranscription.stream(request, given(), never));
      expect(error).toMatchObject({ code: "failed_precondition", reason: "unsupported" });
      expect(vendor.sessions).toHaveLength(0);
    },
  );

  test("what a model cannot do is told; phrases go where they can", async () => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const asked = { prompt: "A call.", phrases: ["Zürich", "Uri"], wordTimings: true, speakerLabels: true };
    const run = async (model: string) => {
      const { events } = await runToEnd(
        provider.liveTranscription.stream(liveRequest({ model, ...asked }), given(), never),
      );
      const update = vendor.sessions.at(-1)?.received[0] as {
        session: { audio: { input: { transcription: Message } } };
      };
      const warnings = events[0]?.type === "accepted" ? events[0].warnings : [];
      return [update.session.audio.input.transcription, warnings?.map(({ code, field }) => `${code} ${field}`)];
    };
    expect(await run("gpt-4o-transcribe")).toEqual([
      { model: "gpt-4o-transcribe", prompt: "A call.\nZürich, Uri" },
      [
        "option-approximated config.phrases",
        "option-ignored config.wordTimings",
        "option-ignored config.speakerLabels",
      ],
    ]);
    expect(await run("gpt-realtime-whisper")).toEqual([
      { model: "gpt-realtime-whisper" },
      [
        "option-ignored config.prompt",
        "option-ignored config.phrases",
        "option-ignored config.wordTimings",
        "option-ignored config.speakerLabels",
      ],
    ]);
  });

  test.each([
    ["audio/ulaw", "audio/pcmu", mulaw.encode],
    ["audio/alaw", "audio/pcma", alaw.encode],
  ] as const)("%s goes out as it is", async (mimeType, wire, encode) => {
    await using vendor = await startFakeRealtime({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const audio = encode(tone(600, 8_000));
    const request = liveRequest({ format: format(mimeType, 8_000) });
    const input = given(...bytesHeard(audio, 160));
    const { events } = await runToEnd(provider.liveTranscription.stream(request, input, never));
    expect(finals(events)).toMatchObject([{ text: "la la la", startMs: 0, endMs: 600 }]);
    const received = vendor.sessions[0]?.received ?? [];
    expect(received[0]).toMatchObject({ session: { audio: { input: { format: { type: wire } } } } });
    const appended = received.filter(({ type }) => type === "input_audio_buffer.append");
    expect(Buffer.concat(appended.map(({ audio: piece }) => Buffer.from(String(piece), "base64")))).toEqual(
      Buffer.from(audio),
    );
  });

  test("a form it does not take never reaches it", async () => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const request = liveRequest({ format: format("audio/pcm", 16_000) });
    const { error } = await runToEnd(provider.liveTranscription.stream(request, given(), never));
    expect(error).toMatchObject({ reason: "unsupported" });
    expect(provider.liveTranscription.formats("gpt-transcribe").map(({ mimeType }) => mimeType)).toEqual([
      "audio/pcm",
      "audio/ulaw",
      "audio/alaw",
    ]);
  });
});

describe("turns of the caller", () => {
  test("each commit is a turn, with where it was; the end commits the rest", async () => {
    await using vendor = await startFakeRealtime({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(400, rate)), commit, ...heard(quiet(200, rate), tone(600, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(liveRequest(), input, never));
    expect(finals(events)).toMatchObject([
      { text: "la la", startMs: 0, endMs: 400 },
      { text: "la la la", startMs: 400, endMs: 1200 },
    ]);
    const interims = events.filter((event) => event.type === "segment" && !event.final);
    expect(interims.map((event) => event.type === "segment" && event.text)).toEqual([
      "la",
      "la la",
      "la",
      "la la",
      "la la la",
    ]);
    expect(events.filter(({ type }) => type === "turn-ended")).toEqual([
      { type: "turn-ended", offsetMs: 400 },
      { type: "turn-ended", offsetMs: 1200 },
    ]);
    expect(events.at(-1)).toMatchObject({ type: "finished", usage: { inputAudioMs: 1200 } });
    expect(new Set(finals(events).map(({ key }) => key)).size).toBe(2);
    expect((await vendor.sessions[0]?.closed)?.code).toBe(1000);
  });

  test("an empty commit is not sent, and a short one is filled up with silence", async () => {
    await using vendor = await startFakeRealtime({ recognise: async (samples) => `${samples.length} samples` });
    await using provider = buildOn(vendor);
    const input = given(commit, ...heard(tone(60, rate)), commit, commit);
    const { events } = await runToEnd(provider.liveTranscription.stream(liveRequest(), input, never));
    expect(finals(events)).toMatchObject([{ text: "2400 samples", endMs: 60 }]);
    expect(
      events.filter(({ type }) => type === "turn-ended").map((event) => "offsetMs" in event && event.offsetMs),
    ).toEqual([0, 60, 60]);
    expect(sentTypes(vendor.sessions[0]).filter((type) => type === "input_audio_buffer.commit")).toHaveLength(1);
    expect(typesOf(events)).not.toContain("warning");
  });

  test("without interim results there are none", async () => {
    await using vendor = await startFakeRealtime({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = given(...heard(tone(400, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(liveRequest({ interim: false }), input, never));
    expect(typesOf(events)).toEqual(["accepted", "segment", "turn-ended", "finished"]);
  });

  test("a later turn that is written down first waits for the earlier", async () => {
    const slow = Promise.withResolvers<string>();
    const answers = [slow.promise, Promise.resolve("second")];
    await using vendor = await startFakeRealtime({ recognise: () => answers.shift() ?? Promise.resolve("third") });
    await using provider = buildOn(vendor);
    const input = given(
      ...heard(tone(200, rate)),
      commit,
      ...heard(tone(200, rate)),
      commit,
      ...heard(tone(200, rate)),
    );
    const stream = provider.liveTranscription.stream(liveRequest(), input, never)[Symbol.asyncIterator]();
    const reading = runToEnd({ [Symbol.asyncIterator]: () => stream });
    const session = await vendor.nextSession();
    await session.seen(({ type }) => type === "input_audio_buffer.clear");
    slow.resolve("first");
    const { events } = await reading;
    const said = events.filter((event) => event.type === "segment").map(({ text, final }) => `${text} ${final}`);
    expect(said).toEqual(["first false", "first true", "second true", "third true"]);
  });

  test("silence has no segment, and yet its turn ends", async () => {
    await using vendor = await startFakeRealtime({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(
      provider.liveTranscription.stream(liveRequest(), given(...heard(quiet(300, rate))), never),
    );
    expect(typesOf(events)).toEqual(["accepted", "turn-ended", "finished"]);
  });
});

describe("turns of the server", () => {
  test("by silence: speech begins and ends where it does, and the end of the input ends the last", async () => {
    await using vendor = await startFakeRealtime({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = given(...heard(quiet(400, rate), tone(400, rate), quiet(400, rate), tone(200, rate)));
    const request = liveRequest({ turnDetection: silence });
    const { events } = await runToEnd(provider.liveTranscription.stream(request, input, never));
    expect(events.filter(({ type }) => type.startsWith("speech"))).toEqual([
      { type: "speech-started", offsetMs: 300 },
      { type: "speech-ended", offsetMs: 1100 },
      { type: "speech-started", offsetMs: 1100 },
    ]);
    expect(finals(events)).toMatchObject([
      { text: "la la", startMs: 300, endMs: 1100 },
      { text: "la", startMs: 1100, endMs: 1400 },
    ]);
    expect(events.at(-1)?.type).toBe("finished");
  });

  test("audio that the server has committed is not committed again", async () => {
    await using vendor = await startFakeRealtime({ recognise: recogniseLa });
    await using provider = buildOn(vendor);
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(400, rate), quiet(300, rate)));
    const seen: string[] = [];
    for await (const { type } of provider.liveTranscription.stream(
      liveRequest({ turnDetection: silence }),
      input,
      never,
    )) {
      seen.push(type);
      if (type === "turn-ended") input.end();
    }
    expect(seen.filter((type) => type === "turn-ended")).toHaveLength(1);
    expect(sentTypes(vendor.sessions[0])).not.toContain("input_audio_buffer.commit");
  });

  test("a commit that the server has forestalled does no harm", async () => {
    await using vendor = await startFakeRealtime({
      recognise: recogniseLa,
      intercept: ({ type }, session) => {
        if (type !== "input_audio_buffer.commit") return false;
        const event_id = session.received.at(-1)?.event_id;
        session.send({ type: "input_audio_buffer.speech_started", audio_start_ms: 0, item_id: "a" });
        session.send({ type: "input_audio_buffer.speech_stopped", audio_end_ms: 380, item_id: "a" });
        session.send({ type: "input_audio_buffer.committed", item_id: "a", previous_item_id: null });
        const error = {
          type: "invalid_request_error",
          code: "input_audio_buffer_commit_empty",
          message: "small",
          event_id,
        };
        session.send({ type: "error", error });
        const name = "conversation.item.input_audio_transcription.completed";
        session.send({ type: name, item_id: "a", content_index: 0, transcript: "all of it", usage: {} });
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const request = liveRequest({ turnDetection: { mode: "silence" } });
    const input = given(...heard(tone(400, rate)));
    const { events } = await runToEnd(provider.liveTranscription.stream(request, input, never));
    expect(finals(events)).toMatchObject([{ text: "all of it", startMs: 0, endMs: 380 }]);
    expect(typesOf(events)).not.toContain("warning");
  });

  test("speakers come in pieces of a turn", async () => {
    await using vendor = await startFakeRealtime({
      intercept: ({ type }, session) => {
        if (type !== "input_audio_buffer.commit") return false;
        session.send({ type: "input_audio_buffer.committed", item_id: "a", previous_item_id: null });
        const name = "conversation.item.input_audio_transcription";
        session.send({ type: `${name}.segment`, item_id: "a", id: "1", text: "Hi.", speaker: "A", start: 0, end: 0.2 });
        session.send({
          type: `${name}.segment`,
          item_id: "a",
          id: "2",
          text: "Hello!",
          speaker: "B",
          start: 0.2,
          end: 0.4,
        });
        const usage = { type: "tokens", input_tokens: 7, output_tokens: 3, input_token_details: { audio_tokens: 6 } };
        session.send({ type: `${name}.completed`, item_id: "a", transcript: "Hi. Hello!", usage });
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const request = liveRequest({ model: "gpt-4o-transcribe-diarize", speakerLabels: true });
    const { events } = await runToEnd(
      provider.liveTranscription.stream(request, given(...heard(tone(400, rate))), never),
    );
    expect(finals(events)).toMatchObject([
      { text: "Hi.", speaker: "A", startMs: 0, endMs: 200 },
      { text: "Hello!", speaker: "B", startMs: 200, endMs: 400 },
    ]);
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 7, outputTokens: 3, inputAudioTokens: 6 } });
  });
});

describe("faults", () => {
  const oneTurn = () => given(...heard(tone(400, rate)), commit, ...heard(tone(200, rate)));

  async function runAgainst(type: string, act: (session: FakeSession, event: Message) => void) {
    await using vendor = await startFakeRealtime({
      recognise: recogniseLa,
      intercept: (event, session) => {
        if (event.type !== type) return false;
        act(session, event);
        return true;
      },
    });
    await using provider = buildOn(vendor);
    const run = await runToEnd(provider.liveTranscription.stream(liveRequest(), oneTurn(), never));
    return { ...run, session: vendor.sessions[0] };
  }

  test("a key that is refused", async () => {
    await using vendor = await startFakeRealtime({ apiKey: "other" });
    await using provider = buildOn(vendor);
    const { error } = await runToEnd(provider.liveTranscription.stream(liveRequest(), oneTurn(), never));
    expect(error).toMatchObject({ code: "failed_precondition", reason: "provider_auth", facts: { httpStatus: 401 } });
  });

  test("a session that is refused", async () => {
    const error = { type: "invalid_request_error", code: "model_not_found", message: "no such model" };
    const run = await runAgainst("session.update", (session) => session.send({ type: "error", error }));
    expect(run).toMatchObject({ events: [], error: { code: "not_found", reason: "model_not_found" } });
    expect((await run.session?.closed)?.code).toBe(1006);
  });

  test.each([
    ["before the session is taken", "session.update", 1000],
    ["in the middle of an utterance", "input_audio_buffer.append", 1000],
    ["in the middle of an utterance", "input_audio_buffer.append", 1011],
    ["before the transcript", "input_audio_buffer.commit", 1000],
    ["before the last transcript", "input_audio_buffer.clear", 1000],
  ])("closed %s (%s, %i)", async (_, type, code) => {
    const { error, events } = await runAgainst(type, (session) => session.close(code, "bye"));
    expect(error).toMatchObject({
      code: "unavailable",
      reason: "stream_broken",
      facts: { providerCode: String(code) },
    });
    expect(typesOf(events)).not.toContain("finished");
  });

  test("cut off", async () => {
    const { error } = await runAgainst("input_audio_buffer.commit", (session) => session.cut());
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
  });

  test("an error of the server ends the session; one of a request does not", async () => {
    const failing = { type: "server_error", code: null, message: "The server had an error" };
    const ended = await runAgainst("input_audio_buffer.commit", (session) =>
      session.send({ type: "error", error: failing }),
    );
    expect(ended.error).toMatchObject({ code: "unavailable", reason: "provider_unavailable" });
    const expired = { type: "invalid_request_error", code: "session_expired", message: "60 minutes" };
    const over = await runAgainst("input_audio_buffer.commit", (session) =>
      session.send({ type: "error", error: expired }),
    );
    expect(over.error).toMatchObject({ reason: "stream_broken", facts: { providerCode: "session_expired" } });
    const complaint = { type: "invalid_request_error", code: "invalid_value", message: "odd" };
    await using vendor = await startFakeRealtime({
      recognise: recogniseLa,
      intercept: ({ type }, session) => {
        if (type === "input_audio_buffer.commit") session.send({ type: "error", error: complaint });
        return false;
      },
    });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(provider.liveTranscription.stream(liveRequest(), oneTurn(), never));
    expect(events).toContainEqual({
      type: "warning",
      warning: { code: "provider-warning", message: "the provider reports an error: odd" },
    });
    expect(finals(events)).toHaveLength(2);
  });

  test("a turn that fails ends the session, unless nobody could have understood it", async () => {
    const fail = (code: string) => (session: FakeSession) => {
      session.send({ type: "input_audio_buffer.committed", item_id: "a", previous_item_id: null });
      const error = { type: "transcription_error", code, message: "no" };
      session.send({
        type: "conversation.item.input_audio_transcription.failed",
        item_id: "a",
        content_index: 0,
        error,
      });
    };
    const lost = await runAgainst("input_audio_buffer.commit", fail("internal_error"));
    expect(lost.error).toMatchObject({ code: "unavailable" });
    const noise = await runAgainst("input_audio_buffer.commit", fail("audio_unintelligible"));
    expect(noise.error).toBeUndefined();
    expect(typesOf(noise.events)).toEqual(["accepted", "warning", "turn-ended", "warning", "turn-ended", "finished"]);
  });

  test.each(["not JSON", "[1]"])("a message that is %s", async (message) => {
    const { error } = await runAgainst("input_audio_buffer.append", (session) => session.send(message));
    expect(error).toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });

  test("the caller's own failure is the failure, and cuts the session", async () => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const input = new Steps<LiveInput>();
    const reading = runToEnd(provider.liveTranscription.stream(liveRequest(), input, never));
    const session = await vendor.nextSession();
    input.fail(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect((await session.closed).code).toBe(1006);
  });
});

describe("cancel", () => {
  test.each([
    ["while the session is asked for", "session.update"],
    ["while audio is sent", "input_audio_buffer.append"],
    ["while a transcript is awaited", "input_audio_buffer.commit"],
    ["at the end", "input_audio_buffer.clear"],
  ])("%s closes the socket", async (_, type) => {
    await using vendor = await startFakeRealtime({ intercept: (event) => event.type === type });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const input = new Steps<LiveInput>();
    input.push(...heard(tone(200, rate)), commit);
    if (type === "input_audio_buffer.clear") input.end();
    const reading = runToEnd(provider.liveTranscription.stream(liveRequest(), input, abort.signal));
    const session = await vendor.nextSession();
    await session.seen((event) => event.type === type);
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect((await session.closed).code).toBe(1006);
    if (type !== "session.update") expect(input.returned).toBe(true);
  });

  test("while the handshake hangs closes the connection", async () => {
    await using vendor = await startVendor({ ending: "hang" });
    await using provider = build(openai, { baseUrl: vendor.url });
    const abort = new AbortController();
    const next = vendor.nextCall();
    const reading = runToEnd(provider.liveTranscription.stream(liveRequest(), new Steps<LiveInput>(), abort.signal));
    const call = await next;
    abort.abort(cancelled());
    expect((await reading).error).toMatchObject({ code: "canceled" });
    expect(await call.closed).toMatchObject({ complete: false });
  });

  test("a reader that leaves closes the socket", async () => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const input = new Steps<LiveInput>();
    for await (const event of provider.liveTranscription.stream(liveRequest(), input, never)) {
      expect(event.type).toBe("accepted");
      break;
    }
    expect((await vendor.sessions[0]?.closed)?.code).toBe(1006);
  });
});

describe("back-pressure", () => {
  async function* endless(counter: { taken: number }): AsyncGenerator<LiveInput> {
    for (;;) {
      counter.taken++;
      yield { type: "audio", data: new Uint8Array(48_000) };
    }
  }

  test("a vendor that does not read stops the caller", async () => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const counter = { taken: 0 };
    const abort = new AbortController();
    const stream = provider.liveTranscription
      .stream(liveRequest(), endless(counter), abort.signal)
      [Symbol.asyncIterator]();
    await readUntil(stream, ({ type }) => type === "accepted");
    vendor.sessions[0]?.pause();
    const next = runToEnd({ [Symbol.asyncIterator]: () => stream });
    await settled(() => counter.taken);
    expect(counter.taken * 48_000).toBeLessThan(32 * 1024 * 1024);
    abort.abort(cancelled());
    await next;
  });

  test("nothing is taken from the caller before the session is, nor while nobody reads", async () => {
    await using vendor = await startFakeRealtime();
    await using provider = buildOn(vendor);
    const counter = { taken: 0 };
    const abort = new AbortController();
    const stream = provider.liveTranscription
      .stream(liveRequest(), endless(counter), abort.signal)
      [Symbol.asyncIterator]();
    await readUntil(stream, ({ type }) => type === "accepted");
    await new Promise((resolve) => setTimeout(resolve, 50)); // time in which an eager one would have gone on
    expect(counter.taken).toBe(0);
    abort.abort(cancelled());
    await stream.return?.();
  });
});

/** Waits until a number has stopped growing. */
async function settled(read: () => number): Promise<void> {
  for (let last = -1; last !== read(); ) {
    last = read();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
