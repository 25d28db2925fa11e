import type { ElevenLabs } from "@elevenlabs/elevenlabs-js";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { elevenlabs } from "../../../src/providers/elevenlabs/index.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { build, never, transcriptionRequest } from "../speech-driving.ts";
import { startUploadVendor, type UploadVendor } from "../upload-vendor.ts";

const buildOn = (vendor: UploadVendor) => build(elevenlabs, { baseUrl: vendor.url });
const request = (over = {}) => transcriptionRequest({ model: "scribe_v2", ...over });

/** On the wire names are in snake case; the SDK's type says which there are. */
type Token = Partial<Record<"text" | "type" | "speaker_id", string> & Record<"start" | "end" | "logprob", number>>;
type Answer = Record<"text" | "language_code", string> & { words: Token[]; audio_duration_secs?: number };
const known: Record<
  keyof Pick<ElevenLabs.SpeechToTextChunkResponseModel, "languageCode" | "audioDurationSecs">,
  keyof Answer
> = {
  languageCode: "language_code",
  audioDurationSecs: "audio_duration_secs",
};

const answer: Answer = {
  [known.languageCode]: "deu",
  text: "Guten Tag. Ja?",
  words: [
    { text: "Guten", start: 0.1, end: 0.4, type: "word", speaker_id: "speaker_0", logprob: -0.1 },
    { text: " ", start: 0.4, end: 0.5, type: "spacing", speaker_id: "speaker_0", logprob: 0 },
    { text: "Tag.", start: 0.5, end: 0.9, type: "word", speaker_id: "speaker_0", logprob: 0 },
    { text: "(laughter)", start: 0.9, end: 1.2, type: "audio_event", speaker_id: "speaker_0", logprob: 0 },
    { text: " ", start: 1.2, end: 1.3, type: "spacing", speaker_id: "speaker_1", logprob: 0 },
    { text: "Ja?", start: 1.5, end: 1.8, type: "word", speaker_id: "speaker_1", logprob: 0 },
  ],
  audio_duration_secs: 2.25,
} as Answer;

describe("what is sent", () => {
  test("the form, with the file as it is", async () => {
    await using vendor = await startUploadVendor(answer);
    await using provider = buildOn(vendor);
    const asked = request({
      languageCode: "de-CH",
      prompt: "A call.",
      phrases: ["Zürich", "Uri"],
      wordTimings: true,
      speakerLabels: true,
      options: {
        num_speakers: 2,
        tag_audio_events: false,
        enable_logging: false,
        additional_formats: [{ format: "srt" }],
      },
    });
    const { warnings } = await provider.transcription.transcribe(asked, never);
    const [upload] = vendor.uploads;
    expect(upload).toMatchObject({
      path: "/v1/speech-to-text?enable_logging=false",
      headers: { "xi-api-key": "key-1234" },
      file: { name: "call.wav", type: "audio/wav", bytes: asked.audio },
    });
    expect(upload?.fields).toEqual([
      ["model_id", "scribe_v2"],
      ["language_code", "de"],
      ["timestamps_granularity", "word"],
      ["diarize", "true"],
      ["keyterms", "Zürich"],
      ["keyterms", "Uri"],
      ["num_speakers", "2"],
      ["tag_audio_events", "false"],
      ["additional_formats", '{"format":"srt"}'],
      ["file", "call.wav"],
    ]);
    expect(warnings).toMatchObject([{ code: "option-ignored", field: "config.prompt" }]);
  });

  test("no phrase that is refused: of many words, too long, or with brackets", async () => {
    await using vendor = await startUploadVendor(answer);
    await using provider = buildOn(vendor);
    const long = "x".repeat(50);
    const phrases = ["Uri", "one two three four five six", long, "a<b", long.slice(1), "five words are not many"];
    const { warnings } = await provider.transcription.transcribe(request({ phrases }), never);
    const terms = vendor.uploads[0]?.fields.filter(([name]) => name === "keyterms").map(([, term]) => term);
    expect(terms).toEqual(["Uri", long.slice(1), "five words are not many"]);
    expect(warnings).toMatchObject([{ code: "option-clamped", field: "config.phrases" }]);
  });

  test("nothing that was not asked for; what we set ourselves is refused", async () => {
    await using vendor = await startUploadVendor(answer);
    await using provider = buildOn(vendor);
    await provider.transcription.transcribe(request(), never);
    expect(vendor.uploads[0]?.fields).toEqual([
      ["model_id", "scribe_v2"],
      ["file", "call.wav"],
    ]);
    const webhook = provider.transcription.transcribe(request({ options: { webhook: true } }), never);
    await expect(webhook).rejects.toMatchObject({ reason: "invalid_request" });
  });
});

describe("what comes", () => {
  async function read(value: unknown, over = {}) {
    await using vendor = await startUploadVendor(value, { "request-id": "req_v" });
    await using provider = buildOn(vendor);
    return await provider.transcription.transcribe(request(over), never);
  }

  test("a segment for each speaker, words when asked for, the language by its short code", async () => {
    const { segments, ...rest } = await read(answer, { wordTimings: true });
    expect(rest).toEqual({
      text: "Guten Tag. Ja?",
      languageCode: "de",
      durationMs: 2250,
      usage: { inputAudioMs: 2250 },
      model: "scribe_v2",
      requestId: "req_v",
      warnings: [],
    });
    const [first, second] = ["speaker_0", "speaker_1"];
    expect(segments).toEqual([
      {
        text: "Guten Tag.(laughter)",
        startMs: 100,
        endMs: 900,
        speaker: first,
        words: [
          { text: "Guten", startMs: 100, endMs: 400, confidence: Math.exp(-0.1), speaker: first },
          { text: "Tag.", startMs: 500, endMs: 900, confidence: 1, speaker: first },
        ],
      },
      {
        text: "Ja?",
        startMs: 1500,
        endMs: 1800,
        speaker: second,
        words: [{ text: "Ja?", startMs: 1500, endMs: 1800, confidence: 1, speaker: second }],
      },
    ]);
    expect((await read(answer)).segments[0]).not.toHaveProperty("words");
  });

  test("channels, one after the other", async () => {
    const channels = { transcripts: [answer, { text: "Adieu.", language_code: "deu", words: [] }] };
    expect(await read(channels)).toMatchObject({ text: "Guten Tag. Ja?\nAdieu.", languageCode: "de" });
  });

  test.each([[[]], [{}], [{ text: 1 }], [{ transcripts: [{}] }]])("an answer that is none: %j", async (value) => {
    await expect(read(value)).rejects.toMatchObject({ reason: "bad_provider_response" });
  });

  test("a refusal is explained; cancelling closes the socket", async () => {
    await using vendor = await startVendor({
      status: 400,
      body: ['{"detail":{"status":"audio_too_short","message":"no"}}'],
    });
    await using provider = build(elevenlabs, { baseUrl: vendor.url });
    await expect(provider.transcription.transcribe(request(), never)).rejects.toMatchObject({
      facts: { providerCode: "audio_too_short" },
    });
    vendor.answerWith({ ending: "hang" });
    const abort = new AbortController();
    const next = vendor.nextCall();
    const work = provider.transcription.transcribe(request(), abort.signal);
    const call = await next;
    abort.abort(cancelled());
    await expect(work).rejects.toMatchObject({ code: "canceled" });
    expect(await call.closed).toMatchObject({ complete: false });
  });
});
