import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import type { SpeakDuplexRequestSchema, SpeakDuplexResponse } from "../../gen/livellm/v1/audio_service_pb.ts";
import { readWav } from "../../src/audio/wav.ts";
import type { AudioFormat } from "../../src/core/audio-format.ts";
import { LivellmError } from "../../src/core/error.ts";
import type { SpeechInput, SpeechSession } from "../../src/core/speech.ts";
import { numberedSamples } from "../live/numbered-audio.ts";
import { untilAborted, vendorDied } from "../live/scripted-recogniser.ts";
import { createVoice, type VoiceScript } from "../live/scripted-voice.ts";
import { routeTo, startVoiceGateway, type VoiceGateway } from "../live/voice-gateway.ts";

type Request = MessageInitShape<typeof SpeakDuplexRequestSchema>;
type Event = SpeakDuplexResponse["event"];
type Named<C extends Event["case"]> = NonNullable<Extract<Event, { case: C }>["value"]>;

const pcm24k: AudioFormat = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };
const text = (value: string): Request => ({ input: { case: "text", value: { text: value } } });
const flush: Request = { input: { case: "flush", value: {} } };
const clear: Request = { input: { case: "clear", value: {} } };
const start = (providers: readonly string[], more: object = {}): Request => ({
  input: { case: "start", value: { route: routeTo(...providers), ...more } },
});

/** What the caller sends, when the test says so. */
class Writer {
  readonly #written: (Request | "end")[] = [];
  #wake: () => void = () => {};

  write(...requests: readonly (Request | "end")[]): void {
    this.#written.push(...requests);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Request> {
    for (;;) {
      const request = this.#written.shift();
      if (request === "end") return;
      if (request) yield request;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

async function run(gateway: VoiceGateway, input: Writer, onEvent: (event: Event) => void = () => {}) {
  const events: Event[] = [];
  try {
    for await (const { event } of gateway.audio.speakDuplex(input[Symbol.asyncIterator]())) {
      if (event.case === "heartbeat") continue;
      events.push(event);
      onEvent(event);
    }
    return { events, error: undefined };
  } catch (error) {
    return { events, error: ConnectError.from(error) };
  }
}

function runAll(gateway: VoiceGateway, ...requests: readonly Request[]) {
  const writer = new Writer();
  writer.write(...requests, "end");
  return run(gateway, writer);
}

function all<C extends NonNullable<Event["case"]>>(events: readonly Event[], name: C): Named<C>[] {
  return events.flatMap((event) => (event.case === name ? [event.value as Named<C>] : []));
}

const cases = (events: readonly Event[]) => events.map((event) => event.case);
const bytes = (events: readonly Event[]) => new Uint8Array(Buffer.concat(all(events, "audio").map(({ data }) => data)));

/** 20 ms a sentence, every sample the number of the call. */
const oneFrame: VoiceScript = async function* (_request, _signal, call) {
  yield { type: "response", format: pcm24k };
  yield { type: "audio", data: new Uint8Array(new Int16Array(480).fill(call + 1).buffer) };
  yield { type: "words", words: [{ text: `word ${call}`, startMs: 5, endMs: 15 }] };
  yield { type: "finished", usage: {} };
};

describe("with a voice that takes whole texts", () => {
  test("speaks sentence after sentence, in one stream", async () => {
    const voice = createVoice(oneFrame);
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events, error } = await runAll(
      gateway,
      start(["a"]),
      text("The first sentence is he"),
      text("re. And this is the second one! The"),
      text(" third"),
    );
    expect(error).toBeUndefined();
    expect(voice.requests.map((request) => request.text)).toEqual([
      "The first sentence is here.",
      "And this is the second one!",
      "The third",
    ]);
    expect(cases(events)).toEqual(["started", "audio", "words", "audio", "words", "audio", "words", "finished"]);
    expect(all(events, "words").map(({ words }) => words[0]?.startMs)).toEqual([5, 25, 45]);
    expect(all(events, "finished")).toMatchObject([
      { durationMs: 60, usage: { inputCharacters: 27 + 27 + 9, outputAudioMs: 60 }, routeResult: { provider: "a" } },
    ]);
  });

  test("no sentence is longer than the model takes", async () => {
    const voice = createVoice(oneFrame, { longestText: 40 });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const said = "Well. This one sentence goes on and on, from here, to there, and it has no end in sight.";
    const { events, error } = await runAll(gateway, start(["a"]), text(said));
    expect(error).toBeUndefined();
    const sent = voice.requests.map((request) => request.text);
    expect(Math.max(...sent.map(({ length }) => length))).toBeLessThanOrEqual(40);
    expect(sent.join(" ")).toBe(said);
    expect(all(events, "audio")).toHaveLength(sent.length);
  });

  test("flushed comes when everything up to a flush has been spoken", async () => {
    const voice = createVoice(oneFrame);
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const writer = new Writer();
    writer.write(start(["a"]), text("No full stop"), flush);
    const { events } = await run(gateway, writer, (event) => {
      if (event.case === "flushed") writer.write(text("More"), "end");
    });
    expect(cases(events).filter((name) => name !== "words")).toEqual([
      "started",
      "audio",
      "flushed",
      "audio",
      "finished",
    ]);
    expect(voice.requests.map((request) => request.text)).toEqual(["No full stop", "More"]);
  });

  test("frames go on over sentences, but a flush does not wait for one to be full", async () => {
    const voice = createVoice(oneFrame);
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const { events } = await runAll(gateway, start(["a"], { chunkMs: 15 }), text("One"), flush, text("Two"));
    expect(all(events, "audio").map(({ data }) => data.length)).toEqual([720, 240, 720, 240]);
  });

  test("clear stops the sentence that is being spoken, and forgets the others", async () => {
    const stopped = Promise.withResolvers<void>();
    const voice = createVoice(async function* (request, signal, call) {
      if (call > 0) return yield* oneFrame(request, signal, call);
      yield { type: "response", format: pcm24k };
      yield { type: "audio", data: new Uint8Array(960).fill(9) };
      await untilAborted(signal).finally(() => stopped.resolve());
    });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const writer = new Writer();
    writer.write(start(["a"]), text("The first sentence is long. The second one is queued. The third too."));
    const { events } = await run(gateway, writer, (event) => {
      if (event.case === "audio") writer.write(clear, text("After"), "end");
    });
    await stopped.promise;
    expect(voice.requests.map((request) => request.text)).toEqual(["The first sentence is long.", "After"]);
    expect(cases(events).filter((name) => name !== "words")).toEqual([
      "started",
      "audio",
      "cleared",
      "audio",
      "finished",
    ]);
  });

  test("clear drops what was not yet a whole frame, too", async () => {
    const voice = createVoice(async function* (request, signal, call) {
      if (call > 0) return yield* oneFrame(request, signal, call);
      yield { type: "response", format: pcm24k };
      yield { type: "audio", data: new Uint8Array(960 + 500).fill(9) };
      await untilAborted(signal);
    });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const writer = new Writer();
    writer.write(start(["a"], { chunkMs: 20 }), text("Something"), flush);
    const { events } = await run(gateway, writer, (event) => {
      if (event.case === "audio") writer.write(clear, text("After"), "end");
    });
    const behind = events.slice(cases(events).indexOf("cleared"));
    expect(bytes(behind).includes(9)).toBe(false);
    expect(bytes(behind).length).toBe(960);
    expect(cases(events)).not.toContain("flushed"); // the flush was forgotten with its text
  });

  test("a caller who waits to be accepted before writing is", async () => {
    const voice = createVoice(oneFrame);
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const writer = new Writer();
    writer.write(start(["a"], { config: { format: { mimeType: "audio/ulaw" } } }));
    const { events } = await run(gateway, writer, (event) => {
      if (event.case === "started") writer.write(text("At last"), "end");
    });
    expect(all(events, "started")).toMatchObject([{ format: { mimeType: "audio/ulaw", sampleRateHertz: 8000 } }]);
    expect(bytes(events).length).toBe(160);
  });

  test("nothing to say is no error", async () => {
    await using gateway = await startVoiceGateway({ a: { speech: createVoice(oneFrame) } });
    expect(cases((await runAll(gateway, start(["a"]))).events)).toEqual(["started", "finished"]);
    expect(cases((await runAll(gateway, start(["a"]), clear)).events)).toEqual(["started", "cleared", "finished"]);
  });

  test("WAV has one header for all of it, whatever each sentence has", async () => {
    const wavVoice = createVoice(
      async function* (_request, _signal, call) {
        yield { type: "response", format: { mimeType: "audio/wav", sampleRateHertz: 24_000, channelCount: 1 } };
        const { writeWav } = await import("../../src/audio/wav.ts");
        yield { type: "audio", data: writeWav(pcm24k, numberedSamples(call * 480, 480)) };
        yield { type: "finished", usage: {} };
      },
      { formats: [{ mimeType: "audio/wav", sampleRateHertz: 24_000, channelCount: 1 }] },
    );
    await using gateway = await startVoiceGateway({ a: { speech: wavVoice } });
    const config = { format: { mimeType: "audio/wav" } };
    const { events } = await runAll(gateway, start(["a"], { config }), text("One"), flush, text("Two"));
    const { data, durationMs } = readWav(bytes(events));
    expect(durationMs).toBe(40);
    expect(Buffer.from(data).equals(numberedSamples(0, 960))).toBe(true);
  });

  test("a target that cannot speak the first sentence is followed by the next, which gets all of the text", async () => {
    const fails = createVoice(async function* () {
      yield { type: "response", format: pcm24k };
      throw vendorDied();
    });
    const works = createVoice(oneFrame);
    await using gateway = await startVoiceGateway({ a: { speech: fails }, b: { speech: works } });
    const { events } = await runAll(gateway, start(["a", "b"]), text("The first sentence is here. "), text("The end"));
    expect(cases(events).slice(0, 2)).toEqual(["attemptFailed", "started"]);
    expect(works.requests.map((request) => request.text)).toEqual(["The first sentence is here.", "The end"]);
  });

  test("a sentence that fails before its first audio is asked for again, and nobody notices", async () => {
    const stumbles = createVoice(async function* (request, signal, call) {
      if (call === 1 || call === 2) throw vendorDied();
      yield* oneFrame(request, signal, call);
    });
    await using gateway = await startVoiceGateway({ a: { speech: stumbles } });
    const { events, error } = await runAll(gateway, start(["a"]), text("One"), flush, text("Two"));
    expect(error).toBeUndefined();
    expect(stumbles.requests.map((request) => request.text)).toEqual(["One", "Two", "Two", "Two"]);
    expect(cases(events).filter((name) => name !== "words")).toEqual([
      "started",
      "audio",
      "flushed",
      "audio",
      "finished",
    ]);
    expect(all(events, "finished")).toMatchObject([{ durationMs: 40, usage: { inputCharacters: 6 } }]);
  });

  test.each([
    ["after its first audio", vendorDied()],
    ["for good", new LivellmError("failed_precondition", "provider_auth", "the key is refused")],
    [
      "for longer than anybody waits",
      new LivellmError("resource_exhausted", "rate_limited", "slow", { retryAfterMs: 9_000 }),
    ],
  ])("one that fails %s is not", async (when, failure) => {
    const fails = createVoice(async function* (request, signal, call) {
      if (call === 0) return yield* oneFrame(request, signal, call);
      yield { type: "response", format: pcm24k };
      if (when.startsWith("after")) yield { type: "audio", data: new Uint8Array(960) };
      throw failure;
    });
    await using gateway = await startVoiceGateway({ a: { speech: fails } });
    const { error } = await runAll(gateway, start(["a"]), text("One"), flush, text("Two"));
    expect(error).toBeDefined();
    expect(fails.requests).toHaveLength(2);
  });

  test("a clear ends the wait for another try", async () => {
    const fails = createVoice(async function* (request, signal, call) {
      if (request.text === "Two") throw vendorDied();
      yield* oneFrame(request, signal, call);
    });
    await using gateway = await startVoiceGateway({ a: { speech: fails } });
    const writer = new Writer();
    writer.write(start(["a"]), text("One"), flush);
    const { events, error } = await run(gateway, writer, (event) => {
      if (event.case === "flushed") writer.write(text("Two"), flush, clear, text("Three"), "end");
    });
    expect(error).toBeUndefined();
    expect(
      cases(events)
        .filter((name) => name !== "words")
        .slice(-3),
    ).toEqual(["cleared", "audio", "finished"]);
  });

  test("a target that fails later ends the call", async () => {
    const fails = createVoice(async function* (request, signal, call) {
      if (call > 0) throw vendorDied();
      yield* oneFrame(request, signal, call);
    });
    const next = createVoice(oneFrame);
    await using gateway = await startVoiceGateway({ a: { speech: fails }, b: { speech: next } });
    const { events, error } = await runAll(gateway, start(["a", "b"]), text("One"), flush, text("Two"));
    expect(cases(events)).toEqual(["started", "audio", "words", "flushed"]);
    expect(error?.code).toBe(14);
    expect(next.requests).toEqual([]);
  });

  test("a writer may take longer than the stall timeout, a voice may not", async () => {
    const hangs = createVoice(async function* (request, signal, call) {
      if (call > 0) await untilAborted(signal);
      yield* oneFrame(request, signal, call);
    });
    await using gateway = await startVoiceGateway({ a: { speech: hangs } }, { stallTimeoutMs: 80 });
    const writer = new Writer();
    writer.write(start(["a"]), text("One"), flush);
    const { error } = await run(gateway, writer, (event) => {
      if (event.case === "flushed") setTimeout(() => writer.write(text("Two"), flush), 200);
    });
    expect(error?.rawMessage).toContain("stall timeout");
  });

  test("a caller whose message is not right is told so, and no target is blamed", async () => {
    await using gateway = await startVoiceGateway({
      a: { speech: createVoice(oneFrame) },
      b: { speech: createVoice(oneFrame) },
    });
    const { events, error } = await runAll(gateway, start(["a", "b"]), text("One"), text(""));
    expect(error?.code).toBe(3);
    expect(all(events, "attemptFailed")).toEqual([]);
  });
});

describe("with a voice that takes the text while it is written", () => {
  /** Says the pieces it gets, 20 ms each. */
  function follows(inputs: SpeechInput[], dies = false): SpeechSession {
    return async function* (_request, input, _signal) {
      yield { type: "response", format: pcm24k };
      for await (const item of input) {
        inputs.push(item);
        if (dies) throw vendorDied();
        if (item.type === "text") yield { type: "audio", data: numberedSamples(0, 480) };
        if (item.type === "flush") yield { type: "flushed" };
        if (item.type === "clear") yield { type: "cleared" };
      }
      yield { type: "finished", usage: {} };
    };
  }

  test("it gets the pieces as they come", async () => {
    const inputs: SpeechInput[] = [];
    const voice = createVoice(oneFrame, { duplex: follows(inputs) });
    await using gateway = await startVoiceGateway({ a: { speech: voice } });
    const format = { mimeType: "audio/pcm", sampleRateHertz: 8000 };
    const { events } = await runAll(
      gateway,
      start(["a"], { config: { format } }),
      text("Hel"),
      text("lo"),
      flush,
      clear,
    );
    expect(inputs).toEqual([
      { type: "text", text: "Hel" },
      { type: "text", text: "lo" },
      { type: "flush" },
      { type: "clear" },
    ]);
    expect(voice.requests).toEqual([]);
    expect(cases(events).filter((name) => name !== "audio")).toEqual(["started", "flushed", "cleared", "finished"]);
    expect(all(events, "started")).toMatchObject([{ format, warnings: [{ code: "audio-resampled" }] }]);
    expect(bytes(events).length).toBe(640);
    expect(all(events, "finished")).toMatchObject([{ usage: { inputCharacters: 5, outputAudioMs: 40 } }]);
  });

  test("a long text is not kept", async () => {
    const inputs: SpeechInput[] = [];
    await using gateway = await startVoiceGateway({
      a: { speech: createVoice(oneFrame, { duplex: follows(inputs) }) },
    });
    const { error } = await runAll(gateway, start(["a"]), ...Array.from({ length: 3000 }, () => text("x")));
    expect(error).toBeUndefined();
    expect(inputs).toHaveLength(3000);
  });

  test("one that refuses the session is followed by the next, with all of the text", async () => {
    const refuses: SpeechSession = async function* (_request, input) {
      for await (const item of input) if (item.type === "flush") break;
      yield* [];
      throw vendorDied();
    };
    const inputs: SpeechInput[] = [];
    await using gateway = await startVoiceGateway({
      a: { speech: createVoice(oneFrame, { duplex: refuses }) },
      b: { speech: createVoice(oneFrame, { duplex: follows(inputs) }) },
    });
    const { events } = await runAll(gateway, start(["a", "b"]), text("One"), flush, text("Two"));
    expect(cases(events)[0]).toBe("attemptFailed");
    expect(inputs).toHaveLength(3);
  });

  test("one that owes audio has stalled", async () => {
    const hangs: SpeechSession = async function* (_request, input, signal) {
      yield { type: "response", format: pcm24k };
      for await (const item of input) if (item.type === "flush") await untilAborted(signal);
    };
    await using gateway = await startVoiceGateway(
      { a: { speech: createVoice(oneFrame, { duplex: hangs }) } },
      { stallTimeoutMs: 50 },
    );
    const { error } = await runAll(gateway, start(["a"]), text("One"), flush);
    expect(error?.rawMessage).toContain("stall timeout");
  });

  test("a caller who leaves reaches it", async () => {
    const aborted = Promise.withResolvers<void>();
    const listens: SpeechSession = async function* (_request, _input, signal) {
      yield { type: "response", format: pcm24k };
      await untilAborted(signal).finally(() => aborted.resolve());
    };
    await using gateway = await startVoiceGateway({ a: { speech: createVoice(oneFrame, { duplex: listens }) } });
    const caller = new AbortController();
    const writer = new Writer();
    writer.write(start(["a"]));
    const events = gateway.audio.speakDuplex(writer[Symbol.asyncIterator](), { signal: caller.signal });
    await events[Symbol.asyncIterator]().next();
    caller.abort();
    await aborted.promise;
  });
});
