import { describe, expect, test } from "vitest";
import { cancelled } from "../../../src/core/error.ts";
import type { SpeechEvent, SpeechRequest } from "../../../src/core/speech.ts";
import { elevenlabs } from "../../../src/providers/elevenlabs/index.ts";
import { startVendor, type VendorServer } from "../../support/vendor-server.ts";
import { build, format, never, readUntil, runToEnd, speechRequest, typesOf } from "../speech-driving.ts";

const audio = Buffer.from(Uint8Array.from({ length: 999 }, (_, i) => i * 5));
const voiceId = "21m00Tcm4TlvDq8ikWAM";
const headers = { "content-type": "audio/pcm", "request-id": "req_v", "character-cost": "11" };
const buildOn = (vendor: VendorServer) => build(elevenlabs, { baseUrl: vendor.url });
const request = (over: Partial<SpeechRequest> = {}) =>
  speechRequest({ model: "eleven_flash_v2_5", voice: voiceId, format: format("audio/pcm", 24_000), ...over });
const bodyOf = (vendor: VendorServer) => JSON.parse(vendor.calls.at(-1)?.body ?? "null");

function audioOf(events: readonly SpeechEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.type === "audio" ? [event.data] : [])));
}

describe("what is sent", () => {
  test("the text, the voice and the form; options where they belong", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor);
    const asked = request({
      languageCode: "de-CH",
      speed: 1.1,
      options: { seed: 7, previous_text: "Hoi.", enable_logging: false, voice_settings: { stability: 0.4 } },
    });
    const { events } = await runToEnd(provider.speech.stream(asked, never));
    expect(vendor.calls[0]).toMatchObject({
      method: "POST",
      path: `/v1/text-to-speech/${voiceId}/stream?output_format=pcm_24000&enable_logging=false`,
      headers: { "xi-api-key": "key-1234", "content-type": "application/json" },
    });
    expect(bodyOf(vendor)).toEqual({
      text: asked.text,
      model_id: "eleven_flash_v2_5",
      language_code: "de",
      voice_settings: { speed: 1.1, stability: 0.4 },
      seed: 7,
      previous_text: "Hoi.",
    });
    expect(events).toEqual([
      { type: "response", model: asked.model, requestId: "req_v", format: asked.format, warnings: [] },
      { type: "audio", data: audio },
      { type: "finished", usage: { inputCharacters: 11 } },
    ]);
  });

  test("what the model cannot do is told", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor);
    const asked = request({ model: "eleven_multilingual_v2", languageCode: "de", speed: 3, instructions: "Calm." });
    const { events } = await runToEnd(provider.speech.stream(asked, never));
    expect(bodyOf(vendor)).toEqual({ text: asked.text, model_id: asked.model, voice_settings: { speed: 1.2 } });
    expect(events[0]).toMatchObject({
      warnings: [
        { code: "option-ignored", field: "config.languageCode" },
        { code: "option-ignored", field: "config.instructions" },
        { code: "option-clamped", field: "config.speed" },
      ],
    });
  });

  test("every form that is declared can be asked for", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor);
    const asked: string[] = [];
    for (const one of provider.speech.formats("eleven_v3")) {
      await runToEnd(provider.speech.stream(request({ format: one }), never));
      asked.push(new URL(vendor.calls.at(-1)?.path ?? "", vendor.url).searchParams.get("output_format") ?? "");
    }
    expect(asked).toEqual([
      "pcm_24000",
      "pcm_16000",
      "pcm_8000",
      "pcm_22050",
      "pcm_32000",
      "pcm_44100",
      "pcm_48000",
      "ulaw_8000",
      "alaw_8000",
      "mp3_44100_128",
      "mp3_24000_48",
      "mp3_22050_32",
      "opus_48000_64",
    ]);
    const { error } = await runToEnd(provider.speech.stream(request({ format: format("audio/flac", 0) }), never));
    expect(error).toMatchObject({ reason: "unsupported" });
  });

  test("what we set ourselves is refused", async () => {
    await using vendor = await startVendor({ headers, body: [audio] });
    await using provider = buildOn(vendor);
    const { error } = await runToEnd(provider.speech.stream(request({ options: { output_format: "x" } }), never));
    expect(error).toMatchObject({ reason: "invalid_request" });
    expect(vendor.calls).toEqual([]);
  });
});

describe("voices by name", () => {
  const voice = (voice_id: string, name: string, more = {}) => ({ voice_id, name, ...more });
  const all = [
    voice("A".repeat(20), "Roger - Laid-Back, Casual"),
    voice("B".repeat(20), "Sarah"),
    voice("C".repeat(20), "Twin"),
    voice("D".repeat(20), "twin"),
    voice("E".repeat(20), "Sara Lee", {
      description: "Warm",
      preview_url: "https://x/p.mp3",
      labels: { gender: "female", language: "en", age: null },
      verified_languages: [{ language: "de", locale: "de-DE" }, { language: "fr" }],
    }),
  ];

  /** Two pages of voices, and speech. */
  async function startWithVoices(): Promise<VendorServer> {
    const vendor = await startVendor();
    vendor.answerWith(({ path }) => {
      if (!path.startsWith("/v2/voices")) return { headers, body: [audio] };
      const isFirst = !path.includes("next_page_token");
      const page = isFirst
        ? { voices: all.slice(0, 3), has_more: true, next_page_token: "p2" }
        : { voices: all.slice(3), has_more: false };
      return { headers: { "content-type": "application/json" }, body: [JSON.stringify(page)] };
    });
    return vendor;
  }

  test("are found without regard to case, once for all calls", async () => {
    await using vendor = await startWithVoices();
    await using provider = buildOn(vendor);
    for (const name of ["sarah", "Roger", "Roger - Laid-Back, Casual"]) {
      expect((await runToEnd(provider.speech.stream(request({ voice: name }), never))).error).toBeUndefined();
    }
    expect(vendor.calls.map(({ path }) => path.split("?")[0])).toEqual([
      "/v2/voices",
      "/v2/voices",
      `/v1/text-to-speech/${"B".repeat(20)}/stream`,
      `/v1/text-to-speech/${"A".repeat(20)}/stream`,
      `/v1/text-to-speech/${"A".repeat(20)}/stream`,
    ]);
    expect(vendor.calls[1]?.path).toBe("/v2/voices?page_size=100&next_page_token=p2");
  });

  test.each([
    ["", "failed_precondition", /needs a voice/],
    ["Twin", "failed_precondition", /2 voices are called "Twin".*C{20}.*D{20}/],
    ["Sarha", "not_found", /no voice "Sarha"; near it are (Sarah, Sara Lee|Sara Lee, Sarah)/],
    ["Zzyx", "not_found", /ListVoices/],
  ])("%j is refused before anything is paid for", async (name, code, message) => {
    await using vendor = await startWithVoices();
    await using provider = buildOn(vendor);
    for (let call = 0; call < 2; call++) {
      const { error } = await runToEnd(provider.speech.stream(request({ voice: name }), never));
      expect(error?.code).toBe(code);
      expect(error?.message).toMatch(message);
      expect(error?.facts.violations?.[0]?.field).toBe("route.targets[].voice");
    }
    expect(vendor.calls.filter(({ path }) => path.includes("text-to-speech"))).toEqual([]);
    expect(vendor.calls.length).toBeLessThanOrEqual(2);
  });

  test("are listed, all or for a language", async () => {
    await using vendor = await startWithVoices();
    await using provider = buildOn(vendor);
    const list = async (languageCode: string) => provider.speech.voices?.({ model: "", languageCode }, never);
    expect(await list("")).toHaveLength(5);
    expect(await list("de")).toEqual([
      {
        id: "E".repeat(20),
        displayName: "Sara Lee",
        languageCodes: ["de-DE", "fr", "en"],
        description: "Warm",
        previewUrl: "https://x/p.mp3",
        labels: { gender: "female", language: "en" },
      },
    ]);
  });
});

describe("words", () => {
  const line = (text: string, from: number, piece: Buffer) => {
    const characters = [...text];
    const alignment = {
      characters,
      character_start_times_seconds: characters.map((_, i) => from + i / 10),
      character_end_times_seconds: characters.map((_, i) => from + (i + 1) / 10),
    };
    return `${JSON.stringify({ audio_base64: piece.toString("base64"), alignment, normalized_alignment: null })}\n`;
  };
  const half = 500;
  const lines = line("Grü", 0, audio.subarray(0, half)) + line("ezi wohl", 0.3, audio.subarray(half));
  const words = [
    { text: "Grüezi", startMs: 0, endMs: 600 },
    { text: "wohl", startMs: 700, endMs: 1100 },
  ];
  const wordsOf = (events: readonly SpeechEvent[]) =>
    events.flatMap((event) => (event.type === "words" ? event.words : []));

  test("come with the audio, put together across lines; cut at every byte", async () => {
    await using vendor = await startVendor();
    await using provider = buildOn(vendor);
    const bytes = Buffer.from(lines);
    for (let at = 1; at < bytes.length; at += 11) {
      vendor.answerWith({ headers, body: inTwo(bytes, at) });
      const { events } = await runToEnd(provider.speech.stream(request({ wordTimings: true }), never));
      expect(wordsOf(events), `cut at ${at}`).toEqual(words);
      expect(audioOf(events).equals(audio)).toBe(true);
    }
    expect(vendor.calls[0]?.path).toBe(`/v1/text-to-speech/${voiceId}/stream/with-timestamps?output_format=pcm_24000`);
  });

  test("a piece that counts from its own start goes on where the one before ended", async () => {
    await using vendor = await startVendor({ headers, body: [line("Grü", 0, audio), line("ezi wohl", 0, audio)] });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(provider.speech.stream(request({ wordTimings: true }), never));
    expect(wordsOf(events)).toEqual(words);
  });

  test("a line that is cut is a broken stream, or unreadable", async () => {
    const cut = Buffer.from(lines).subarray(0, -20);
    await using vendor = await startVendor({ headers, body: [cut], ending: "close" });
    await using provider = buildOn(vendor);
    const broken = await runToEnd(provider.speech.stream(request({ wordTimings: true }), never));
    expect(broken.error).toMatchObject({ reason: "stream_broken" });
    vendor.answerWith({ headers, body: [cut] });
    const ended = await runToEnd(provider.speech.stream(request({ wordTimings: true }), never));
    expect(ended.error).toMatchObject({ reason: "bad_provider_response" });
  });
});

describe("faults", () => {
  test.each([
    [401, { detail: { status: "quota_exceeded", message: "0 credits left" } }, "quota_exhausted", "quota_exceeded"],
    [401, { detail: { status: "invalid_api_key", message: "Invalid API key" } }, "provider_auth", "invalid_api_key"],
    [
      429,
      { detail: { status: "too_many_concurrent_requests", message: "x" } },
      "rate_limited",
      "too_many_concurrent_requests",
    ],
    [404, { detail: { type: "not_found", code: "voice_not_found", message: "x" } }, "not_found", "voice_not_found"],
    [422, { detail: [{ loc: ["body", "text"], msg: "field required" }] }, "provider_rejected", undefined],
    [500, "oops", "provider_unavailable", undefined],
  ])("%i %o", async (status, body, reason, providerCode) => {
    await using vendor = await startVendor({ status, body: [typeof body === "string" ? body : JSON.stringify(body)] });
    await using provider = buildOn(vendor);
    const { error } = await runToEnd(provider.speech.stream(request(), never));
    expect(error).toMatchObject({ reason, facts: { httpStatus: status, providerCode } });
    if (status === 422) expect(error?.message).toContain("body.text: field required");
  });

  test.each(["close", "reset"] as const)("a %s in the middle is a broken stream", async (ending) => {
    await using vendor = await startVendor({ headers, body: [audio], ending });
    await using provider = buildOn(vendor);
    const { error, events } = await runToEnd(provider.speech.stream(request(), never));
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken" });
    expect(typesOf(events)).not.toContain("finished");
  });

  test("no audio at all", async () => {
    await using vendor = await startVendor({ headers, body: [] });
    await using provider = buildOn(vendor);
    for (const wordTimings of [false, true]) {
      const { error } = await runToEnd(provider.speech.stream(request({ wordTimings }), never));
      expect(error).toMatchObject({ reason: "bad_provider_response" });
    }
  });

  test("without its header the cost is estimated", async () => {
    await using vendor = await startVendor({ headers: { "content-type": "audio/pcm" }, body: [audio] });
    await using provider = buildOn(vendor);
    const { events } = await runToEnd(provider.speech.stream(request(), never));
    expect(events.at(-1)).toMatchObject({ usage: { inputCharacters: 21, estimated: true } });
  });

  test.each(["voices", "audio"])("cancelling while %s are awaited closes the socket", async (phase) => {
    await using vendor = await startVendor({ headers, body: phase === "audio" ? [audio] : [], ending: "hang" });
    await using provider = buildOn(vendor);
    const abort = new AbortController();
    const next = vendor.nextCall();
    const stream = provider.speech.stream(request({ voice: phase === "audio" ? voiceId : "Sarah" }), abort.signal);
    const iterator = stream[Symbol.asyncIterator]();
    const reading = phase === "audio" ? readUntil(iterator, ({ type }) => type === "audio") : undefined;
    const pending = reading ?? iterator.next().then(undefined, (error: unknown) => error);
    const call = await next;
    if (reading) await reading;
    abort.abort(cancelled());
    if (reading) await expect(iterator.next()).rejects.toMatchObject({ code: "canceled" });
    else expect(await pending).toMatchObject({ code: "canceled" });
    expect(await call.closed).toMatchObject({ complete: false });
  });
});

test("models", async () => {
  const models = [{ model_id: "eleven_v3", name: "Eleven v3" }, { model_id: "x" }, { name: "none" }];
  await using vendor = await startVendor({ body: [JSON.stringify(models)] });
  await using provider = buildOn(vendor);
  expect(await provider.models.list(never)).toEqual([{ id: "eleven_v3", displayName: "Eleven v3" }, { id: "x" }]);
  expect(vendor.calls[0]).toMatchObject({ method: "GET", path: "/v1/models", headers: { "xi-api-key": "key-1234" } });
  vendor.answerWith({ body: ['{"models":[]}'] });
  await expect(provider.models.list(never)).rejects.toMatchObject({ reason: "bad_provider_response" });
});

async function* inTwo(bytes: Buffer, at: number) {
  yield bytes.subarray(0, at);
  await new Promise((resolve) => setImmediate(resolve));
  yield bytes.subarray(at);
}
