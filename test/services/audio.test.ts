import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { SpeakStreamRequestSchema, SpeakStreamResponse } from "../../gen/livellm/v1/audio_service_pb.ts";
import { readWav, writeWav } from "../../src/audio/wav.ts";
import type { AudioFormat } from "../../src/core/audio-format.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { SpeechEvent } from "../../src/core/speech.ts";
import { numberAt, numberedSamples, samplesOf } from "../live/numbered-audio.ts";
import { untilAborted, vendorDied } from "../live/scripted-recogniser.ts";
import { createVoice, speaks } from "../live/scripted-voice.ts";
import { routeTo, startVoiceGateway, type VoiceGateway } from "../live/voice-gateway.ts";

type Event = SpeakStreamResponse["event"];
type Named<C extends Event["case"]> = NonNullable<Extract<Event, { case: C }>["value"]>;

const pcm24k: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };

async function speak(gateway: VoiceGateway, request: MessageInitShape<typeof SpeakStreamRequestSchema>) {
  const events: Event[] = [];
  try {
    for await (const { event } of gateway.audio.speakStream({ text: "Hello there.", ...request })) events.push(event);
    return { events, error: undefined };
  } catch (error) {
    return { events, error: ConnectError.from(error) };
  }
}

function all<C extends NonNullable<Event["case"]>>(events: readonly Event[], name: C): Named<C>[] {
  return events.flatMap((event) => (event.case === name ? [event.value as Named<C>] : []));
}

const pieces = (events: readonly Event[]) => all(events, "audio").map(({ data }) => data);
const whole = (events: readonly Event[]) => new Uint8Array(Buffer.concat(pieces(events)));

describe("SpeakStream", () => {
  test("is started, audio and words, and finished, in this order", async () => {
    const words = [{ text: "Hello", startMs: 0, endMs: 20.4 }];
    const voice = createVoice(async function* () {
      yield {
        type: "response",
        model: "m-1",
        requestId: "r",
        format: pcm24k,
        warnings: [{ code: "option-ignored", message: "no speed" }],
      };
      yield { type: "audio", data: numberedSamples(0, 480) };
      yield { type: "words", words };
      yield { type: "audio", data: numberedSamples(480, 480) };
      yield { type: "finished", usage: { inputTokens: 3 }, warnings: [{ code: "late", message: "late" }] };
    });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events } = await speak(gateway, { route: routeTo("a"), config: { wordTimings: true } });
    expect(events.map((event) => event.case)).toEqual(["started", "audio", "words", "audio", "finished"]);
    expect(events[0]).toMatchObject({
      value: {
        routeResult: { targetIndex: 0, provider: "a", model: "m-1", providerRequestId: "r" },
        format: { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 },
        warnings: [{ code: "option-ignored" }],
      },
    });
    expect(all(events, "words")).toMatchObject([{ words: [{ text: "Hello", startMs: 0, endMs: 20 }] }]);
    expect(samplesOf(whole(events)).every((sample, i) => sample === numberAt(i))).toBe(true);
    expect(all(events, "finished")).toMatchObject([
      {
        durationMs: 40,
        usage: { inputTokens: 3, inputCharacters: 12, outputAudioMs: 40 },
        warnings: [{ code: "late" }],
      },
    ]);
  });

  test("what the vendor says of its usage counts", async () => {
    const voice = createVoice(speaks(pcm24k, 100, { usage: { inputCharacters: 99, outputAudioMs: 7 } }));
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events } = await speak(gateway, { route: routeTo("a") });
    expect(all(events, "finished")).toMatchObject([{ usage: { inputCharacters: 99, outputAudioMs: 7 } }]);
  });

  test("chunk_ms cuts exact frames, the last as long as what is left", async () => {
    const voice = createVoice(speaks(pcm24k, 105, { pieceBytes: 777 }));
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events } = await speak(gateway, { route: routeTo("a"), chunkMs: 20 });
    expect(pieces(events).map(({ length }) => length)).toEqual([960, 960, 960, 960, 960, 240]);
    expect(samplesOf(whole(events)).every((sample, i) => sample === numberAt(i))).toBe(true);
  });

  test("converts to telephone audio, in exact frames, and says so", async () => {
    const voice = createVoice(speaks(pcm24k, 100, { pieceBytes: 1001 }));
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const format = { mimeType: "audio/ulaw", sampleRateHertz: 8000 };
    const { events } = await speak(gateway, { route: routeTo("a"), config: { format }, chunkMs: 20 });
    expect(pieces(events).map(({ length }) => length)).toEqual([160, 160, 160, 160, 160]);
    expect(all(events, "started")).toMatchObject([
      {
        format: { mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 },
        warnings: [{ code: "audio-resampled" }],
      },
    ]);
    expect(all(events, "finished")).toMatchObject([{ durationMs: 100, usage: { outputAudioMs: 100 } }]);
    expect(voice.requests[0]?.format).toEqual(pcm24k);
  });

  test("the rate and the channels may stand in the media type", async () => {
    const voice = createVoice(speaks(pcm24k, 100));
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const config = { format: { mimeType: "audio/pcm;rate=8000;channels=2" } };
    const { events } = await speak(gateway, { route: routeTo("a"), config });
    const format = { mimeType: "audio/pcm", sampleRateHertz: 8000, channelCount: 2 };
    expect(all(events, "started")).toMatchObject([{ format }]);
    expect(whole(events).length).toBe(3200);
  });

  test("WAV has one header, ours, whatever the vendor's is", async () => {
    const voice = createVoice(speaks(pcm24k, 50));
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events } = await speak(gateway, {
      route: routeTo("a"),
      config: { format: { mimeType: "audio/wav" } },
      chunkMs: 20,
    });
    expect(readWav(whole(events))).toMatchObject({
      durationMs: 50,
      layout: { encoding: "pcm16", sampleRateHertz: 24_000 },
    });
    expect(all(events, "started")[0]?.warnings.map(({ field }) => field)).toContain("chunkMs");
    expect(all(events, "finished")).toMatchObject([{ durationMs: 50 }]);
  });

  test("a text that is longer than the model takes is spoken in pieces, as one", async () => {
    const voice = createVoice(
      async function* (request, _signal, call) {
        yield { type: "response", format: pcm24k };
        yield { type: "audio", data: new Uint8Array(new Int16Array(480).fill(call + 1).buffer) };
        yield { type: "words", words: [{ text: request.text, startMs: 5, endMs: 15 }] };
        yield { type: "finished", usage: { inputTokens: 3 } };
      },
      { longestText: 31 },
    );
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const text = "One sentence. And another one. Then a third that is as long as that!";
    const config = { format: { mimeType: "audio/wav" }, wordTimings: true };
    const { events, error } = await speak(gateway, { route: routeTo("a"), text, config });
    expect(error).toBeUndefined();
    expect(voice.requests.map((request) => request.text)).toEqual([
      "One sentence. And another one.",
      "Then a third that is as long",
      "as that!",
    ]);
    expect(readWav(whole(events))).toMatchObject({ durationMs: 60 });
    expect(all(events, "words").map(({ words }) => words[0]?.startMs)).toEqual([5, 25, 45]);
    expect(all(events, "started").map(({ warnings }) => warnings.map(({ code }) => code))).toEqual([
      ["audio-converted", "text-split"],
    ]);
    expect(all(events, "finished")).toMatchObject([
      { usage: { inputTokens: 9, inputCharacters: 66, outputAudioMs: 60 } },
    ]);
  });

  test("one whose later piece fails in passing is whole all the same", async () => {
    const voice = createVoice(
      async function* (_request, _signal, call) {
        if (call === 1) throw vendorDied();
        yield { type: "response", format: pcm24k };
        yield { type: "audio", data: numberedSamples(0, 480) };
        yield { type: "finished", usage: {} };
      },
      { longestText: 20 },
    );
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const text = "One sentence here. And another one.";
    const { events, error } = await speak(gateway, { route: routeTo("a"), text });
    expect(error).toBeUndefined();
    expect(events.map((event) => event.case)).toEqual(["started", "audio", "audio", "finished"]);
    expect(voice.requests.map((request) => request.text)).toEqual([
      "One sentence here.",
      "And another one.",
      "And another one.",
    ]);
  });

  test("one is refused in a form that pieces cannot be put together to, in words that say so", async () => {
    const flac = { mimeType: "audio/flac", sampleRateHertz: 0, channelCount: 1 };
    const mp3 = { mimeType: "audio/mpeg", sampleRateHertz: 0, channelCount: 1 };
    const voice = createVoice(speaks(flac, 50), { formats: [pcm24k, mp3, flac], longestText: 20 });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const config = { format: { mimeType: "audio/flac" } };
    const long = await speak(gateway, { route: routeTo("a"), text: "One sentence here. And another one.", config });
    expect([long.error?.code, long.error?.rawMessage]).toEqual([9, expect.stringContaining("ask for audio/mpeg")]);
    expect(voice.requests).toEqual([]);
    expect((await speak(gateway, { route: routeTo("a"), text: "A short one.", config })).error).toBeUndefined();
  });

  test("one whose later piece fails ends with a failure, and not as if it were whole", async () => {
    const voice = createVoice(
      async function* (_request, _signal, call) {
        if (call > 0) throw vendorDied();
        yield { type: "response", format: pcm24k };
        yield { type: "audio", data: numberedSamples(0, 480) };
        yield { type: "finished", usage: {} };
      },
      { longestText: 20 },
    );
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events, error } = await speak(gateway, {
      route: routeTo("a"),
      text: "One sentence here. And another one.",
    });
    expect(events.map((event) => event.case)).toEqual(["started", "audio"]);
    expect(error?.code).toBe(14);
  });

  test("audio that is not what it was asked to be is the provider's failure, and the next target speaks", async () => {
    const wav = { mimeType: "audio/wav", sampleRateHertz: 0, channelCount: 1 };
    const lies = () =>
      createVoice(
        async function* () {
          yield { type: "response", format: wav };
          yield { type: "audio", data: Buffer.from("ID3\x04 this is an MP3 file, and longer than a header") };
          yield { type: "finished", usage: {} };
        },
        { formats: [wav] },
      );
    await using gateway = await startVoiceGateway({
      a: { speech: lies() },
      b: { speech: createVoice(speaks(pcm24k, 50)) },
    });
    const config = { format: { mimeType: "audio/pcm", sampleRateHertz: 24_000 } };
    const alone = await speak(gateway, { route: routeTo("a"), config });
    expect([alone.error?.code, alone.error?.rawMessage]).toEqual([
      13,
      expect.stringContaining("the provider sent other audio than it was asked for: the WAV audio cannot be read"),
    ]);
    const { events } = await speak(gateway, { route: routeTo("a", "b"), config });
    expect(all(events, "started")).toMatchObject([{ routeResult: { targetIndex: 1 } }]);
  });

  test("a WAV file that ends before the end it tells is no whole answer, in any form that is made of it", async () => {
    const wav = { mimeType: "audio/wav", sampleRateHertz: 0, channelCount: 1 };
    const cutShort = createVoice(
      async function* () {
        yield { type: "response", format: wav };
        yield { type: "audio", data: writeWav(pcm24k, numberedSamples(0, 480)).subarray(0, -200) };
        yield { type: "finished", usage: {} };
      },
      { formats: [wav] },
    );
    await using gateway = await startVoiceGateway({ a: { speech: cutShort } });
    for (const mimeType of ["audio/pcm", "audio/wav"]) {
      const { events, error } = await speak(gateway, { route: routeTo("a"), config: { format: { mimeType } } });
      expect(all(events, "finished")).toEqual([]);
      expect([error?.code, error?.rawMessage]).toEqual([14, expect.stringContaining("200 bytes before the end")]);
    }
  });

  test("what has a form of its own is passed on, and its length is not known", async () => {
    const mp3 = { mimeType: "audio/mpeg", sampleRateHertz: 0, channelCount: 1 };
    const voice = createVoice(speaks(mp3, 50), { formats: [pcm24k, mp3] });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events } = await speak(gateway, { route: routeTo("a"), config: { format: { mimeType: "audio/mpeg" } } });
    expect(voice.requests[0]?.format.mimeType).toBe("audio/mpeg");
    expect(all(events, "finished")).toMatchObject([{ usage: { inputCharacters: 12 } }]);
    expect(all(events, "finished")[0]?.durationMs).toBeUndefined();
  });

  test("a form that cannot be made is refused before anybody is paid", async () => {
    const voice = createVoice(speaks(pcm24k, 50));
    await using gateway = await startVoiceGateway({ a: { speech: voice }, b: { speech: voice } });
    const config = { format: { mimeType: "audio/ogg" } };
    const { error } = await speak(gateway, { route: routeTo("a", "b"), config });
    expect(error?.code).toBe(9);
    expect(error?.rawMessage).toContain("audio/pcm");
    expect(voice.requests).toEqual([]);
  });

  test("a rate without a form is refused", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: createVoice(speaks(pcm24k, 50)) } });
    const { error } = await speak(gateway, { route: routeTo("a"), config: { format: { sampleRateHertz: 8000 } } });
    expect(error?.code).toBe(3);
    expect(error?.rawMessage).toContain("config.format.mimeType");
  });

  test("a text of spaces only is refused", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: createVoice(speaks(pcm24k, 50)) } });
    const { error } = await speak(gateway, { route: routeTo("a"), text: " \n " });
    expect(error?.code).toBe(3);
  });

  test("heartbeats come while the vendor thinks", async () => {
    const goOn = Promise.withResolvers<void>();
    const voice = createVoice(async function* (request, signal) {
      await goOn.promise;
      yield* speaks(pcm24k, 20)(request, signal, 0);
    });
    await using gateway = await startVoiceGateway({ a: { speech: voice } }, { heartbeatIntervalMs: 10 });
    const seen: (string | undefined)[] = [];
    for await (const { event } of gateway.audio.speakStream({ route: routeTo("a"), text: "x" })) {
      seen.push(event.case);
      goOn.resolve();
    }
    expect(seen[0]).toBe("heartbeat");
    expect(seen.at(-1)).toBe("finished");
  });
});

describe("fallback", () => {
  const dies = (after: number) =>
    createVoice(async function* (): AsyncGenerator<SpeechEvent> {
      yield { type: "response", format: pcm24k };
      if (after > 0) yield { type: "audio", data: new Uint8Array(after).fill(1) };
      throw vendorDied();
    });

  test("before the first audio: the next one speaks, and nothing of the first is heard", async () => {
    const next = createVoice(speaks({ ...pcm24k, sampleRateHertz: 16_000 }, 100), {
      formats: [{ ...pcm24k, sampleRateHertz: 16_000 }],
    });
    await using gateway = await startVoiceGateway({ a: { speech: dies(0) }, b: { speech: next } });
    const format = { mimeType: "audio/pcm", sampleRateHertz: 24_000 };
    const { events } = await speak(gateway, { route: routeTo("a", "b"), config: { format } });
    expect(events.map((event) => event.case).slice(0, 2)).toEqual(["attemptFailed", "started"]);
    expect(all(events, "started")).toMatchObject([
      { routeResult: { provider: "b" }, format, warnings: [{ code: "audio-resampled" }] },
    ]);
    expect(whole(events).length).toBe(4800);
  });

  test("with less audio than makes a frame nothing was heard, so the next one speaks", async () => {
    const next = createVoice(speaks(pcm24k, 100));
    await using gateway = await startVoiceGateway({ a: { speech: dies(100) }, b: { speech: next } });
    const { events } = await speak(gateway, { route: routeTo("a", "b"), chunkMs: 20 });
    expect(all(events, "attemptFailed")).toHaveLength(1);
    expect(samplesOf(whole(events)).every((sample, i) => sample === numberAt(i))).toBe(true);
  });

  test("after the first audio: the call ends with what was tried", async () => {
    const next = createVoice(speaks(pcm24k, 100));
    await using gateway = await startVoiceGateway({ a: { speech: dies(100) }, b: { speech: next } });
    const { events, error } = await speak(gateway, { route: routeTo("a", "b") });
    expect(events.map((event) => event.case)).toEqual(["started", "audio"]);
    expect(error?.code).toBe(14);
    expect(next.requests).toEqual([]);
  });

  test("a target that makes no audio, or does not end, has failed", async () => {
    const mute = createVoice(async function* () {
      yield { type: "response", format: pcm24k };
      yield { type: "finished", usage: {} };
    });
    const cut = createVoice(async function* () {
      yield { type: "response", format: pcm24k };
      yield { type: "audio", data: new Uint8Array(100) };
    });
    await using gateway = await startVoiceGateway({ mute: { speech: mute }, cut: { speech: cut } });
    const { events, error } = await speak(gateway, { route: routeTo("mute", "cut") });
    expect(all(events, "attemptFailed")).toMatchObject([{ provider: "mute" }]);
    expect(error?.code).toBe(14);
  });

  test("a target that cannot make the form is passed over for one that can", async () => {
    const mp3 = { mimeType: "audio/mpeg", sampleRateHertz: 0, channelCount: 1 };
    const a = createVoice(speaks(pcm24k, 20));
    const b = createVoice(speaks(mp3, 20), { formats: [mp3] });
    await using gateway = await startVoiceGateway({ a: { speech: a }, b: { speech: b } });
    const { events } = await speak(gateway, {
      route: routeTo("a", "b"),
      config: { format: { mimeType: "audio/mpeg" } },
    });
    expect(a.requests).toEqual([]);
    expect(all(events, "started")).toMatchObject([{ routeResult: { provider: "b" } }]);
  });

  test("parallel: the first audio wins, and the other is let go", async () => {
    const slow = createVoice(async function* (_, signal) {
      yield { type: "response", format: pcm24k };
      await untilAborted(signal);
    });
    await using gateway = await startVoiceGateway({
      slow: { speech: slow },
      quick: { speech: createVoice(speaks(pcm24k, 20)) },
    });
    const { events } = await speak(gateway, { route: { ...routeTo("slow", "quick"), strategy: 2 } });
    expect(all(events, "started")).toMatchObject([{ routeResult: { provider: "quick" } }]);
    expect(slow.signals[0]?.aborted).toBe(true);
  });
});

test.each([
  ["before the first audio", 0],
  ["in the middle of it", 1],
])("a caller who leaves %s reaches the vendor", async (_, pieceCount) => {
  const aborted = Promise.withResolvers<void>();
  const voice = createVoice(async function* (_request, signal) {
    signal.addEventListener("abort", () => aborted.resolve());
    yield { type: "response", format: pcm24k };
    for (let i = 0; i < pieceCount; i++) yield { type: "audio", data: new Uint8Array(100) };
    await untilAborted(signal);
  });
  await using gateway = await startVoiceGateway({ a: { speech: voice } }, { heartbeatIntervalMs: 10 });
  const caller = new AbortController();
  const events = gateway.audio.speakStream({ route: routeTo("a"), text: "x" }, { signal: caller.signal });
  await events[Symbol.asyncIterator]().next();
  caller.abort();
  await aborted.promise;
});

describe("Speak", () => {
  test("is the whole of it", async () => {
    const voice = createVoice(speaks(pcm24k, 105, { pieceBytes: 333 }));
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const speech = await gateway.audio.speak({
      route: { targets: [{ provider: "a", model: "m", voice: "v", options: { x: 1 } }] },
      text: "Hi 👋",
      config: { speed: 1.5, instructions: "softly", languageCode: "en-GB" },
      caller: { requestId: "req", userId: "user" },
    });
    expect(samplesOf(speech.audio).every((sample, i) => sample === numberAt(i))).toBe(true);
    expect(speech).toMatchObject({ durationMs: 105, format: { mimeType: "audio/pcm" }, usage: { inputCharacters: 4 } });
    expect(voice.requests[0]).toMatchObject({
      voice: "v",
      options: { x: 1 },
      speed: 1.5,
      instructions: "softly",
      languageCode: "en-GB",
      requestId: "req",
      userId: "user",
      text: "Hi 👋",
    });
  });

  test("WAV says how long it is", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: createVoice(speaks(pcm24k, 100)) } });
    const format = { mimeType: "audio/wav", sampleRateHertz: 8000 };
    const speech = await gateway.audio.speak({ route: routeTo("a"), text: "x", config: { format } });
    expect(Buffer.from(speech.audio).readUInt32LE(40)).toBe(1600);
    expect(Buffer.from(speech.audio).readUInt32LE(4)).toBe(speech.audio.length - 8);
    expect(speech.format).toMatchObject(format);
  });

  test("an error of the vendor's is the status", async () => {
    const voice = createVoice(async function* () {
      yield* [];
      throw new LivellmError("resource_exhausted", "rate_limited", "slow down");
    });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    await expect(gateway.audio.speak({ route: routeTo("a"), text: "x" })).rejects.toThrow(/slow down/);
  });
});

describe("ListVoices", () => {
  const named = (id: string) => ({
    id,
    displayName: id,
    languageCodes: ["en"],
    description: "",
    previewUrl: "",
    labels: { gender: "f" },
  });
  const voice = createVoice(speaks(pcm24k, 1), { voices: ["d", "b", "a", "c"].map(named) });

  test("gives pages, sorted by id", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const first = await gateway.audio.listVoices({ provider: "a", pageSize: 3, languageCode: "en", model: "m2" });
    expect(first.voices.map(({ id }) => id)).toEqual(["a", "b", "c"]);
    expect(first.voices[0]).toMatchObject({ languageCodes: ["en"], labels: { gender: "f" } });
    const second = await gateway.audio.listVoices({
      provider: "a",
      pageSize: 3,
      languageCode: "en",
      model: "m2",
      pageToken: first.nextPageToken,
    });
    expect(second.voices.map(({ id }) => id)).toEqual(["d"]);
    expect(second.nextPageToken).toBe("");
    expect(voice.queries.at(-1)).toEqual({ model: "m2", languageCode: "en" });
    const other = gateway.audio.listVoices({ provider: "a", pageSize: 2, pageToken: first.nextPageToken });
    await expect(other).rejects.toThrow(/pageToken/);
    await expect(gateway.audio.listVoices({ provider: "a", pageToken: "x" })).rejects.toThrow(/pageToken/);
  });

  test("needs no model, whatever the provider's lists say", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: voice, config: { allowedModels: ["tts-*"] } } });
    expect((await gateway.audio.listVoices({ provider: "a" })).voices).toHaveLength(4);
  });

  test("says what is not there", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: createVoice(speaks(pcm24k, 1)) }, mute: {} });
    await expect(gateway.audio.listVoices({ provider: "a" })).rejects.toThrow(/no list of voices/);
    await expect(gateway.audio.listVoices({ provider: "mute" })).rejects.toThrow(/cannot speak/);
    await expect(gateway.audio.listVoices({ provider: "nobody" })).rejects.toThrow(/no provider "nobody"/);
  });
});
