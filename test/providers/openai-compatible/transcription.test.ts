import OpenAI, { toFile } from "openai";
import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import { openai } from "../../../src/providers/openai/index.ts";
import { openaiCompatible } from "../../../src/providers/openai-compatible/index.ts";
import { startVendor } from "../../support/vendor-server.ts";
import { build, never, transcriptionRequest } from "../speech-driving.ts";
import { startUploadVendor, type UploadVendor } from "../upload-vendor.ts";

const plain = { text: " Hello. " };
const buildOn = (vendor: UploadVendor) => build(openai, { baseUrl: `${vendor.url}/v1` });

describe("what is sent", () => {
  test("the form, byte for byte", async () => {
    await using vendor = await startUploadVendor(plain);
    await using provider = buildOn(vendor);
    const audio = Buffer.from("RIFF\r\n--x\0");
    const filename = 'a"b\r\n.wav';
    await provider.transcription.transcribe(
      transcriptionRequest({ audio, filename, model: "gpt-4o-transcribe" }),
      never,
    );
    const [upload] = vendor.uploads;
    const boundary = upload?.headers["content-type"]?.match(
      /^multipart\/form-data; boundary=(form_[0-9a-f]{32})$/,
    )?.[1];
    expect(upload?.raw.toString("latin1")).toBe(
      [
        `--${boundary}`,
        'content-disposition: form-data; name="model"',
        "",
        "gpt-4o-transcribe",
        `--${boundary}`,
        'content-disposition: form-data; name="response_format"',
        "",
        "json",
        `--${boundary}`,
        'content-disposition: form-data; name="file"; filename="a%22b%0D%0A.wav"',
        "content-type: audio/wav",
        "",
        "RIFF\r\n--x\0",
        `--${boundary}--`,
        "",
      ].join("\r\n"),
    );
    expect(upload).toMatchObject({ path: "/v1/audio/transcriptions", headers: { authorization: "Bearer key-1234" } });
  });

  test("what OpenAI's own SDK would send", async () => {
    await using vendor = await startUploadVendor(plain);
    await using provider = buildOn(vendor);
    const request = transcriptionRequest({
      languageCode: "de-CH",
      prompt: "A call.",
      wordTimings: true,
      options: { temperature: 0.2, include: ["logprobs"], chunking_strategy: { type: "server_vad", threshold: 0.4 } },
    });
    await provider.transcription.transcribe(request, never);
    const sdk = new OpenAI({ apiKey: "key-1234", baseURL: `${vendor.url}/v1`, maxRetries: 0 });
    await sdk.audio.transcriptions.create({
      model: "whisper-1",
      response_format: "verbose_json",
      timestamp_granularities: ["segment", "word"],
      language: "de",
      prompt: "A call.",
      temperature: 0.2,
      include: ["logprobs"],
      chunking_strategy: { type: "server_vad", threshold: 0.4 },
      file: await toFile(request.audio, "call.wav", { type: "audio/wav" }),
    });
    const [ours, theirs] = vendor.uploads;
    expect(ours?.fields.toSorted()).toEqual(theirs?.fields.toSorted());
    expect(ours?.file).toEqual(theirs?.file);
    expect(ours?.file?.bytes).toEqual(request.audio);
  });

  test.each([
    [
      "whisper-1",
      [
        ["response_format", "verbose_json"],
        ["prompt", "A call.\nZürich, Uri"],
      ],
    ],
    [
      "Systran/faster-whisper-large-v3",
      [
        ["response_format", "verbose_json"],
        ["prompt", "A call.\nZürich, Uri"],
      ],
    ],
    [
      "gpt-4o-mini-transcribe",
      [
        ["response_format", "json"],
        ["prompt", "A call.\nZürich, Uri"],
      ],
    ],
    [
      "gpt-transcribe",
      [
        ["response_format", "json"],
        ["prompt", "A call."],
        ["keywords[]", "Zürich"],
        ["keywords[]", "Uri"],
      ],
    ],
    [
      "gpt-4o-transcribe-diarize",
      [
        ["response_format", "diarized_json"],
        ["chunking_strategy", "auto"],
      ],
    ],
    [
      "canary-1b",
      [
        ["response_format", "json"],
        ["prompt", "A call.\nZürich, Uri"],
      ],
    ],
  ])("hints and forms of %s", async (model, expected) => {
    await using vendor = await startUploadVendor(plain);
    await using provider = buildOn(vendor);
    const asked = transcriptionRequest({ model, prompt: "A call.", phrases: ["Zürich", "Uri"], speakerLabels: true });
    const { warnings } = await provider.transcription.transcribe(asked, never);
    expect(vendor.uploads[0]?.fields.filter(([name]) => !["model", "file"].includes(name))).toEqual(expected);
    const told = warnings?.map(({ code, field }) => `${code} ${field}`) ?? [];
    expect(told.includes("option-ignored config.speakerLabels")).toBe(!model.endsWith("-diarize"));
    expect(told.includes("option-ignored config.phrases")).toBe(model.endsWith("-diarize"));
    expect(told.includes("option-approximated config.phrases")).toBe(!/-diarize|gpt-transcribe/.test(model));
  });

  test.each([
    ["", "audio/mpeg", "audio.mp3"],
    ["", "audio/x-m4a;codecs=aac", "audio.m4a"],
    ["voice note", "audio/ogg", "voice note.ogg"],
    ["a.webm", "audio/webm", "a.webm"],
    ["", "audio/x-wav", "audio.wav"],
  ])("a file called %j of %s goes as %s", async (filename, mimeType, name) => {
    await using vendor = await startUploadVendor(plain);
    await using provider = buildOn(vendor);
    await provider.transcription.transcribe(transcriptionRequest({ filename, mimeType }), never);
    expect(vendor.uploads[0]?.file?.name).toBe(name);
  });

  test("what we set ourselves is refused", async () => {
    await using vendor = await startUploadVendor(plain);
    await using provider = buildOn(vendor);
    const request = transcriptionRequest({ options: { stream: true, response_format: "srt" } });
    await expect(provider.transcription.transcribe(request, never)).rejects.toMatchObject({
      reason: "invalid_request",
    });
    expect(vendor.uploads).toEqual([]);
  });

  test("Azure's deployments", async () => {
    await using vendor = await startUploadVendor(plain);
    await using provider = build(openaiCompatible, { baseUrl: vendor.url, settings: { dialect: "azure" } });
    await provider.transcription.transcribe(transcriptionRequest(), never);
    expect(vendor.uploads[0]?.path).toBe("/openai/deployments/whisper-1/audio/transcriptions?api-version=2024-10-21");
    expect(vendor.uploads[0]?.headers).toMatchObject({ "api-key": "key-1234" });
  });
});

describe("what comes", () => {
  async function read(answer: unknown, over = {}) {
    await using vendor = await startUploadVendor(answer, { "x-request-id": "req_v" });
    await using provider = buildOn(vendor);
    return await provider.transcription.transcribe(transcriptionRequest(over), never);
  }

  test("plain, with usage in tokens", async () => {
    const usage = {
      type: "tokens",
      input_tokens: 14,
      output_tokens: 5,
      total_tokens: 19,
      input_token_details: { audio_tokens: 12 },
    };
    expect(await read({ ...plain, usage, languages: [{ code: "en" }] })).toEqual({
      text: "Hello.",
      languageCode: "en",
      segments: [],
      usage: { inputTokens: 14, outputTokens: 5, inputAudioTokens: 12, providerUsage: usage },
      model: "whisper-1",
      requestId: "req_v",
      warnings: [],
    });
  });

  test("verbose: segments with their words, confidence, and the language by its code", async () => {
    const usage = { type: "duration", seconds: 3 };
    const answer = {
      text: "Guten Tag. Bitte?",
      language: "german",
      duration: 2.87,
      segments: [
        { id: 0, start: 0, end: 1.2, text: " Guten Tag.", avg_logprob: -0.1 },
        { id: 1, start: 1.5, end: 2.5, text: " Bitte?", avg_logprob: -0.5 },
      ],
      words: [
        { word: "Guten", start: 0.1, end: 0.5 },
        { word: "Tag", start: 0.6, end: 1.1 },
        { word: "Bitte", start: 1.6, end: 2.2 },
      ],
      usage,
    };
    expect(await read(answer, { wordTimings: true })).toMatchObject({
      languageCode: "de",
      durationMs: 2870,
      segments: [
        {
          text: "Guten Tag.",
          startMs: 0,
          endMs: 1200,
          confidence: Math.exp(-0.1),
          words: [
            { text: "Guten", startMs: 100, endMs: 500 },
            { text: "Tag", startMs: 600, endMs: 1100 },
          ],
        },
        { text: "Bitte?", startMs: 1500, endMs: 2500, words: [{ text: "Bitte", startMs: 1600, endMs: 2200 }] },
      ],
      usage: { inputAudioMs: 3000 },
    });
    const { segments } = await read({ ...answer, segments: undefined }, { wordTimings: true });
    expect(segments).toMatchObject([{ text: "Guten Tag. Bitte?", startMs: 100, endMs: 2200 }]);
  });

  test("diarized: who said what", async () => {
    const segment = { type: "transcript.text.segment", id: "1" };
    const segments = [
      { ...segment, start: 0, end: 1, text: "Hi.", speaker: "A" },
      { ...segment, start: 1, end: 2.5, text: " Hello!", speaker: "agent" },
    ];
    const read1 = await read({ task: "transcribe", duration: 2.5, text: "Hi. Hello!", segments });
    expect(read1).toMatchObject({
      durationMs: 2500,
      segments: [
        { text: "Hi.", startMs: 0, endMs: 1000, speaker: "A" },
        { text: "Hello!", startMs: 1000, endMs: 2500, speaker: "agent" },
      ],
    });
  });

  test.each([
    ["en", "en"],
    ["english", "en"],
    ["Swiss German", undefined],
    ["chinese", "zh"],
    ["", undefined],
  ])("language %j is %j", async (language, code) => {
    expect((await read({ ...plain, language })).languageCode).toBe(code);
  });

  test.each([[{ error: "no" }], [[]], [{ text: 3 }]])("an answer that is none: %j", async (answer) => {
    await expect(read(answer)).rejects.toMatchObject({ code: "internal", reason: "bad_provider_response" });
  });

  test("a refusal is explained; cancelling closes the socket", async () => {
    const error = { error: { message: "Audio file is too short", code: "audio_too_short" } };
    await using vendor = await startVendor({ status: 400, body: [JSON.stringify(error)] });
    await using provider = build(openai, { baseUrl: vendor.url });
    await expect(provider.transcription.transcribe(transcriptionRequest(), never)).rejects.toMatchObject({
      code: "invalid_argument",
      facts: { providerCode: "audio_too_short" },
    });
    vendor.answerWith({ ending: "hang" });
    const abort = new AbortController();
    const next = vendor.nextCall();
    const work = provider.transcription.transcribe(transcriptionRequest(), abort.signal);
    const call = await next;
    abort.abort(cancelled());
    await expect(work).rejects.toMatchObject({ code: "canceled" });
    expect(await call.closed).toMatchObject({ complete: false });
  });
});
