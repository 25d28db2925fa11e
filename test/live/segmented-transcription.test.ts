import { describe, expect, test } from "vitest";
import { readWav } from "../../src/audio/wav.ts";
import type { Transcription, TranscriptionRequest } from "../../src/core/transcription.ts";
import { tone } from "./numbered-audio.ts";
import { createRecogniser, readsNumbers, untilAborted, vendorDied } from "./scripted-recogniser.ts";
import { routeTo, startVoiceGateway } from "./voice-gateway.ts";

type Answer = (request: TranscriptionRequest, call: number, signal: AbortSignal) => Promise<string>;

function recorder(
  answer: Answer,
): Transcription & { readonly heard: { readonly durationMs: number; readonly final: string }[] } {
  const heard: { durationMs: number; final: string }[] = [];
  let calls = 0;
  return {
    heard,
    async transcribe(request, signal) {
      const text = await answer(request, calls++, signal);
      heard.push({ durationMs: readWav(request.audio).durationMs, final: text });
      const words = [{ text, startMs: 10, endMs: 20 }];
      return { text, segments: [{ text, words }], usage: { inputTokens: 5 }, languageCode: "en" };
    },
  };
}

const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };

async function* speech(provider: readonly string[], pieces: readonly Uint8Array[], more: object = {}) {
  yield { input: { case: "start" as const, value: { route: routeTo(...provider), format, ...more } } };
  for (const data of pieces) yield { input: { case: "audio" as const, value: { data: new Uint8Array(data) } } };
}

async function collect<T>(events: AsyncIterable<{ event: T }>): Promise<T[]> {
  const all: T[] = [];
  for await (const { event } of events) all.push(event);
  return all;
}

const twoUtterances = [tone(300, false), tone(700, true), tone(800, false), tone(500, true), tone(200, false)];

describe("a provider that writes down recordings only", () => {
  test("gets each utterance as a WAV file, and its times count from the start of the session", async () => {
    const transcription = recorder(async (_, call) => `utterance ${call}`);
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const events = await collect(
      gateway.transcription.transcribeStream(speech(["a"], twoUtterances, { finalOnly: true })),
    );
    expect(transcription.heard.map(({ final }) => final)).toEqual(["utterance 0", "utterance 1"]);
    expect(transcription.heard[0]?.durationMs).toBe(300 + 700 + 300); // with what belongs to it before and behind
    expect(events.map((event) => event.case)).toEqual([
      "started",
      "speechStarted",
      "speechEnded",
      "segment",
      "turnEnded",
      "speechStarted",
      "speechEnded",
      "segment",
      "turnEnded",
      "finished",
    ]);
    expect(events.filter((event) => event.case === "segment").map(({ value }) => value)).toMatchObject([
      {
        index: 0,
        text: "utterance 0",
        isFinal: true,
        startMs: 0,
        endMs: 1300,
        words: [{ startMs: 10, endMs: 20 }],
        languageCode: "en",
      },
      {
        index: 1,
        text: "utterance 1",
        isFinal: true,
        startMs: 1500,
        endMs: 2500,
        words: [{ startMs: 1510, endMs: 1520 }],
      },
    ]);
    expect(events.at(-1)).toMatchObject({
      value: { text: "utterance 0 utterance 1", durationMs: 2500, usage: { inputTokens: 10, inputAudioMs: 2500 } },
    });
  });

  test("interim: the open utterance is asked for again, one at a time and ever more seldom", async () => {
    const transcription = recorder(async (_, call) => `version ${call}`);
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const long = Array.from({ length: 100 }, () => tone(100, true));
    const events = await collect(gateway.transcription.transcribeStream(speech(["a"], long)));
    const segments = events.flatMap((event) => (event.case === "segment" ? [event.value] : []));
    expect(segments.length).toBeGreaterThan(1);
    expect(segments.every(({ index }) => index === 0)).toBe(true);
    expect(segments.map(({ isFinal }) => isFinal)).toEqual([...new Array(segments.length - 1).fill(false), true]);
    const sent = transcription.heard.reduce((sum, { durationMs }) => sum + durationMs, 0);
    expect(sent).toBeLessThanOrEqual(4 * 10_000);
  });

  test("an interim one that is slow is the only one, and makes room for the whole", async () => {
    let interim = 0;
    const transcription = recorder(async ({ durationMs = 0 }, _, signal) => {
      if (durationMs > 10_000) return "whole";
      interim++;
      return untilAborted(signal);
    });
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const long = [...Array.from({ length: 100 }, () => tone(100, true)), tone(700, false)];
    const events = await collect(gateway.transcription.transcribeStream(speech(["a"], long)));
    expect(interim).toBe(1);
    expect(events.at(-1)).toMatchObject({ case: "finished", value: { text: "whole" } });
  });

  test("an interim one that fails is not missed", async () => {
    const transcription = recorder(async ({ durationMs = 0 }) => {
      if (durationMs < 2000) throw vendorDied();
      return "whole";
    });
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const pieces = [...Array.from({ length: 25 }, () => tone(100, true)), tone(600, false)];
    const events = await collect(gateway.transcription.transcribeStream(speech(["a"], pieces)));
    expect(events.at(-1)).toMatchObject({ case: "finished", value: { text: "whole" } });
  });

  test("a whole one that fails once is asked for again, and nobody notices", async () => {
    const stumbles = recorder(async (_, call) => {
      if (call === 1) throw vendorDied();
      return `call ${call}`;
    });
    const other = recorder(async () => "another");
    await using gateway = await startVoiceGateway({ a: { transcription: stumbles }, b: { transcription: other } });
    const events = await collect(
      gateway.transcription.transcribeStream(speech(["a", "b"], twoUtterances, { finalOnly: true })),
    );
    expect(events.filter((event) => event.case === "attemptFailed")).toEqual([]);
    expect(events.at(-1)).toMatchObject({ case: "finished", value: { text: "call 0 call 2" } });
    expect(other.heard).toEqual([]);
  });

  test("a whole one that fails is a dead target, and the next hears what was not final", async () => {
    const fails = recorder(async (_, call) => {
      if (call > 0) throw vendorDied();
      return "first";
    });
    const works = createRecogniser(readsNumbers({ everyMs: 100_000 }));
    await using gateway = await startVoiceGateway({ a: { transcription: fails }, b: { liveTranscription: works } });
    const events = await collect(
      gateway.transcription.transcribeStream(speech(["a", "b"], twoUtterances, { finalOnly: true })),
    );
    expect(events.filter((event) => event.case === "attemptFailed")).toHaveLength(1);
    expect(works.sessions[0]?.heardMs()).toBe(2500 - 1300); // the first one was final at 1300 ms
    expect(events.at(-1)?.case).toBe("finished");
  });

  test("manual turns end when the caller says so", async () => {
    const transcription = recorder(async (_, call) => `utterance ${call}`);
    await using gateway = await startVoiceGateway({ a: { transcription } });
    async function* manual() {
      yield* speech(["a"], [tone(400, true), tone(700, false), tone(400, true)], {
        turnDetection: { mode: { case: "manual", value: {} } },
        finalOnly: true,
      });
      yield { input: { case: "endTurn" as const, value: {} } };
    }
    const events = await collect(gateway.transcription.transcribeStream(manual()));
    const turns = events.flatMap((event) => (event.case === "turnEnded" ? [event.value] : []));
    expect(turns).toMatchObject([{ lastSegmentIndex: 1, offsetMs: 1500 }]);
  });

  test("one that hangs has stalled", async () => {
    const hangs = recorder(
      (_, __, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
    await using gateway = await startVoiceGateway({ a: { transcription: hangs } }, { stallTimeoutMs: 60 });
    const events = collect(gateway.transcription.transcribeStream(speech(["a"], twoUtterances, { finalOnly: true })));
    await expect(events).rejects.toThrow(/stall timeout/);
  });

  test("a caller who leaves stops the transcription under way", async () => {
    const stopped = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    const hangs = recorder((_, __, signal) => {
      asked.resolve();
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          stopped.resolve();
          reject(signal.reason);
        });
      });
    });
    await using gateway = await startVoiceGateway({ a: { transcription: hangs } });
    const caller = new AbortController();
    const events = collect(
      gateway.transcription.transcribeStream(speech(["a"], twoUtterances, { finalOnly: true }), {
        signal: caller.signal,
      }),
    );
    const failed = expect(events).rejects.toThrow();
    await asked.promise;
    caller.abort();
    await stopped.promise;
    await failed;
  });

  test("a model of which there is no live form is transcribed so too", async () => {
    const transcription = recorder(async () => "from a recording");
    const live = { ...createRecogniser(readsNumbers({ everyMs: 100 })), formats: () => [] };
    await using gateway = await startVoiceGateway({ a: { transcription, liveTranscription: live } });
    const events = await collect(
      gateway.transcription.transcribeStream(speech(["a"], twoUtterances, { finalOnly: true })),
    );
    expect(events.at(-1)).toMatchObject({ value: { text: "from a recording from a recording" } });
  });

  test("a provider that can neither says so", async () => {
    await using gateway = await startVoiceGateway({ a: {} });
    const events = collect(gateway.transcription.transcribeStream(speech(["a"], [])));
    await expect(events).rejects.toThrow(/cannot write down live audio/);
  });
});
