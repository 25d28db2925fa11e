import { describe, expect, test } from "vitest";
import { Secret } from "../../../src/core/secret.ts";
import type { Transcription, TranscriptionRequest } from "../../../src/core/transcription.ts";
import { google } from "../../../src/providers/google/index.ts";
import { readTranscription } from "../../../src/providers/google/transcription.ts";
import { toTranscriptionRequest } from "../../../src/providers/google/transcription-request.ts";
import { createUpstream } from "../../../src/upstream/upstream.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { fixture } from "../openai-compatible/reading.ts";
import { officialSdk } from "./reading.ts";

const { signal } = new AbortController();

function transcriptionRequest(more: Partial<TranscriptionRequest> = {}): TranscriptionRequest {
  return {
    model: "gemini-3.5-transcribe",
    audio: new Uint8Array([1]),
    mimeType: "audio/wav",
    filename: "a.wav",
    languageCode: "",
    prompt: "",
    phrases: [],
    wordTimings: false,
    speakerLabels: false,
    options: {},
    requestId: "r",
    userId: "",
    ...more,
  };
}

function scribe(baseUrl: string): Transcription & AsyncDisposable {
  const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: [] });
  const apiKey = new Secret("AIza-1");
  const { transcription } = google.create({ apiKey, baseUrl, headers: {}, settings: {} }, upstream);
  if (!transcription) throw new Error("no transcription");
  return { ...transcription, [Symbol.asyncDispose]: () => upstream.close() };
}

const recording = { inlineData: { mimeType: "audio/wav", data: "AQ==" } };
const fieldsOf = (more: Partial<TranscriptionRequest>) =>
  toTranscriptionRequest(transcriptionRequest(more)).warnings.map(({ field }) => field);

describe("the request", () => {
  const bodyOf = (more: Partial<TranscriptionRequest>) => toTranscriptionRequest(transcriptionRequest(more)).body;

  test("exactly, for a model made for it", () => {
    expect(bodyOf({})).toEqual({ contents: [{ role: "user", parts: [recording] }] });
    const all = { languageCode: "de-CH", phrases: ["Rösti"], wordTimings: true, speakerLabels: true };
    expect(bodyOf({ ...all, prompt: "Cooking" })).toEqual({
      contents: [{ role: "user", parts: [recording] }],
      generationConfig: {
        audioTranscriptionConfig: {
          languageCodes: ["de-CH"],
          customVocabulary: ["Rösti"],
          wordTimestamp: true,
          diarization: true,
        },
      },
    });
    expect(fieldsOf({ ...all, prompt: "Cooking" })).toEqual(["config.prompt"]);
  });

  test("a model that converses is told what to do", () => {
    const model = "gemini-3.8-flash";
    const { contents } = bodyOf({ model, languageCode: "de", phrases: ["Rösti"], prompt: "Cooking" }) as {
      contents: { parts: object[] }[];
    };
    expect(contents[0]?.parts[0]).toEqual(recording);
    const said = JSON.stringify(contents[0]?.parts[1]);
    for (const word of ["transcript alone", "is de", "Rösti", "Cooking"]) expect(said).toContain(word);
    expect(fieldsOf({ model, wordTimings: true, speakerLabels: true })).toEqual([
      "config.wordTimings",
      "config.speakerLabels",
    ]);
  });

  test("options go in, but for ours", () => {
    const options = { generationConfig: { audioTranscriptionConfig: { mode: "SMART" } } };
    expect(bodyOf({ languageCode: "en", options })).toMatchObject({
      generationConfig: { audioTranscriptionConfig: { languageCodes: ["en"], mode: "SMART" } },
    });
    expect(() => bodyOf({ options: { contents: [] } })).toThrow("route.targets[].options.contents");
  });
});

describe("over HTTP", () => {
  test("segments, words, speakers, languages and usage", async () => {
    await using vendor = await startVendor({ body: [fixture("google/transcription.json")] });
    await using transcription = scribe(vendor.url);
    expect(await transcription.transcribe(transcriptionRequest(), signal)).toEqual({
      text: "Grüezi mitenand. Good morning.",
      languageCode: "gsw-CH",
      segments: [
        {
          text: "Grüezi mitenand.",
          startMs: 0,
          endMs: 1100,
          languageCode: "gsw-CH",
          speaker: "spk:0",
          words: [
            { text: "Grüezi", startMs: 0, endMs: 400, speaker: "spk:0" },
            { text: "mitenand.", startMs: 400, endMs: 1100, speaker: "spk:0" },
          ],
        },
        { text: "Good morning.", startMs: 1500, endMs: 2000, languageCode: "en-US", speaker: "spk:1" },
      ],
      usage: { inputTokens: 80, outputTokens: 12, inputAudioTokens: 80, providerUsage: expect.anything() },
      model: "gemini-3.5-transcribe",
      requestId: "tr4ns",
      warnings: [],
    });
    expect(vendor.calls[0]).toMatchObject({
      path: "/v1beta/models/gemini-3.5-transcribe:generateContent",
      headers: { "x-goog-api-key": "AIza-1" },
    });
  });

  test("the official SDK reads the same transcriptions", async () => {
    const bytes = fixture("google/transcription.json");
    const theirs = await officialSdk(bytes).models.generateContent({ model: "m", contents: "" });
    const said = theirs.candidates?.[0]?.content?.parts?.map((part) => part.audioTranscription?.text?.trim());
    const ours = readTranscription(JSON.parse(bytes.toString()), []);
    expect(ours.segments.map(({ text }) => text)).toEqual(said);
  });

  test("a refusal has its meaning", async () => {
    const error = { code: 503, message: "busy", status: "UNAVAILABLE" };
    await using vendor = await startVendor({ status: 503, body: [JSON.stringify({ error })] });
    await using transcription = scribe(vendor.url);
    await expect(transcription.transcribe(transcriptionRequest(), signal)).rejects.toMatchObject({
      code: "unavailable",
      reason: "provider_unavailable",
    });
  });
});

describe("an answer", () => {
  const answer = (parts: object[], finishReason = "STOP") => ({ candidates: [{ content: { parts }, finishReason }] });

  test("of a model that converses, or with words alone; silence is no segment", () => {
    const thought = { text: "Hm", thought: true };
    expect(readTranscription(answer([thought, { text: "Hello.\n" }]), []).segments).toEqual([{ text: "Hello." }]);
    const words = [
      { word: "Hi", startOffset: "0.1s", endOffset: "0.2s" },
      { word: "you", startOffset: "0.3s" },
    ];
    expect(readTranscription(answer([{ audioTranscription: { words } }]), [])).toMatchObject({
      text: "Hi you",
      segments: [{ startMs: 100, endMs: 300 }],
    });
    expect(readTranscription(answer([{ text: "" }]), [])).toMatchObject({ text: "", segments: [] });
  });

  test("that was cut short says so", () => {
    const { warnings } = readTranscription(answer([{ text: "Hel" }], "MAX_TOKENS"), []);
    expect(warnings).toMatchObject([{ code: "output-truncated" }]);
  });

  test.each<[unknown, object]>([
    [answer([], "SAFETY"), { code: "invalid_argument", reason: "content_blocked" }],
    [answer([], "OTHER"), { code: "unavailable", reason: "provider_unavailable" }],
    [{ promptFeedback: { blockReason: "SAFETY" } }, { reason: "content_blocked" }],
    [{ candidates: [] }, { reason: "bad_provider_response" }],
    [[], { reason: "bad_provider_response" }],
  ])("%j is an error", (value, expected) => {
    expect(() => readTranscription(value, [])).toThrow(expect.objectContaining(expected));
  });
});
