import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type {
  TranscribeStreamRequestSchema,
  TranscribeStreamResponse,
} from "../../gen/livellm/v1/transcription_service_pb.ts";
import { numberAt, numberedFrames, samplesOf, tone } from "../live/numbered-audio.ts";
import {
  createRecogniser,
  pcm16k,
  type RecogniserScript,
  readsNumbers,
  untilAborted,
  vendorDied,
} from "../live/scripted-recogniser.ts";
import { routeTo, startVoiceGateway, type VoiceGateway } from "../live/voice-gateway.ts";

type Request = MessageInitShape<typeof TranscribeStreamRequestSchema>;
type Event = TranscribeStreamResponse["event"];

const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };

function start(providers: readonly string[], more: object = {}): Request {
  return { input: { case: "start", value: { route: routeTo(...providers), format, ...more } } };
}

function audio(data: Uint8Array): Request {
  return { input: { case: "audio", value: { data: new Uint8Array(data) } } };
}

const endTurn: Request = { input: { case: "endTurn", value: {} } };

function silence(durationMs: number): Request {
  return { input: { case: "silence", value: { durationMs } } };
}

async function* requests(...items: readonly (Request | Iterable<Request> | AsyncIterable<Request>)[]) {
  for (const item of items) {
    if (Symbol.iterator in item || Symbol.asyncIterator in item) yield* item as AsyncIterable<Request>;
    else yield item as Request;
  }
}

function* frames(from: number, count: number): Generator<Request> {
  for (const frame of numberedFrames(from, count)) yield audio(frame);
}

interface Session {
  readonly events: readonly Event[];
  readonly error: ConnectError | undefined;
}

async function run(gateway: VoiceGateway, input: AsyncIterable<Request>, signal?: AbortSignal): Promise<Session> {
  const events: Event[] = [];
  try {
    for await (const { event } of gateway.transcription.transcribeStream(input, { signal })) {
      if (event.case !== "heartbeat") events.push(event);
    }
    return { events, error: undefined };
  } catch (error) {
    return { events, error: ConnectError.from(error) };
  }
}

const cases = (events: readonly Event[]) => events.map((event) => event.case);

type Named<C extends Event["case"]> = Extract<Event, { case: C }>["value"];

function all<C extends NonNullable<Event["case"]>>(events: readonly Event[], name: C): NonNullable<Named<C>>[] {
  return events.flatMap((event) => (event.case === name ? [event.value as NonNullable<Named<C>>] : []));
}

function finals(events: readonly Event[]) {
  return all(events, "segment").filter(({ isFinal }) => isFinal);
}

/** The places in the numbered audio that were heard, from the first sample on. */
function placesFrom(bytes: Uint8Array, first: number): boolean {
  return samplesOf(bytes).every((sample, i) => sample === numberAt(first + i));
}

describe("a session", () => {
  test("is started, segments, and finished, in this order", async () => {
    const recogniser = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const { events, error } = await run(gateway, requests(start(["a"]), frames(0, 15)));
    expect(error).toBeUndefined();
    expect(events[0]).toMatchObject({
      case: "started",
      value: {
        routeResult: { targetIndex: 0, provider: "a", model: "m", providerRequestId: "vendor-1" },
        format: { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 },
      },
    });
    expect(finals(events)).toMatchObject([
      { index: 0, startMs: 0, endMs: 100 },
      { index: 1, startMs: 100, endMs: 200 },
      { index: 2, startMs: 200, endMs: 300 },
    ]);
    expect(cases(events).slice(-2)).toEqual(["turnEnded", "finished"]);
    expect(all(events, "turnEnded")).toMatchObject([{ lastSegmentIndex: 2, offsetMs: 300 }]);
    expect(all(events, "finished")).toMatchObject([
      {
        text: finals(events)
          .map(({ text }) => text)
          .join(" "),
        durationMs: 300,
        usage: { inputAudioMs: 300 },
      },
    ]);
    expect(placesFrom(recogniser.sessions[0]?.audio() ?? new Uint8Array(0), 0)).toBe(true);
  });

  test("each segment is final once, and interim ones replace each other", async () => {
    const script: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      while (await session.next());
      const segment = { type: "segment", key: "x", startMs: 0, endMs: 20 } as const;
      yield { ...segment, text: "a", final: false, stability: 0.5 };
      yield { ...segment, text: "a", final: false, stability: 0.5 };
      yield { ...segment, text: "a b", final: false };
      yield { ...segment, text: "a b.", final: true, confidence: 0.9 };
      yield { ...segment, text: "a b!", final: true };
      yield { type: "finished", usage: { inputAudioMs: 19 } };
    };
    await using gateway = await startVoiceGateway({ a: { liveTranscription: createRecogniser(script) } });
    const { events } = await run(gateway, requests(start(["a"]), frames(0, 1)));
    expect(all(events, "segment").map(({ index, text, isFinal }) => [index, text, isFinal])).toEqual([
      [0, "a", false],
      [0, "a b", false],
      [0, "a b.", true],
    ]);
    expect(all(events, "finished")).toMatchObject([{ text: "a b.", usage: { inputAudioMs: 19 } }]);
  });

  test("final_only drops what is interim, and asks for none", async () => {
    const recogniser = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const { events } = await run(gateway, requests(start(["a"], { finalOnly: true }), frames(0, 12)));
    expect(all(events, "segment").map(({ index, isFinal }) => [index, isFinal])).toEqual([
      [0, true],
      [1, true],
      [2, true],
    ]);
    expect(recogniser.sessions[0]?.request.interim).toBe(false);
  });

  test("a heartbeat comes first when the target takes long to accept", async () => {
    const accept = Promise.withResolvers<void>();
    const script: RecogniserScript = async function* (session) {
      await accept.promise;
      yield* readsNumbers({ everyMs: 100 })(session, 0);
    };
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: createRecogniser(script) } },
      { heartbeatIntervalMs: 20 },
    );
    const seen: (string | undefined)[] = [];
    for await (const { event } of gateway.transcription.transcribeStream(requests(start(["a"]), frames(0, 1)))) {
      seen.push(event.case);
      if (seen.length === 2) accept.resolve();
    }
    expect(seen.slice(0, 2)).toEqual(["heartbeat", "heartbeat"]);
    expect(seen).toContain("started");
    expect(seen.at(-1)).toBe("finished");
  });

  test("warnings of the target follow started", async () => {
    const script: RecogniserScript = async function* (session) {
      yield {
        type: "accepted",
        warnings: [{ code: "option-ignored", message: "no prompts", field: "start.config.prompt" }],
      };
      while (await session.next());
      yield { type: "ending", timeLeftMs: 5000.4 };
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway({ a: { liveTranscription: createRecogniser(script) } });
    const { events } = await run(gateway, requests(start(["a"])));
    expect(cases(events)).toEqual(["started", "warning", "sessionEnding", "finished"]);
    expect(all(events, "sessionEnding")).toMatchObject([{ timeLeftMs: 5000 }]);
  });
});

describe("audio", () => {
  test("cut at any byte goes on whole", async () => {
    const recogniser = createRecogniser(readsNumbers({ everyMs: 1000 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const whole = Buffer.concat([...numberedFrames(0, 3)]);
    const cut = [whole.subarray(0, 1), whole.subarray(1, 4), whole.subarray(4, 801), whole.subarray(801)];
    const { events } = await run(gateway, requests(start(["a"]), cut.map(audio)));
    expect(Buffer.from(recogniser.sessions[0]?.audio() ?? []).equals(whole)).toBe(true);
    expect(all(events, "finished")).toMatchObject([{ durationMs: 60 }]);
  });

  test("is converted where the target takes another form, and passed on where it does not", async () => {
    const takesPcm = createRecogniser(readsNumbers({ everyMs: 1000 }));
    const takesUlaw = createRecogniser(readsNumbers({ everyMs: 1000 }), {
      formats: [pcm16k, { mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 }],
    });
    await using gateway = await startVoiceGateway({
      pcm: { liveTranscription: takesPcm },
      ulaw: { liveTranscription: takesUlaw },
    });
    const telephone = { format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 } };
    const ulaw = Uint8Array.from({ length: 1600 }, (_, i) => i % 256);
    const converted = await run(gateway, requests(start(["pcm"], telephone), audio(ulaw)));
    expect(takesPcm.sessions[0]?.audio().length).toBe(1600 * 2 * 2);
    expect(all(converted.events, "started")).toMatchObject([
      { format: { mimeType: "audio/pcm", sampleRateHertz: 16_000 } },
    ]);
    expect(all(converted.events, "finished")).toMatchObject([{ durationMs: 200 }]);
    await run(gateway, requests(start(["ulaw"], telephone), audio(ulaw)));
    expect(takesUlaw.sessions[0]?.audio()).toEqual(ulaw);
  });

  test("a silence is as long as it says, and has no sound in the caller's form", async () => {
    const recogniser = createRecogniser(readsNumbers({ everyMs: 10_000 }), {
      formats: [{ mimeType: "audio/ulaw", sampleRateHertz: 0, channelCount: 1 }],
    });
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const telephone = { format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 } };
    const { events } = await run(gateway, requests(start(["a"], telephone), silence(250)));
    expect(recogniser.sessions[0]?.audio()).toEqual(new Uint8Array(2000).fill(0xff));
    expect(all(events, "finished")).toMatchObject([{ durationMs: 250 }]);
  });

  test.each([
    ["WebM", [0x1a, 0x45, 0xdf, 0xa3]],
    ["Ogg", [0x4f, 0x67, 0x67, 0x53]],
    ["MP3", [0x49, 0x44, 0x33, 0x04]],
  ])("%s sent as samples is refused by name, and never reaches the target", async (name, magic) => {
    const recogniser = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: recogniser },
      b: { liveTranscription: recogniser },
    });
    const file = Uint8Array.from([...magic, ...new Array(2000).fill(7)]);
    const { error } = await run(
      gateway,
      requests(start(["a", "b"]), [audio(file.subarray(0, 3)), audio(file.subarray(3))]),
    );
    expect(error?.rawMessage).toContain(name);
    expect(error?.code).toBe(3);
    expect(recogniser.sessions.map((session) => session.heardMs())).toEqual([0]);
  });

  test("of a form without a rate is refused before any target is called", async () => {
    const recogniser = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const { error } = await run(gateway, requests(start(["a"], { format: { mimeType: "audio/pcm" } })));
    expect(error?.code).toBe(3);
    expect(recogniser.sessions).toEqual([]);
  });

  test("a target that takes no samples is a failed attempt, and the next is tried", async () => {
    const deaf = createRecogniser(readsNumbers({ everyMs: 100 }), {
      formats: [{ mimeType: "audio/flac", sampleRateHertz: 0, channelCount: 1 }],
    });
    const hears = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: deaf }, b: { liveTranscription: hears } });
    const { events } = await run(gateway, requests(start(["a", "b"]), frames(0, 5)));
    expect(all(events, "attemptFailed")).toMatchObject([{ provider: "a" }]);
    expect(deaf.sessions).toEqual([]);
  });
});

describe("a target that dies", () => {
  test("in the middle of a segment: the next one hears every sample from the last final segment on", async () => {
    const dies = createRecogniser(readsNumbers({ everyMs: 200, diesAtMs: 500 }));
    const lives = createRecogniser(readsNumbers({ everyMs: 200 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: dies }, b: { liveTranscription: lives } });
    const { events, error } = await run(gateway, requests(start(["a", "b"]), frames(0, 60)));
    expect(error).toBeUndefined();
    const second = lives.sessions[0]?.audio() ?? new Uint8Array(0);
    expect(placesFrom(second, 400 * 16)).toBe(true);
    expect(second.length).toBe((1200 - 400) * 32); // to the very end: none lost
    expect(finals(events).map(({ index, startMs, endMs }) => [index, startMs, endMs])).toEqual(
      [0, 1, 2, 3, 4, 5].map((i) => [i, i * 200, i * 200 + 200]),
    );
    const texts = [0, 1, 2, 3, 4, 5].map((i) => `${numberAt(i * 3200)}-${numberAt(i * 3200 + 3199)}`);
    expect(all(events, "finished")).toMatchObject([
      { text: texts.join(" "), durationMs: 1200, usage: { inputAudioMs: 1200, estimated: true } },
    ]);
    expect(all(events, "attemptFailed")).toMatchObject([{ provider: "a", failure: { httpStatus: 0 } }]);
    expect(all(events, "started").map(({ routeResult }) => routeResult?.provider)).toEqual(["a", "b"]);
    const attempts = all(events, "finished")[0]?.routeResult?.attempts ?? [];
    expect(attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
      ["a", 2],
      ["b", 1],
    ]);
  });

  test("leaves an interim segment, the number of which goes to what the next one says of it", async () => {
    const dies = createRecogniser(readsNumbers({ everyMs: 200, diesAtMs: 300 }));
    const lives = createRecogniser(readsNumbers({ everyMs: 200 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: dies }, b: { liveTranscription: lives } });
    const { events } = await run(gateway, requests(start(["a", "b"]), frames(0, 20)));
    const segments = all(events, "segment");
    const dangling = segments.filter(({ index }) => !finals(events).some((final) => final.index === index));
    expect(segments.some(({ index, isFinal, endMs }) => index === 1 && !isFinal && endMs === 300)).toBe(true);
    expect(dangling).toEqual([]);
    expect(new Set(finals(events).map(({ index }) => index)).size).toBe(finals(events).length);
  });

  test("before it was accepted, with audio in its hands: the next one hears all of it", async () => {
    const dies: RecogniserScript = async function* (session) {
      while (session.heardMs() < 200) await session.next();
      yield* [];
      throw vendorDied();
    };
    const lives = createRecogniser(readsNumbers({ everyMs: 200 }));
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: createRecogniser(dies) },
      b: { liveTranscription: lives },
    });
    const { events } = await run(gateway, requests(start(["a", "b"]), frames(0, 20)));
    expect(cases(events).slice(0, 2)).toEqual(["attemptFailed", "started"]);
    expect(Buffer.from(lives.sessions[0]?.audio() ?? []).equals(Buffer.concat([...numberedFrames(0, 20)]))).toBe(true);
  });

  test("three targets, two deaths: numbers and times go on", async () => {
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: createRecogniser(readsNumbers({ everyMs: 100, diesAtMs: 260 })) },
      b: { liveTranscription: createRecogniser(readsNumbers({ everyMs: 100, diesAtMs: 260 })) },
      c: { liveTranscription: createRecogniser(readsNumbers({ everyMs: 100 })) },
    });
    const { events } = await run(gateway, requests(start(["a", "b", "c"]), frames(0, 40)));
    expect(finals(events).map(({ index, endMs }) => [index, endMs])).toEqual(
      Array.from({ length: 8 }, (_, i) => [i, i * 100 + 100]),
    );
    expect(finals(events).map(({ text }) => text)).toEqual(
      Array.from({ length: 8 }, (_, i) => `${numberAt(i * 1600)}-${numberAt(i * 1600 + 1599)}`),
    );
  });

  test("and was the only one: the status says so, with the attempt", async () => {
    const dies = createRecogniser(readsNumbers({ everyMs: 100, diesAtMs: 200 }));
    await using gateway = await startVoiceGateway({ a: { liveTranscription: dies } });
    const { events, error } = await run(gateway, requests(start(["a"]), frames(0, 40)));
    expect(cases(events)).not.toContain("finished");
    expect(error?.code).toBe(14);
    expect(error?.rawMessage).toContain("broke off");
    expect(dies.sessions).toHaveLength(1);
  });

  test("and had worked is the next one itself, where there is no other: a session may be longer than its vendor's", async () => {
    const script: RecogniserScript = (session, call) =>
      readsNumbers({ everyMs: 2000, ...(call < 2 && { diesAtMs: 7_000 }) })(session, call);
    const breaks = createRecogniser(script);
    await using gateway = await startVoiceGateway({ a: { liveTranscription: breaks } });
    const { events, error } = await run(gateway, requests(start(["a"]), frames(0, 1000)));
    expect(error).toBeUndefined();
    expect(breaks.sessions).toHaveLength(3);
    expect(placesFrom(breaks.sessions[1]?.audio() ?? new Uint8Array(0), 6_000 * 16)).toBe(true);
    expect(finals(events).map(({ index, startMs, endMs }) => [index, startMs, endMs])).toEqual(
      Array.from({ length: 10 }, (_, i) => [i, i * 2000, i * 2000 + 2000]),
    );
    expect(all(events, "attemptFailed").map(({ provider }) => provider)).toEqual(["a", "a"]);
    expect(all(events, "finished")[0]?.routeResult?.attempts.map(({ outcome }) => outcome)).toEqual([2, 2, 1]);
  });

  test("and had worked comes behind those that have not been tried", async () => {
    const script: RecogniserScript = (session, call) =>
      readsNumbers({ everyMs: 1000, ...(call === 0 && { diesAtMs: 6_500 }) })(session, call);
    const refuses: RecogniserScript = async function* () {
      yield* [];
      throw vendorDied();
    };
    const breaks = createRecogniser(script);
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: breaks },
      b: { liveTranscription: createRecogniser(refuses) },
    });
    const { events, error } = await run(gateway, requests(start(["a", "b"]), frames(0, 500)));
    expect(error).toBeUndefined();
    expect(all(events, "attemptFailed").map(({ provider }) => provider)).toEqual(["a", "b"]);
    expect(all(events, "started").map(({ routeResult }) => routeResult?.provider)).toEqual(["a", "a"]);
    expect(finals(events)).toHaveLength(10);
  });

  test("and none of the others can go on: the status has all of them", async () => {
    const refuses: RecogniserScript = async function* () {
      yield* [];
      throw vendorDied();
    };
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: createRecogniser(readsNumbers({ everyMs: 100, diesAtMs: 200 })) },
      b: { liveTranscription: createRecogniser(refuses) },
      c: {},
    });
    const { events, error } = await run(gateway, requests(start(["a", "b", "c"]), frames(0, 40)));
    expect(all(events, "attemptFailed").map(({ provider }) => provider)).toEqual(["a", "b"]);
    expect(error?.code).toBe(14);
    expect(error?.rawMessage).toContain("no other target could go on");
  });

  test("ends before the audio does: that is a death too", async () => {
    const ends: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      await session.next();
      yield { type: "finished", usage: {} };
    };
    const lives = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: createRecogniser(ends) },
      b: { liveTranscription: lives },
    });
    const { events } = await run(gateway, requests(start(["a", "b"]), frames(0, 10)));
    expect(all(events, "attemptFailed")).toHaveLength(1);
    expect(lives.sessions[0]?.heardMs()).toBe(200);
  });

  test("audio that is too old to be kept is said in a warning", async () => {
    const dies: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      while (session.heardMs() < 1000) await session.next();
      throw vendorDied();
    };
    const lives = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: createRecogniser(dies) }, b: { liveTranscription: lives } },
      { maxKeptAudioMs: 400 },
    );
    const { events } = await run(gateway, requests(start(["a", "b"]), frames(0, 60)));
    expect(all(events, "warning")).toMatchObject([
      { code: "audio-dropped", message: expect.stringContaining("600 ms") },
    ]);
    expect(finals(events)[0]).toMatchObject({ index: 0, startMs: 600, endMs: 700 });
    expect(placesFrom(lives.sessions[0]?.audio() ?? new Uint8Array(0), 600 * 16)).toBe(true);
  });
});

describe("parallel", () => {
  const parallel = (providers: readonly string[]) =>
    start(providers, { route: { ...routeTo(...providers), strategy: 2 } });

  test("the first accepted session wins, and the others are let go", async () => {
    const never: RecogniserScript = async function* (session) {
      yield* [];
      await untilAborted(session.signal);
    };
    const slow = createRecogniser(never);
    const quick = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway({
      slow: { liveTranscription: slow },
      quick: { liveTranscription: quick },
    });
    const { events } = await run(gateway, requests(parallel(["slow", "quick"]), frames(0, 10)));
    expect(all(events, "started")).toMatchObject([{ routeResult: { provider: "quick", targetIndex: 1 } }]);
    expect(slow.sessions[0]?.signal.aborted).toBe(true);
    expect(quick.sessions[0]?.heardMs()).toBe(200);
  });

  test("when the winner dies, a loser may go on", async () => {
    const hesitates: RecogniserScript = async function* (session, call) {
      if (call === 0) await untilAborted(session.signal);
      yield* readsNumbers({ everyMs: 100 })(session, call);
    };
    await using gateway = await startVoiceGateway({
      slow: { liveTranscription: createRecogniser(hesitates) },
      quick: { liveTranscription: createRecogniser(readsNumbers({ everyMs: 100, diesAtMs: 160 })) },
    });
    const { events, error } = await run(gateway, requests(parallel(["slow", "quick"]), frames(0, 20)));
    expect(error).toBeUndefined();
    expect(all(events, "started").map(({ routeResult }) => routeResult?.provider)).toEqual(["quick", "slow"]);
    expect(finals(events).map(({ endMs }) => endMs)).toEqual([100, 200, 300, 400]);
  });
});

describe("turns", () => {
  const obeys: RecogniserScript = async function* (session) {
    yield { type: "accepted" };
    let turn = 0;
    for (let input = await session.next(); input; input = await session.next()) {
      if (input.type !== "commit") continue;
      yield { type: "segment", key: String(turn), text: `turn ${turn++}`, final: true };
      yield { type: "turn-ended" };
    }
    yield { type: "finished", usage: {} };
  };

  test("end_turn is a commit, and the turn's end is where it was said", async () => {
    const recogniser = createRecogniser(obeys);
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const manual = { turnDetection: { mode: { case: "manual", value: {} } } };
    const { events } = await run(gateway, requests(start(["a"], manual), frames(0, 5), endTurn, frames(5, 5), endTurn));
    expect(recogniser.sessions[0]?.request.turnDetection).toEqual({ mode: "manual" });
    expect(all(events, "turnEnded")).toMatchObject([
      { lastSegmentIndex: 0, offsetMs: 100 },
      { lastSegmentIndex: 1, offsetMs: 200 },
    ]);
  });

  test("of a target that hears no silence are heard here, and it is told", async () => {
    const recogniser = createRecogniser(obeys, { turnModes: ["manual"] });
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const speech = [tone(200, false), tone(400, true), tone(800, false), tone(300, true), tone(800, false)];
    const { events } = await run(gateway, requests(start(["a"]), speech.map(audio)));
    expect(recogniser.sessions[0]?.request.turnDetection).toEqual({ mode: "manual" });
    expect(all(events, "speechStarted").map(({ offsetMs }) => offsetMs)).toEqual([200, 1400]);
    expect(all(events, "speechEnded").map(({ offsetMs }) => offsetMs)).toEqual([600, 1700]);
    expect(finals(events).map(({ text }) => text)).toEqual(["turn 0", "turn 1"]);
    const commits = recogniser.sessions[0]?.heard.filter((piece) => piece === "commit") ?? [];
    expect(commits).toHaveLength(2);
    expect(all(events, "turnEnded")[0]?.offsetMs).toBeGreaterThanOrEqual(1100);
    expect(all(events, "turnEnded")[0]?.offsetMs).toBeLessThan(1400);
  });

  test("the silence that is asked for is the silence that is waited for", async () => {
    const recogniser = createRecogniser(obeys, { turnModes: ["manual"] });
    await using gateway = await startVoiceGateway({ a: { liveTranscription: recogniser } });
    const patient = { turnDetection: { mode: { case: "silence", value: { silenceMs: 2000 } } } };
    const speech = [tone(400, true), tone(1000, false), tone(300, true), tone(100, false)];
    await run(gateway, requests(start(["a"], patient), speech.map(audio)));
    expect(recogniser.sessions[0]?.heard).not.toContain("commit");
  });

  test("semantic ones are the target's where it can, and a warning where it cannot", async () => {
    const can = createRecogniser(obeys, { turnModes: ["semantic"] });
    const cannot = createRecogniser(obeys, { turnModes: ["silence"] });
    await using gateway = await startVoiceGateway({
      can: { liveTranscription: can },
      cannot: { liveTranscription: cannot },
    });
    const semantic = { turnDetection: { mode: { case: "semantic", value: { eagerness: 3 } } } };
    await run(gateway, requests(start(["can"], semantic)));
    expect(can.sessions[0]?.request.turnDetection).toEqual({ mode: "semantic", eagerness: "high" });
    const { events } = await run(gateway, requests(start(["cannot"], semantic), endTurn));
    expect(cannot.sessions[0]?.request.turnDetection).toEqual({ mode: "silence" });
    expect(all(events, "warning").map(({ field }) => field)).toEqual(["start.turnDetection.semantic", "endTurn"]);
  });

  test("a turn that has ended is not ended again by the next target", async () => {
    const script: RecogniserScript = async function* (session, call) {
      yield { type: "accepted" };
      for (let input = await session.next(); input; input = await session.next()) {
        if (input.type !== "commit") continue;
        const endMs = session.heardMs() - 40; // the speech ended before the turn was
        yield { type: "segment", key: String(call), text: "words", startMs: 0, endMs, final: true };
        yield { type: "turn-ended", offsetMs: endMs };
        if (call === 0) throw vendorDied();
      }
      yield { type: "finished", usage: {} };
    };
    const dies = createRecogniser(script, { turnModes: ["silence", "manual"] });
    const lives = createRecogniser((session) => script(session, 1), { turnModes: ["silence", "manual"] });
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: dies },
      b: { liveTranscription: lives },
    });
    const { events } = await run(gateway, requests(start(["a", "b"]), frames(0, 10), endTurn, frames(10, 10), endTurn));
    expect(all(events, "turnEnded").map(({ offsetMs }) => offsetMs)).toEqual([160, 360]);
  });

  test("a turn whose words had all come before the target died still ends", async () => {
    const dies: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      while (await session.next()) {
        if (session.heard.at(-1) !== "commit") continue;
        yield { type: "segment", key: "0", text: "all of it", final: true };
        throw vendorDied();
      }
    };
    const lives = createRecogniser(obeys, { turnModes: ["manual"] });
    await using gateway = await startVoiceGateway({
      a: { liveTranscription: createRecogniser(dies, { turnModes: ["manual"] }) },
      b: { liveTranscription: lives },
    });
    const speech = [tone(400, true), tone(900, false), tone(300, true), tone(900, false)];
    const { events } = await run(gateway, requests(start(["a", "b"]), speech.map(audio)));
    expect(finals(events).map(({ text }) => text)).toEqual(["all of it", "turn 0"]);
    expect(all(events, "turnEnded").map(({ lastSegmentIndex }) => lastSegmentIndex)).toEqual([0, 1]);
  });
});

describe("time", () => {
  test("a speaker may be silent for longer than the stall timeout", async () => {
    const goOn = Promise.withResolvers<void>();
    const quiet: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      await session.next();
      setTimeout(() => goOn.resolve(), 300);
      while (await session.next());
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: createRecogniser(quiet) } },
      { stallTimeoutMs: 50 },
    );
    async function* speaker() {
      yield* frames(0, 1);
      await goOn.promise;
      yield* frames(1, 1);
    }
    const { error } = await run(gateway, requests(start(["a"]), speaker()));
    expect(error).toBeUndefined();
  });

  test("a target that owes the words of a turn has stalled, and the next gets the audio", async () => {
    const owes: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      await session.next();
      yield { type: "segment", key: "0", text: "some", final: false };
      while (await session.next());
      await untilAborted(session.signal);
    };
    const lives = createRecogniser(readsNumbers({ everyMs: 100 }));
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: createRecogniser(owes) }, b: { liveTranscription: lives } },
      { stallTimeoutMs: 60 },
    );
    const { events, error } = await run(gateway, requests(start(["a", "b"]), frames(0, 10)));
    expect(error).toBeUndefined();
    expect(all(events, "attemptFailed")).toMatchObject([{ provider: "a" }]);
    expect(all(events, "attemptFailed")[0]?.failure?.message).toContain("stall timeout");
    expect(lives.sessions[0]?.heardMs()).toBe(200);
  });

  test("a turn in which nobody spoke owes nothing", async () => {
    const goOn = Promise.withResolvers<void>();
    const says: RecogniserScript = async function* (session) {
      yield { type: "accepted" };
      while (await session.next()) if (session.heard.at(-1) === "commit") setTimeout(() => goOn.resolve(), 200);
      yield { type: "finished", usage: {} };
    };
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: createRecogniser(says) } },
      { stallTimeoutMs: 50 },
    );
    async function* speaker() {
      yield* [...frames(0, 1), endTurn];
      await goOn.promise;
      yield* frames(1, 1);
    }
    const { error } = await run(gateway, requests(start(["a"]), speaker()));
    expect(error).toBeUndefined();
  });

  test("a caller who stops sending without closing is ended, with the last words", async () => {
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: createRecogniser(readsNumbers({ everyMs: 1000 })) } },
      { idleTimeoutMs: 80 },
    );
    const forever = new Promise<never>(() => undefined);
    async function* silentCaller() {
      yield* frames(0, 10);
      await forever;
    }
    const { events, error } = await run(gateway, requests(start(["a"]), silentCaller()));
    expect(error).toBeUndefined();
    expect(finals(events)).toMatchObject([{ endMs: 200 }]);
    expect(all(events, "warning")).toMatchObject([{ code: "session-idle" }]);
    expect(cases(events).at(-1)).toBe("finished");
  });

  test("a caller who opens and sends no start is told so", async () => {
    await using gateway = await startVoiceGateway({}, { idleTimeoutMs: 50 });
    const { error } = await run(
      gateway,
      (async function* (): AsyncGenerator<Request> {
        await new Promise(() => undefined);
      })(),
    );
    expect(error?.code).toBe(3);
    expect(error?.rawMessage).toContain("start");
  });
});

describe("a caller who leaves", () => {
  const phases: readonly (readonly [string, RecogniserScript])[] = [
    [
      "while the target is connecting",
      async function* (session) {
        yield* [];
        await untilAborted(session.signal);
      },
    ],
    [
      "while it is speaking",
      async function* (session) {
        yield { type: "accepted" };
        while (await session.next());
      },
    ],
    [
      "while the target says nothing",
      async function* (session) {
        yield { type: "accepted" };
        await untilAborted(session.signal);
      },
    ],
  ];

  test.each(phases)("%s: the target's signal is aborted", async (_, script) => {
    const aborted = Promise.withResolvers<void>();
    const recogniser = createRecogniser(async function* (session, call) {
      session.signal.addEventListener("abort", () => aborted.resolve());
      yield* script(session, call);
    });
    await using gateway = await startVoiceGateway(
      { a: { liveTranscription: recogniser } },
      { heartbeatIntervalMs: 10 },
    );
    const caller = new AbortController();
    async function* speaker() {
      yield* frames(0, 2);
      await untilAborted(caller.signal).catch(() => undefined);
    }
    const calls = gateway.transcription.transcribeStream(requests(start(["a"]), speaker()), { signal: caller.signal });
    await calls[Symbol.asyncIterator]().next();
    caller.abort();
    await aborted.promise;
  });
});

test("a target that has finished closes its session in its own time, and is not cut off", async () => {
  let closed = false;
  const tidy: RecogniserScript = async function* (session) {
    yield { type: "accepted" };
    while (await session.next());
    yield { type: "finished", usage: {} };
    closed = !session.signal.aborted;
  };
  await using gateway = await startVoiceGateway({ a: { liveTranscription: createRecogniser(tidy) } });
  const { error } = await run(gateway, requests(start(["a"]), frames(0, 5)));
  expect([error, closed]).toEqual([undefined, true]);
});
