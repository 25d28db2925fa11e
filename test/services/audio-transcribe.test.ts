import { describe, expect, test } from "vitest";
import { readWav, writeWav } from "../../src/audio/wav.ts";
import type { Transcription, TranscriptionRequest } from "../../src/core/transcription.ts";
import { numberedSamples } from "../live/numbered-audio.ts";
import { untilAborted, vendorDied } from "../live/scripted-recogniser.ts";
import { routeTo, startVoiceGateway } from "../live/voice-gateway.ts";

function recorder(result: Partial<Awaited<ReturnType<Transcription["transcribe"]>>> = {}) {
  const requests: TranscriptionRequest[] = [];
  const transcription: Transcription = {
    async transcribe(request) {
      requests.push(request);
      return { text: "hello", segments: [], usage: {}, ...result };
    },
  };
  return { requests, transcription };
}

const pcm = { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 };
const recording = (value: Uint8Array, mimeType: string) => ({
  source: { case: "data" as const, value: new Uint8Array(value) },
  mimeType,
});
const wav = writeWav(pcm, numberedSamples(0, 1600));

describe("Transcribe", () => {
  test("gives the text, its pieces, and who wrote it", async () => {
    const segments = [
      { text: "he", startMs: 0, endMs: 49.6, words: [{ text: "he", startMs: 0, endMs: 49.6 }] },
      { text: "llo", speaker: "B", confidence: 0.5 },
    ];
    const { requests, transcription } = recorder({
      segments,
      languageCode: "en",
      model: "m-2",
      requestId: "r",
      warnings: [{ code: "w", message: "w" }],
    });
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const result = await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: recording(wav, "audio/wav"),
      config: { languageCode: "en", prompt: "greetings", phrases: ["hello"], wordTimings: true, speakerLabels: true },
      caller: { requestId: "req" },
    });
    expect(result).toMatchObject({
      text: "hello",
      languageCode: "en",
      durationMs: 100,
      segments: [
        { index: 0, text: "he", isFinal: true, startMs: 0, endMs: 50, words: [{ endMs: 50 }] },
        { index: 1, text: "llo", isFinal: true, speaker: "B", confidence: 0.5 },
      ],
      usage: { inputAudioMs: 100 },
      routeResult: { provider: "a", model: "m-2", providerRequestId: "r", attempts: [{ outcome: 1 }] },
      warnings: [{ code: "w" }],
    });
    expect(requests[0]).toMatchObject({
      mimeType: "audio/wav",
      filename: "audio.wav",
      prompt: "greetings",
      phrases: ["hello"],
      requestId: "req",
      model: "m",
    });
    expect(Buffer.from(requests[0]?.audio ?? []).equals(wav)).toBe(true);
  });

  test("samples are wrapped as WAV", async () => {
    const { requests, transcription } = recorder();
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const samples = numberedSamples(0, 1600);
    const format = { mimeType: "audio/pcm", sampleRateHertz: 16_000 };
    await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: recording(samples, "application/octet-stream"),
      format,
    });
    await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: recording(samples, "audio/pcm"),
      format: { sampleRateHertz: 16_000 },
    });
    await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: recording(samples, "audio/pcm;rate=16000;channels=1"),
    });
    await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: recording(samples, "application/octet-stream"),
      format: { mimeType: 'audio/pcm; channels=1; rate="16000"' },
    });
    expect(requests).toHaveLength(4);
    for (const request of requests) {
      expect(request).toMatchObject({ mimeType: "audio/wav", durationMs: 100 });
      expect(Buffer.from(readWav(request.audio).data).equals(samples)).toBe(true);
    }
    const ulaw = { mimeType: "audio/ulaw", sampleRateHertz: 8000 };
    await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: recording(new Uint8Array(800).fill(0xff), "audio/ulaw"),
      format: ulaw,
    });
    expect(readWav(requests[4]?.audio ?? wav)).toMatchObject({
      durationMs: 100,
      layout: { encoding: "pcm16", sampleRateHertz: 8000 },
    });
  });

  test("a file is what its first bytes say, and a data: URI is bytes", async () => {
    const { requests, transcription } = recorder();
    await using gateway = await startVoiceGateway({ a: { transcription } });
    const uri = `data:audio/mpeg;base64,${Buffer.from(wav).toString("base64")}`;
    await gateway.audio.transcribe({
      route: routeTo("a"),
      audio: { source: { case: "uri", value: uri }, filename: "x.mp3" },
    });
    expect(requests[0]).toMatchObject({ mimeType: "audio/wav", filename: "x.mp3" });
  });

  const bad: readonly (readonly [string, object, RegExp])[] = [
    ["no bytes", { audio: recording(new Uint8Array(0), "audio/wav") }, /audio\.data: .*empty/],
    ["a header without samples", { audio: recording(writeWav(pcm, new Uint8Array(0)), "audio/wav") }, /empty/],
    ["samples without a rate", { audio: recording(wav.subarray(44), "audio/pcm") }, /format\.sampleRateHertz/],
    [
      "half a sample",
      { audio: recording(new Uint8Array(101), "audio/pcm"), format: { sampleRateHertz: 8000 } },
      /101 bytes/,
    ],
    ["a file called samples", { audio: recording(wav, "audio/pcm"), format: { sampleRateHertz: 8000 } }, /is WAV/],
    ["samples called a file", { audio: recording(new Uint8Array(100), "audio/wav") }, /does not begin like audio\/wav/],
    [
      "two forms",
      { audio: recording(new Uint8Array(100), "audio/ulaw"), format: { mimeType: "audio/pcm", sampleRateHertz: 8000 } },
      /format\.mimeType/,
    ],
    ["a picture", { audio: recording(new Uint8Array(100), "image/png") }, /audio\.mimeType: image\/png/],
    [
      "an address",
      { audio: { source: { case: "uri", value: "https://example.com/a.wav" } } },
      /audio\.uri: this server does not fetch/,
    ],
    [
      "base64 that is none",
      { audio: { source: { case: "uri", value: "data:audio/wav;base64,@@" } } },
      /audio\.uri: .*base64/,
    ],
  ];

  test.each(bad)("%s: refused before anybody is paid", async (_, request, message) => {
    const { requests, transcription } = recorder();
    await using gateway = await startVoiceGateway({ a: { transcription } });
    await expect(gateway.audio.transcribe({ route: routeTo("a"), ...request })).rejects.toThrow(message);
    await expect(gateway.audio.transcribe({ route: routeTo("a"), ...request })).rejects.toMatchObject({ code: 3 });
    expect(requests).toEqual([]);
  });

  test("the next target is tried when one fails", async () => {
    const fails: Transcription = { transcribe: () => Promise.reject(vendorDied()) };
    const { transcription } = recorder();
    await using gateway = await startVoiceGateway({ a: { transcription: fails }, b: {}, c: { transcription } });
    const result = await gateway.audio.transcribe({
      route: routeTo("a", "b", "c"),
      audio: recording(wav, "audio/wav"),
    });
    expect(result.routeResult?.attempts.map(({ provider, outcome }) => [provider, outcome])).toEqual([
      ["a", 2],
      ["b", 2],
      ["c", 1],
    ]);
  });

  test("a caller who leaves reaches the vendor", async () => {
    const asked = Promise.withResolvers<AbortSignal>();
    const hangs: Transcription = {
      transcribe(_, signal) {
        asked.resolve(signal);
        return untilAborted(signal);
      },
    };
    await using gateway = await startVoiceGateway({ a: { transcription: hangs } });
    const caller = new AbortController();
    const call = gateway.audio.transcribe(
      { route: routeTo("a"), audio: recording(wav, "audio/wav") },
      { signal: caller.signal },
    );
    const failed = expect(call).rejects.toThrow();
    const signal = await asked.promise;
    caller.abort();
    await failed;
    await untilAborted(signal).catch(() => undefined);
    expect(signal.aborted).toBe(true);
  });
});
