import { GoogleGenAI } from "@google/genai";
import { describe, expect, test } from "vitest";
import { LivellmError } from "../../../src/core/error.ts";
import { Secret } from "../../../src/core/secret.ts";
import type { Speech, SpeechEvent, SpeechRequest } from "../../../src/core/speech.ts";
import { google } from "../../../src/providers/google/index.ts";
import { toSpeechRequest } from "../../../src/providers/google/speech-request.ts";
import { createUpstream } from "../../../src/upstream/upstream.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { body, chunks, sdkParts } from "./reading.ts";

const samples = { mimeType: "audio/pcm", sampleRateHertz: 24_000, channelCount: 1 };
const mp3 = { mimeType: "audio/mpeg", sampleRateHertz: 0, channelCount: 1 };

function speechRequest(more: Partial<SpeechRequest> = {}): SpeechRequest {
  return {
    model: "gemini-3.8-flash-tts",
    voice: "",
    text: "Good morning!",
    format: samples,
    languageCode: "",
    instructions: "",
    wordTimings: false,
    options: {},
    requestId: "r",
    userId: "",
    ...more,
  };
}

interface Heard {
  readonly events: readonly SpeechEvent[];
  readonly audio: Buffer;
  readonly error?: LivellmError;
}

async function listen(speech: Speech, request: SpeechRequest, signal = new AbortController().signal): Promise<Heard> {
  const events: SpeechEvent[] = [];
  let error: LivellmError | undefined;
  try {
    for await (const event of speech.stream(request, signal)) events.push(event);
  } catch (thrown) {
    if (!(thrown instanceof LivellmError)) throw thrown;
    error = thrown;
  }
  const audio = Buffer.concat(events.flatMap((event) => (event.type === "audio" ? [event.data] : [])));
  return { events, audio, ...(error && { error }) };
}

function speaker(baseUrl: string): Speech & AsyncDisposable {
  const apiKey = new Secret("AIza-1");
  const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: [apiKey] });
  const { speech } = google.create({ apiKey, baseUrl, headers: {}, settings: {} }, upstream);
  if (!speech) throw new Error("no speech");
  return { ...speech, [Symbol.asyncDispose]: () => upstream.close() };
}

test("a text of which the audio would not fit into the model's context goes out in pieces", async () => {
  await using speech = speaker("http://127.0.0.1:9");
  expect(speech.longestText?.("gemini-2.5-flash-preview-tts")).toBe(4_000);
});

describe("over HTTP", () => {
  test("samples come in pieces, as the official SDK reads them", async () => {
    await using vendor = await startVendor({ body: [body("speech")] });
    await using speech = speaker(vendor.url);
    const { events, audio } = await listen(speech, speechRequest());
    expect(events[0]).toEqual({
      type: "response",
      model: "gemini-3.8-flash-tts",
      requestId: "sp33ch",
      format: samples,
      warnings: [],
    });
    expect(events.map(({ type }) => type)).toEqual(["response", "audio", "audio", "finished"]);
    expect(events.at(-1)).toMatchObject({ usage: { inputTokens: 6, outputTokens: 9, outputAudioTokens: 9 } });
    const theirs = (await sdkParts("speech")).map((part) => Buffer.from(part.inlineData?.data ?? "", "base64"));
    expect(audio).toEqual(Buffer.concat(theirs));
    expect(vendor.calls[0]).toMatchObject({
      path: "/v1beta/models/gemini-3.8-flash-tts:streamGenerateContent?alt=sse",
      headers: { "x-goog-api-key": "AIza-1" },
    });
  });

  test("a file comes in one piece", async () => {
    const data = Buffer.from("ID3 and so on").toString("base64");
    const parts = [{ inlineData: { mimeType: "audio/mp3", data } }];
    const answer = { candidates: [{ content: { parts }, finishReason: "STOP" }] };
    await using vendor = await startVendor({ body: [JSON.stringify(answer)] });
    await using speech = speaker(vendor.url);
    const { events, audio } = await listen(speech, speechRequest({ format: mp3 }));
    expect(events[0]).toMatchObject({ type: "response", format: mp3 });
    expect(audio.toString()).toBe("ID3 and so on");
    expect(vendor.calls[0]?.path).toBe("/v1beta/models/gemini-3.8-flash-tts:generateContent");
  });

  test("what the provider says of its form counts", async () => {
    const sound = (mimeType: string) =>
      chunks({ content: { parts: [{ inlineData: { mimeType, data: "AAAA" } }] }, finishReason: "STOP" });
    await using vendor = await startVendor({ body: [sound("audio/L16;codec=pcm;rate=16000")] });
    await using speech = speaker(vendor.url);
    expect((await listen(speech, speechRequest())).events[0]).toMatchObject({ format: { sampleRateHertz: 16_000 } });
    vendor.answerWith({ body: [sound("audio/wav")] });
    expect((await listen(speech, speechRequest())).events[0]).toMatchObject({ format: { mimeType: "audio/wav" } });
  });

  test("a body that ends at any byte is broken, after the audio so far", async () => {
    const bytes = body("speech");
    await using vendor = await startVendor();
    await using speech = speaker(vendor.url);
    const whole = Buffer.from(Array.from({ length: 20 }, (_, i) => i));
    for (let at = 0; at < bytes.length - 5; at += 11) {
      vendor.answerWith({ body: [bytes.subarray(0, at)] });
      const { audio, error } = await listen(speech, speechRequest());
      expect(error, `ends at ${at}`).toMatchObject({ code: "unavailable", reason: "stream_broken" });
      expect(audio).toEqual(whole.subarray(0, audio.length));
    }
    vendor.answerWith({ body: [bytes], ending: "close" });
    expect((await listen(speech, speechRequest())).audio).toEqual(whole);
  });

  test.each<[string, object, object]>([
    ["SAFETY", {}, { code: "invalid_argument", reason: "content_blocked" }],
    ["MAX_TOKENS", {}, { code: "invalid_argument", reason: "context_too_long" }],
    ["OTHER", {}, { code: "unavailable", reason: "provider_unavailable" }],
    [
      "STOP",
      { content: { parts: [{ text: "I cannot sing" }] } },
      { code: "internal", reason: "bad_provider_response" },
    ],
  ])("an end with %s and nothing heard", async (finishReason, more, expected) => {
    await using vendor = await startVendor({ body: [chunks({ finishReason, ...more })] });
    await using speech = speaker(vendor.url);
    expect((await listen(speech, speechRequest())).error).toMatchObject(expected);
  });

  test("refusals, before and inside the stream", async () => {
    await using vendor = await startVendor({ status: 429, body: [body("error-first")] });
    await using speech = speaker(vendor.url);
    expect((await listen(speech, speechRequest())).error).toMatchObject({
      reason: "rate_limited",
      facts: { retryAfterMs: 34_500 },
    });
    vendor.answerWith({ body: [body("error-inside")] });
    expect((await listen(speech, speechRequest())).error).toMatchObject({ reason: "provider_unavailable" });
    vendor.answerWith({ body: [body("prompt-blocked")] });
    expect((await listen(speech, speechRequest())).error).toMatchObject({ reason: "content_blocked" });
  });

  test("cancelling closes the vendor's socket", async () => {
    await using vendor = await startVendor({ body: [body("speech").subarray(0, 400)], ending: "hang" });
    await using speech = speaker(vendor.url);
    const abort = new AbortController();
    const call = vendor.nextCall();
    const listening = listen(speech, speechRequest(), abort.signal);
    const { closed } = await call;
    abort.abort(new LivellmError("canceled", "cancelled", "gone"));
    expect((await listening).error).toMatchObject({ code: "canceled" });
    expect(await closed).toMatchObject({ complete: false });
  });
});

describe("the request", () => {
  const bodyOf = (more: Partial<SpeechRequest>) => toSpeechRequest(speechRequest(more)).body;

  test("exactly, for a new model", () => {
    expect(bodyOf({ voice: "puck", instructions: "Cheerfully", languageCode: "de-CH" })).toEqual({
      contents: [{ role: "user", parts: [{ text: "Good morning!", speechMetadata: { style: "Cheerfully" } }] }],
      generationConfig: {
        responseModalities: ["AUDIO"],
        responseFormat: { audio: { mimeType: "AUDIO_L16", sampleRate: 24_000 } },
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Puck" } }, languageCode: "de-CH" },
      },
    });
    expect(bodyOf({ format: mp3, voice: "voice_abc" })).toMatchObject({
      generationConfig: {
        responseFormat: { audio: { mimeType: "AUDIO_MP3" } },
        speechConfig: { voiceConfig: { voice: "voice_abc" } },
      },
    });
  });

  test("exactly, for an old one", () => {
    expect(bodyOf({ model: "gemini-2.5-flash-preview-tts", instructions: "Say cheerfully:" })).toEqual({
      contents: [{ role: "user", parts: [{ text: "Say cheerfully: Good morning!" }] }],
      generationConfig: {
        responseModalities: ["AUDIO"],
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Kore" } } },
      },
    });
  });

  test("a voice, or a form, that there is not is refused before anybody is paid", () => {
    const old = { model: "gemini-2.5-pro-preview-tts" };
    expect(() => bodyOf({ ...old, voice: "alloy" })).toThrow(/voice/);
    expect(() => bodyOf({ ...old, format: mp3 })).toThrow(expect.objectContaining({ reason: "unsupported" }));
    expect(() => bodyOf({ options: { contents: [] } })).toThrow("route.targets[].options.contents");
  });

  test("what Gemini does not take is said; options go in", () => {
    const { warnings } = toSpeechRequest(speechRequest({ speed: 1.5, wordTimings: true }));
    expect(warnings.map(({ code, field }) => `${code} ${field}`)).toEqual([
      "option-ignored config.speed",
      "option-ignored config.wordTimings",
    ]);
    expect(toSpeechRequest(speechRequest({ speed: 1 })).warnings).toEqual([]);
    expect(bodyOf({ options: { generationConfig: { seed: 1 } } })).toMatchObject({ generationConfig: { seed: 1 } });
  });

  test("the official SDK asks the same of an old model", async () => {
    let sent: unknown;
    const fetch = async (_: unknown, init?: RequestInit) => {
      sent = JSON.parse(String(init?.body));
      return new Response("{}", { headers: { "content-type": "application/json" } });
    };
    const sdk = new GoogleGenAI({ apiKey: "k", apiVersion: "v1beta", httpOptions: { fetch } });
    await sdk.models.generateContent({
      model: "gemini-2.5-flash-preview-tts",
      contents: "Good morning!",
      config: {
        responseModalities: ["AUDIO"],
        speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: "Kore" } } },
      },
    });
    expect(bodyOf({ model: "gemini-2.5-flash-preview-tts" })).toEqual(sent);
  });
});

test("forms and voices", async () => {
  await using speech = speaker("http://vendor.invalid");
  const types = (model: string) => speech.formats(model).map(({ mimeType }) => mimeType);
  expect(types("gemini-3.8-flash-lite-tts")).toEqual(["audio/pcm", "audio/mpeg", "audio/ogg"]);
  expect(types("gemini-3.1-flash-tts-preview")).toEqual(["audio/pcm"]);
  const voices = await speech.voices?.({ model: "", languageCode: "de" }, new AbortController().signal);
  expect(voices).toHaveLength(30);
  expect(voices).toContainEqual(expect.objectContaining({ id: "Kore", description: "Firm" }));
});
