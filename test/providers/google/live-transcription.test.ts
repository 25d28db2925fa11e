import { describe, expect, test } from "vitest";
import { cancelled, LivellmError } from "../../../src/core/error.ts";
import { Secret } from "../../../src/core/secret.ts";
import type { LiveEvent, LiveInput, LiveTranscriptionRequest } from "../../../src/core/transcription.ts";
import { google } from "../../../src/providers/google/index.ts";
import { toLiveSetup } from "../../../src/providers/google/live-request.ts";
import { createUpstream } from "../../../src/upstream/upstream.ts";
import {
  type FakeGeminiLiveOptions,
  type FakeLiveSession,
  startFakeGeminiLive,
} from "../../support/fake-gemini-live.ts";

function liveRequest(more: Partial<LiveTranscriptionRequest> = {}): LiveTranscriptionRequest {
  return {
    model: "gemini-3.5-transcribe-live",
    options: {},
    requestId: "r",
    userId: "",
    languageCode: "",
    prompt: "",
    phrases: [],
    wordTimings: false,
    speakerLabels: false,
    format: { mimeType: "audio/pcm", sampleRateHertz: 16_000, channelCount: 1 },
    interim: true,
    turnDetection: { mode: "silence" },
    ...more,
  };
}

/** So much of a tone, or of silence, in frames of 100 ms. */
function* frames(milliseconds: number, amplitude: number): Generator<LiveInput> {
  for (let sent = 0; sent < milliseconds; sent += 100) {
    const samples = Int16Array.from({ length: 1600 }, (_, i) => amplitude * Math.sin(i / 4));
    yield { type: "audio", data: new Uint8Array(samples.buffer) };
  }
}
const speech = (milliseconds: number) => frames(milliseconds, 8000);
const silence = (milliseconds: number) => frames(milliseconds, 0);
const aMoment = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const commit: LiveInput = { type: "commit" };

async function* said(...pieces: readonly (Iterable<LiveInput> | LiveInput | (() => Promise<unknown>))[]) {
  for (const piece of pieces) {
    if (typeof piece === "function") await piece();
    else if ("type" in piece) yield piece;
    else yield* piece;
  }
}

interface Call {
  readonly input: AsyncIterable<LiveInput>;
  readonly request?: Partial<LiveTranscriptionRequest>;
  readonly options?: FakeGeminiLiveOptions;
  readonly signal?: AbortSignal;
  readonly watch?: (event: LiveEvent, session: FakeLiveSession) => void;
}

/** Runs a session against a fake server that knows the texts of the utterances in their order. */
async function hear(
  { input, request, options, signal = new AbortController().signal, watch }: Call,
  texts: string[] = [],
) {
  const heard: number[] = [];
  const onAudio = async (pcm: Uint8Array) => {
    heard.push(pcm.length);
    return texts.shift() ?? "";
  };
  await using server = await startFakeGeminiLive({ onAudio, ...options });
  const apiKey = new Secret("AIzaLiveSecretKey");
  const upstream = createUpstream({ connectTimeoutMs: 5_000, secrets: [apiKey] });
  const { liveTranscription } = google.create({ apiKey, baseUrl: server.url, headers: {}, settings: {} }, upstream);
  const events: LiveEvent[] = [];
  let error: unknown;
  try {
    for await (const event of liveTranscription?.stream(liveRequest(request), input, signal) ?? []) {
      events.push(event);
      const [session] = server.sessions;
      if (session) watch?.(event, session);
    }
  } catch (thrown) {
    error = thrown;
  }
  const [session] = server.sessions;
  const code = await session?.closed;
  await upstream.close();
  return { events, error, session, heard, code };
}

const finals = (events: readonly LiveEvent[]) =>
  events.flatMap((event) => (event.type === "segment" && event.final ? [event.text] : []));
const types = (events: readonly LiveEvent[]) => events.map(({ type }) => type);

describe("a session with turns that the server finds", () => {
  test("from setup to the last words", async () => {
    const input = said(silence(300), speech(600), silence(600), speech(500));
    const { events, error, session, code } = await hear({ input }, ["Hello there my friend", "Good bye"]);
    expect(error).toBeUndefined();
    expect(events).toEqual([
      { type: "accepted", model: "gemini-3.5-transcribe-live", requestId: "session-1", warnings: [] },
      { type: "speech-started", offsetMs: 300 },
      { type: "speech-ended", offsetMs: 900 },
      { type: "segment", key: "0", final: false, text: "Hello there", startMs: 300 },
      {
        type: "segment",
        key: "0",
        final: true,
        text: "Hello there my friend",
        startMs: 300,
        endMs: 900,
        languageCode: "en-US",
      },
      { type: "turn-ended", offsetMs: 900 },
      { type: "speech-started", offsetMs: 1500 },
      { type: "speech-ended", offsetMs: 2000 },
      { type: "segment", key: "1", final: false, text: "Good", startMs: 1500 },
      { type: "segment", key: "1", final: true, text: "Good bye", startMs: 1500, endMs: 2000, languageCode: "en-US" },
      { type: "turn-ended", offsetMs: 2000 },
      {
        type: "finished",
        usage: { inputTokens: 20, outputTokens: 8, inputAudioTokens: 20, providerUsage: expect.anything() },
      },
    ]);
    expect(session?.inputs).toEqual(["audio", "audioStreamEnd"]);
    expect(session?.audio().length).toBe(2000 * 32);
    expect(code).toBe(1000);
  });

  test("the key is in a header, never in the address", async () => {
    const { session } = await hear({ input: said() });
    expect(session?.path).toBe("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent");
    expect(session?.headers["x-goog-api-key"]).toBe("AIzaLiveSecretKey");
  });

  test("without interim results, and what the caller says is over is over", async () => {
    const input = said(speech(300), commit, commit, speech(300));
    const { events, session } = await hear({ input, request: { interim: false } }, ["One", "Two"]);
    expect(events.filter((event) => event.type === "segment").map(({ final }) => final)).toEqual([true, true]);
    expect(finals(events)).toEqual(["One", "Two"]);
    expect(session?.inputs).toEqual(["audio", "audioStreamEnd", "audio", "audioStreamEnd"]);
  });

  test("no audio, and audio without words, end by themselves", async () => {
    expect(types((await hear({ input: said() })).events)).toEqual(["accepted", "finished"]);
    const { events } = await hear({ input: said(speech(300)) });
    expect(types(events)).toEqual(["accepted", "speech-started", "speech-ended", "turn-ended", "finished"]);
  });

  test("a turn without words ends too, while the caller goes on", async () => {
    const { events } = await hear({ input: said(speech(200), silence(600), () => aMoment(1000), silence(100)) });
    expect(types(events)).toEqual(["accepted", "speech-started", "speech-ended", "turn-ended", "finished"]);
  });

  test("a word that comes only after the end of its activity is not lost", async () => {
    const slow = async () => {
      await aMoment(300);
      return "Yes";
    };
    const { events } = await hear({ input: said(speech(200)), options: { onAudio: slow } });
    expect(finals(events)).toEqual(["Yes"]);
  });
});

describe("a session with turns that the server is told of", () => {
  const request = { turnDetection: { mode: "manual" } } as const;

  test("each commit is a turn, and the end is one too", async () => {
    const input = said(speech(300), commit, commit, silence(200), speech(300));
    const { events, session, heard } = await hear({ input, request }, ["One", "Two"]);
    expect(session?.setup.realtimeInputConfig).toEqual({ automaticActivityDetection: { disabled: true } });
    expect(session?.inputs).toEqual(["activityStart", "audio", "activityEnd", "activityStart", "audio", "activityEnd"]);
    expect(heard).toHaveLength(2);
    // The server's echo of what it was told is no sign of speech.
    expect(types(events)).toEqual([
      "accepted",
      "segment",
      "segment",
      "turn-ended",
      "segment",
      "segment",
      "turn-ended",
      "finished",
    ]);
    expect(events.at(-3)).toMatchObject({ text: "Two", startMs: 300, endMs: 800 });
  });

  test("the last turn's words are waited for when those of the one before come late", async () => {
    const texts = ["One", "Two"];
    const slow = async () => {
      await aMoment(100);
      return texts.shift() ?? "";
    };
    const { events } = await hear({
      input: said(speech(200), commit, speech(200)),
      request,
      options: { onAudio: slow },
    });
    expect(finals(events)).toEqual(["One", "Two"]);
  });
});

describe("what the server says besides", () => {
  const content = (serverContent: object) => ({ serverContent });

  /** The caller says nothing; the server says what a test wants as soon as the session is accepted. */
  async function told(messages: readonly object[], request: Partial<LiveTranscriptionRequest> = {}) {
    const input = said(speech(100));
    const watch = (event: LiveEvent, session: FakeLiveSession) => {
      if (event.type === "accepted") for (const message of messages) session.send(message);
    };
    return hear({ input, request, watch, options: { loudness: 32_767 } });
  }

  test("the end of the connection is announced", async () => {
    const { events } = await told([{ goAway: { timeLeft: "9.5s" } }]);
    expect(events).toContainEqual({ type: "ending", timeLeftMs: 9500 });
  });

  test("times and speakers of the transcript itself count more than those of activity", async () => {
    const { events } = await told([
      { voiceActivity: { voiceActivityType: "ACTIVITY_START", audioOffset: "0.100s" } },
      content({
        inputTranscription: { text: " Hi. ", startOffset: "0.250s", endOffset: "0.750s", speakerLabel: "spk_1" },
      }),
      content({ generationComplete: true }),
      content({ turnComplete: true }),
    ]);
    expect(events).toContainEqual({
      type: "segment",
      key: "0",
      final: true,
      text: "Hi.",
      startMs: 250,
      endMs: 750,
      speaker: "spk_1",
    });
    expect(types(events).filter((type) => type === "turn-ended")).toHaveLength(1);
  });

  test("speech that begins before the words of the last are complete keeps its own time", async () => {
    const { events } = await told([
      { voiceActivity: { type: "ACTIVITY_START" } },
      content({ interimInputTranscription: { text: "On" } }),
      { voiceActivity: { type: "ACTIVITY_END", audioOffset: "1s" } },
      { voiceActivity: { type: "ACTIVITY_START", audioOffset: "2s" } },
      content({ inputTranscription: { text: "One" } }),
      content({ generationComplete: true }),
      { voiceActivity: { type: "ACTIVITY_END", audioOffset: "3s" } },
      content({ turnComplete: true }),
      content({ inputTranscription: { text: "Two" }, turnComplete: true }),
    ]);
    const segments = events.filter((event) => event.type === "segment" && event.final);
    expect(segments).toMatchObject([
      { key: "0", text: "One", startMs: 0, endMs: 1000 },
      { key: "1", text: "Two", startMs: 2000, endMs: 3000 },
    ]);
    expect(events.filter((event) => event.type === "turn-ended")).toEqual([
      { type: "turn-ended", offsetMs: 1000 },
      { type: "turn-ended", offsetMs: 3000 },
    ]);
  });

  test("an error ends the session with its meaning", async () => {
    const { error } = await told([{ error: { code: 429, message: "Slow down", status: "RESOURCE_EXHAUSTED" } }]);
    expect(error).toMatchObject({ code: "resource_exhausted", reason: "rate_limited" });
  });
});

describe("endings that are none", () => {
  const end = (how: (session: FakeLiveSession) => void) => {
    const watch = (event: LiveEvent, session: FakeLiveSession) => {
      if (event.type === "segment" && !event.final) return;
      if (event.type === "segment") how(session);
    };
    // The caller goes on speaking until the session breaks.
    const { promise: never } = Promise.withResolvers<void>();
    return hear({ input: said(speech(200), silence(600), () => never), watch }, ["Hello"]);
  };

  test.each<[string, (session: FakeLiveSession) => void, object]>([
    ["closed", (session) => session.close(1011, "internal error"), { providerCode: "1011" }],
    ["closed as if all were well", (session) => session.close(1000), { providerCode: "1000" }],
    ["cut", (session) => session.cut(), {}],
  ])("%s: after the words so far", async (_, how, facts) => {
    const { events, error } = await end(how);
    expect(finals(events)).toEqual(["Hello"]);
    expect(error).toMatchObject({ code: "unavailable", reason: "stream_broken", facts });
  });

  test("words that have begun and do not come are not forgotten", async () => {
    const abort = new AbortController();
    const watch = (event: LiveEvent, session: FakeLiveSession) => {
      if (event.type !== "accepted") return;
      session.send({ voiceActivity: { type: "ACTIVITY_START" } });
      session.send({ serverContent: { interimInputTranscription: { text: "Hel" } } });
      session.send({ voiceActivity: { type: "ACTIVITY_END", audioOffset: "0.1s" } });
    };
    const timer = setTimeout(() => abort.abort(cancelled()), 2000);
    const options = { loudness: 32_767 };
    const { events, error } = await hear({ input: said(speech(100)), signal: abort.signal, watch, options });
    clearTimeout(timer);
    // It waits for as long as it is let: whose clock ends that is not its business.
    expect(error).toMatchObject({ code: "canceled" });
    expect(types(events)).toEqual(["accepted", "speech-started", "segment", "speech-ended"]);
  });

  test("cancelling cuts the socket while nobody speaks", async () => {
    const abort = new AbortController();
    const { promise: never } = Promise.withResolvers<void>();
    const watch = (event: LiveEvent) => event.type === "accepted" && abort.abort(cancelled());
    const { error, code } = await hear({ input: said(() => never), signal: abort.signal, watch });
    expect(error).toMatchObject({ code: "canceled" });
    expect(code).toBe(1006);
  });

  test("a failure of the caller's side is thrown, and the socket is cut", async () => {
    const fail = () => Promise.reject(new LivellmError("data_loss", "internal", "lost"));
    const { error, code } = await hear({ input: said(speech(100), fail) });
    expect(error).toMatchObject({ message: "lost" });
    expect(code).toBe(1006);
  });
});

describe("refusals", () => {
  const badKey = {
    error: {
      code: 400,
      message: "API key not valid.",
      details: [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID" }],
    },
  };

  test("of the handshake", async () => {
    const { error } = await hear({ input: said(), options: { refuse: { status: 400, body: badKey } } });
    expect(error).toMatchObject({ code: "failed_precondition", reason: "provider_auth" });
  });

  test.each([
    [1007, "API key not valid. Please pass a valid API key.", { code: "failed_precondition", reason: "provider_auth" }],
    [1008, "models/x is not found for API version v1beta", { code: "not_found", reason: "model_not_found" }],
    [1007, "Request contains an invalid argument.", { code: "invalid_argument", reason: "provider_rejected" }],
    [1011, "You exceeded your current quota", { code: "resource_exhausted", reason: "rate_limited" }],
    [1011, "Internal error", { code: "unavailable", reason: "provider_unavailable" }],
    [1000, "", { code: "unavailable", reason: "stream_broken" }],
  ])("of the setup: %i %s", async (code, reason, expected) => {
    const { error, events } = await hear({ input: said(), options: { refuseSetup: { code, reason } } });
    expect(error).toMatchObject(expected);
    expect(events).toEqual([]);
  });
});

describe("the setup", () => {
  test("exactly", () => {
    const request = liveRequest({
      languageCode: "de-CH",
      phrases: ["Chuchichäschtli"],
      turnDetection: { mode: "silence", silenceMs: 700 },
      options: { inputAudioTranscription: { mode: "SMART" } },
    });
    expect(toLiveSetup(request)).toEqual({
      setup: {
        model: "models/gemini-3.5-transcribe-live",
        generationConfig: { responseModalities: ["TEXT"] },
        inputAudioTranscription: {
          languageCodes: ["de-CH"],
          customVocabulary: ["Chuchichäschtli"],
          mode: "SMART",
        },
        realtimeInputConfig: { automaticActivityDetection: { silenceDurationMs: 700 } },
      },
      warnings: [],
    });
    expect(toLiveSetup(liveRequest()).setup).not.toHaveProperty("realtimeInputConfig");
  });

  test("what the API has not is said", () => {
    const turnDetection = { mode: "silence", threshold: 0.4, prefixMs: 100 } as const;
    const { warnings } = toLiveSetup(
      liveRequest({ prompt: "x", wordTimings: true, speakerLabels: true, turnDetection }),
    );
    expect(warnings.map(({ field }) => field)).toEqual([
      "start.turnDetection.silence.threshold",
      "start.turnDetection.silence.prefixMs",
      "config.prompt",
      "config.wordTimings",
      "config.speakerLabels",
    ]);
  });

  test("what it cannot do, and what is ours, is refused", () => {
    expect(() => toLiveSetup(liveRequest({ turnDetection: { mode: "semantic" } }))).toThrow(
      expect.objectContaining({ reason: "unsupported" }),
    );
    expect(() => toLiveSetup(liveRequest({ options: { model: "x" } }))).toThrow("route.targets[].options.model");
  });
});
